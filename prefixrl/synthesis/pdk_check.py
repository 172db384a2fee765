"""Trying a PDK out: a small adder is synthesised to it and proven, and what is missing is told."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from prefixrl.circuits import Circuit
from prefixrl.circuits.cells import ROLE_FUNCTIONS, CellLibrary
from prefixrl.circuits.proof import prove_netlist
from prefixrl.errors import EvaluationFailed, InputError, ToolError
from prefixrl.graphs.structures import structure
from prefixrl.synthesis.constraints import default_constraints
from prefixrl.synthesis.pdk import Pdk
from prefixrl.synthesis.yosys import YosysEvaluator

CHECK_WIDTH = 8


@dataclass(frozen=True)
class Missing:
    """Something that a PDK lacks.

    :param what: in a few words
    :param disables: what cannot be done, or is done worse, without it
    """

    what: str
    disables: str


@dataclass(frozen=True)
class PdkCheck:
    """What came of trying a PDK out.

    :param cells: usable cells, of all that the library has
    :param passed_over: cells with a function that cannot be used, and why
    :param composed: roles that the library has no cell for, so that they take several
    :param points: of the curve of an 8-bit Sklansky adder
    :param proof: how the fastest netlist was proven to add
    :param missing: what is not there
    :param failure: why the PDK is of no use, None where it is
    """

    name: str
    origin: str
    driving_cell: str
    output_load_ff: float
    cells: tuple[int, int]
    passed_over: tuple[tuple[str, str], ...]
    composed: tuple[str, ...]
    points: tuple[tuple[float, float], ...]
    proof: str | None
    missing: tuple[Missing, ...]
    failure: str | None

    @property
    def ok(self) -> bool:
        """Whether circuits can be synthesised to the PDK."""
        return self.failure is None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"ok": self.ok}


def check_pdk(pdk: Pdk) -> PdkCheck:
    """Synthesise an 8-bit adder to a PDK, prove it, and say what is missing.

    A library that is of no use is a result with `failure`, not an exception.

    :raises ToolMissing: this machine has no Yosys or ABC
    """
    every = [cell for library in pdk.liberty_libraries() for cell in library.cells]
    passed_over = tuple((cell.name, cell.unfit) for cell in every if cell.unfit is not None)
    points: tuple[tuple[float, float], ...] = ()
    composed: tuple[str, ...] = ()
    proof: str | None = None
    failure: str | None = None
    usable = 0
    try:
        library = pdk.library()
        usable = sum(not library.avoids(cell.name) for cell in library)
        composed = _composed(library)
        points, proof = _try_out(pdk, library)
    except (InputError, EvaluationFailed, ToolError) as error:
        failure = str(error)
    return PdkCheck(
        name=pdk.name,
        origin=pdk.origin,
        driving_cell=pdk.driving_cell,
        output_load_ff=pdk.output_load_ff,
        cells=(usable, len(every)),
        passed_over=passed_over,
        composed=composed,
        points=points,
        proof=proof,
        missing=_missing(pdk, any(cell.has_leakage for cell in every)),
        failure=failure,
    )


def _composed(library: CellLibrary) -> tuple[str, ...]:
    return tuple(role for role, (inputs, _) in ROLE_FUNCTIONS.items() if inputs and library.role(role) is None)


def _try_out(pdk: Pdk, library: CellLibrary) -> tuple[tuple[tuple[float, float], ...], str]:
    """Points of the curve, and how the fastest and the smallest netlist were proven."""
    circuit = Circuit("adder", structure("sklansky", CHECK_WIDTH))
    evaluator = YosysEvaluator(pdk)
    try:
        constraints = default_constraints(pdk)
        curve = evaluator.evaluate(circuit, constraints)
        for point in (curve.smallest, curve.fastest):
            netlist = evaluator.realize(circuit, constraints, point, "checked")
            proof = prove_netlist(netlist, circuit, library, pdk.plain_liberty())
    finally:
        evaluator.close()
    return tuple((point.delay_ns, point.area_um2) for point in curve.points), proof.method


def _missing(pdk: Pdk, has_leakage: bool) -> tuple[Missing, ...]:
    lacks = (
        (not pdk.lef, "LEF files", "the openroad evaluator"),
        (pdk.site is None, "the placement site", "it is taken from the LEF files by the openroad evaluator"),
        (
            not pdk.layer_rc and pdk.signal_rc is None,
            "wire resistance and capacitance by layer",
            "the openroad evaluator estimates wires from the technology LEF alone",
        ),
        (not has_leakage, "leakage power", "the leakage of designs is not reported"),
        (not pdk.verilog, "Verilog models of the cells", "simulating mapped netlists (proofs do not need them)"),
    )
    return tuple(Missing(what, disables) for lacking, what, disables in lacks if lacking)
