"""Forms: the ways to build one node of a logic network from gates, by the polarity of what goes in and comes out.

A form needs its operands true or inverted (or in any polarity, where XOR/XNOR absorb it) and delivers the node true or
inverted; what else is needed of the signal takes an inverter, shared by all who need it. An operand that a form does
without need not be built at all: where no reader's form uses it, it costs nothing. The paper's netlists use the
two alternating forms of every node (AOI21/NAND2 on true operands, OAI21/NOR2 on inverted ones); the others cost less
area in some places.
"""

from __future__ import annotations

from dataclasses import dataclass

from prefixrl.circuits.logic import AND, AO, CARRY, HALF, INPUT, OR, XOR

TRUE, INVERTED, ANY, UNUSED = range(4)


@dataclass(frozen=True)
class Form:
    """One way to build a node.

    :param needs: polarity that each operand is needed in: TRUE, INVERTED, ANY or UNUSED
    :param output: polarity that it delivers
    :param gates: roles of the gates in the order of construction; `mapping` knows how they are joined
    :param alternating: one of the two forms of the paper's netlists
    """

    name: str
    needs: tuple[int, ...]
    output: int
    gates: tuple[str, ...]
    alternating: bool = False


_T, _I, _X, _N = TRUE, INVERTED, ANY, UNUSED

FORMS: dict[int, tuple[Form, ...]] = {
    INPUT: (Form("input", (), _T, (), alternating=True),),
    AND: (
        Form("nand", (_T, _T), _I, ("NAND2",), alternating=True),
        Form("nor", (_I, _I), _T, ("NOR2",), alternating=True),
        Form("and", (_T, _T), _T, ("AND2",)),
        Form("or", (_I, _I), _I, ("OR2",)),
    ),
    OR: (
        Form("nor", (_T, _T), _I, ("NOR2",), alternating=True),
        Form("nand", (_I, _I), _T, ("NAND2",), alternating=True),
        Form("or", (_T, _T), _T, ("OR2",)),
        Form("and", (_I, _I), _I, ("AND2",)),
    ),
    XOR: (
        Form("xor", (_X, _X), _T, ("XOR2",), alternating=True),
        Form("xnor", (_X, _X), _I, ("XNOR2",), alternating=True),
    ),
    AO: (
        Form("aoi", (_T, _T, _T), _I, ("AOI21",), alternating=True),
        Form("oai", (_I, _I, _I), _T, ("OAI21",), alternating=True),
        Form("nand_nand", (_I, _T, _T), _T, ("NAND2", "NAND2")),
        Form("nor_nor", (_T, _I, _I), _I, ("NOR2", "NOR2")),
        Form("ao", (_T, _T, _T), _T, ("AO21",)),
        Form("oa", (_I, _I, _I), _I, ("OA21",)),
    ),
    HALF: (
        Form("oai", (_T, _T, _I), _I, ("OAI21",), alternating=True),
        Form("aoi", (_I, _I, _T), _T, ("AOI21",), alternating=True),
        Form("nor_nor", (_T, _T, _T), _T, ("NOR2", "NOR2")),
        Form("nand_nand", (_I, _I, _I), _I, ("NAND2", "NAND2")),
        Form("xor", (_X, _X, _N), _T, ("XOR2",)),
        Form("xnor", (_X, _X, _N), _I, ("XNOR2",)),
    ),
}
# The carry out of one bit straight from its operand bits: !(x y + p h). It takes h true, as `aoi` does, but no g, which
# true would cost an AND2 or an inverter. Its dual, !((x + y) (p' + h)), would not bear a p that is an OR, which
# `native` may make of it.
FORMS[CARRY] = (*FORMS[AO], Form("aoi22", (_N, _T, _T), _I, ("AOI22",)))
