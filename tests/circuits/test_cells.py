import pytest
from circuit_samples import made_up_library, nangate45_library

from prefixrl.circuits.builder import Builder, role_areas
from prefixrl.circuits.cells import ROLE_FUNCTIONS, Cell, CellLibrary
from prefixrl.circuits.functions import input_column, parse_function, truth_table
from prefixrl.circuits.kinds import Port
from prefixrl.circuits.netlist import Netlist
from prefixrl.circuits.proof import pack_patterns
from prefixrl.errors import InputError


def test_nangate45_roles_are_the_smallest_cells():
    library = nangate45_library()
    roles = {role: library.role(role) for role in ROLE_FUNCTIONS}
    names = {role: match.cell.name for role, match in roles.items() if match}
    expected = ("INV", "BUF", "NAND2", "NOR2", "AND2", "OR2", "XOR2", "XNOR2", "AOI21", "OAI21")
    assert {role: names[role] for role in expected} == {role: f"{role}_X1" for role in expected}
    assert roles["AOI21"].pins == ("A", "B1", "B2")
    assert [match.cell.name for match in library.players("NAND2")] == ["NAND2_X1", "NAND2_X2", "NAND2_X4"]


def test_pins_are_found_by_function_not_by_name_or_order():
    library = CellLibrary(
        [
            Cell("strange", 1.0, ("P", "Q", "R"), "Z", "(!P & !R) | (!Q & !R)"),
            Cell("nand", 1.0, ("X", "Y"), "Z", "!X | !Y"),
        ]
    )
    match = library.role("AOI21")
    assert match is not None
    assert match.pins == ("R", "P", "Q")
    assert library.role("NAND2").cell.name == "nand"
    assert library.role("OAI21") is None


def test_cells_not_to_use_are_known_but_play_no_role():
    cells = [Cell("NAND2_small", 1.0, ("A", "B"), "Y", "!(A&B)"), Cell("NAND2_large", 2.0, ("A", "B"), "Y", "!(A&B)")]
    library = CellLibrary(cells, dont_use=["*_small"])
    assert library.role("NAND2").cell.name == "NAND2_large"
    assert library["NAND2_small"].area_um2 == 1.0
    assert library.key != CellLibrary(cells).key


def test_of_equal_areas_the_shorter_name_wins():
    library = CellLibrary(Cell(name, 1.0, ("A",), "Y", "!A") for name in ("clkinv", "inv", "ainv"))
    assert library.role("INV").cell.name == "inv"


def test_a_library_without_nand_is_refused():
    with pytest.raises(InputError, match="NAND2"):
        made_up_library("INV", "NOR2", "AOI21", "OAI21", "XOR2").require_mappable()
    made_up_library("NAND2").require_mappable()


def test_bad_cells_are_refused():
    with pytest.raises(InputError, match="area"):
        Cell("c", -1.0, ("A",), "Y", "A")
    with pytest.raises(InputError, match="area"):
        Cell("c", float("nan"), ("A",), "Y", "A")
    with pytest.raises(InputError, match="truth table"):
        Cell("c", 1.0, ("A",), "Y", "A", truth_table=0b01)
    with pytest.raises(InputError, match="one name"):
        CellLibrary([Cell("c", 1.0, ("A",), "Y", "A")] * 2)
    with pytest.raises(InputError, match="no_such_cell"):
        made_up_library("INV")["no_such_cell"]


@pytest.mark.parametrize(
    "roles",
    [
        ("NAND2",),
        ("NAND2", "INV"),
        ("NAND2", "NOR2", "INV"),
        ("NAND2", "XNOR2"),
        ("NAND2", "XOR2", "INV"),
        ("NAND2", "AO21", "OA21", "INV"),
        ("NAND2", "NOR2", "AOI21", "OAI21", "INV", "OR2", "AND2"),
    ],
)
def test_every_role_can_be_composed(roles):
    library = made_up_library(*roles)
    areas = role_areas(library)
    for role, (operands, function) in ROLE_FUNCTIONS.items():
        if not operands:
            continue
        builder = Builder(library)
        builder.build(role, operands, "out")
        netlist = Netlist("m", tuple(Port(name, 1) for name in operands), (Port("out", 1),), tuple(builder.gates))
        columns = {name: input_column(place, len(operands)) for place, name in enumerate(operands)}
        patterns = {name: pack_patterns(_bits(column), 1) for name, column in columns.items()}
        output = int(netlist.simulate(library, patterns)["out"][0, 0])
        assert output & ((1 << (1 << len(operands))) - 1) == truth_table(parse_function(function), operands), role
        assert netlist.area_um2(library) == pytest.approx(areas[role])


def _bits(column):
    import numpy as np

    return np.array([column >> place & 1 for place in range(64)], dtype=np.int64)
