import pytest

from prefixrl.circuits.functions import function_pins, input_column, parse_function, truth_table
from prefixrl.errors import InputError


@pytest.mark.parametrize(
    ("text", "inputs", "table"),
    [
        ("A", ("A",), 0b10),
        ("!A", ("A",), 0b01),
        ("A'", ("A",), 0b01),
        ("A''", ("A",), 0b10),
        ("!!A", ("A",), 0b10),
        ("!A'", ("A",), 0b10),
        ("A B", ("A", "B"), 0b1000),
        ("A*B", ("A", "B"), 0b1000),
        ("A&B", ("A", "B"), 0b1000),
        ("A+B", ("A", "B"), 0b1110),
        ("A | B", ("A", "B"), 0b1110),
        ("A ^ B", ("A", "B"), 0b0110),
        ("(A B)'", ("A", "B"), 0b0111),
        ("A !B", ("A", "B"), 0b0010),
        ("A' B", ("A", "B"), 0b0100),
        ("(A)(B)", ("A", "B"), 0b1000),
        ("1", (), 0b1),
        ("0", (), 0b0),
        ("A 1", ("A",), 0b10),
        # Inversion before XOR before AND before OR.
        ("A+B C", ("A", "B", "C"), 0b11101010),
        ("A B^C", ("A", "B", "C"), 0b00101000),
        ("!A^B", ("A", "B"), 0b1001),
        ("A^B'", ("A", "B"), 0b1001),
        ("!(A | (B1 & B2))", ("A", "B1", "B2"), 0b00010101),
        ("!(A | (B1 & B2))", ("B2", "B1", "A"), 0b00000111),
    ],
)
def test_truth_table(text, inputs, table):
    assert truth_table(parse_function(text), inputs) == table


@pytest.mark.parametrize("text", ["", "A &", "(A", "A)", "& A", "A ? B", "!", "()", "A + + B", "^A"])
def test_what_is_no_expression_is_refused(text):
    with pytest.raises(InputError, match="Liberty function"):
        parse_function(text)


def test_a_function_names_the_cells_pins_only():
    with pytest.raises(InputError, match="'C'"):
        truth_table(parse_function("A & C"), ("A", "B"))


def test_pins_come_once_in_order_of_appearance():
    assert function_pins(parse_function("B & (A | B) & 1")) == ("B", "A")


def test_input_columns_count_in_binary():
    for pattern in range(32):
        assert [input_column(place, 5) >> pattern & 1 for place in range(5)] == [
            pattern >> place & 1 for place in range(5)
        ]
