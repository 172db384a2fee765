import pytest
from circuit_samples import circuit

from prefixrl.circuits import KINDS, Circuit, Port
from prefixrl.circuits.identifiers import check_identifier
from prefixrl.circuits.rtl import to_verilog
from prefixrl.errors import InputError
from prefixrl.graphs.structures import structure


def test_ports():
    adder = circuit("adder", "sklansky", 8, carry_in=True)
    assert adder.inputs == (Port("a", 8), Port("b", 8), Port("cin", 1))
    assert adder.outputs == (Port("sum", 8), Port("cout", 1))
    assert circuit("adder", "sklansky", 8, carry_out=False).outputs == (Port("sum", 8),)
    assert circuit("incrementer", "sklansky", 8).inputs == (Port("a", 8),)
    assert circuit("priority_encoder", "sklansky", 9).outputs == (Port("index", 4), Port("valid", 1))
    assert circuit("priority_encoder", "sklansky", 8).outputs == (Port("index", 3), Port("valid", 1))
    assert circuit("leading_one", "sklansky", 8).outputs == (Port("grant", 8), Port("valid", 1))
    assert circuit("gray_to_binary", "sklansky", 8).outputs == (Port("binary", 8),)
    assert circuit("comparator", "sklansky", 8).outputs == (Port("lt", 1), Port("eq", 1), Port("gt", 1))
    assert Port("a", 3).bits() == ("a[0]", "a[1]", "a[2]")
    assert Port("cin", 1).bits() == ("cin",)


def test_bad_circuits_are_refused():
    with pytest.raises(InputError, match="'multiplier'"):
        circuit("multiplier", "sklansky", 8)
    with pytest.raises(InputError, match="carry-in"):
        circuit("comparator", "sklansky", 8, carry_in=True)


def test_keys_tell_circuits_apart():
    circuits = [circuit(kind, "sklansky", 8) for kind in KINDS]
    circuits += [circuit("adder", "sklansky", 8, carry_in=True), circuit("adder", "sklansky", 8, carry_out=False)]
    circuits += [circuit("adder", "brent-kung", 8), circuit("adder", "sklansky", 9)]
    assert len({each.key for each in circuits}) == len(circuits)
    assert circuit("adder", "sklansky", 8).key == circuit("adder", "sklansky", 8).key


def test_carry_out_has_no_meaning_where_there_is_none():
    graph = structure("sklansky", 8)
    assert Circuit("comparator", graph) == Circuit("comparator", graph, carry_out=False)


@pytest.mark.parametrize("name", ["adder", "_a1", "Adder32", "x"])
def test_good_module_names(name):
    assert check_identifier(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "adder; $finish",
        "",
        "1adder",
        "a b",
        "a$b",
        "a-b",
        "a\n",
        "module",
        "wire",
        "logic",
        "endmodule",
        "ädder",
        "\\a ",
    ],
)
def test_bad_module_names(name):
    with pytest.raises(InputError, match="module name"):
        check_identifier(name)
    with pytest.raises(InputError, match="module name"):
        to_verilog(circuit("adder", "sklansky", 4), name)
