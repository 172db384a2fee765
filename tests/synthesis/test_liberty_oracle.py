"""Our Liberty reader against an independent one (liberty-parser): the same groups and attributes of a real library."""

from __future__ import annotations

import re
from typing import Any

import pytest
from liberty.parser import parse_liberty as parse_by_other

from prefixrl.synthesis.liberty_syntax import Group, parse_liberty
from prefixrl.synthesis.pdk import load_pdk

CELLS = ("AOI21_X2", "BUF_X1", "DFF_X1", "FA_X1", "INV_X4", "XOR2_X1")


@pytest.fixture(scope="module")
def text() -> str:
    """A library with the header of Nangate45 and a few of its cells."""
    (path,) = load_pdk().liberty
    whole = path.read_text()
    begins = [match.start() for match in re.finditer(r"^\s*cell\s*\(", whole, re.MULTILINE)]
    ends = [*begins[1:], whole.rindex("}")]
    cells = [whole[begin:end] for begin, end in zip(begins, ends, strict=True)]
    return whole[: begins[0]] + "".join(cell for cell in cells if any(f"({name})" in cell for name in CELLS)) + "\n}\n"


def plain(value: Any) -> tuple[str, ...]:
    """A value as words: numbers in one form, names without quotes."""
    values = value if isinstance(value, (list, tuple)) else [value]
    texts = (str(getattr(each, "value", each)).strip('"') for each in values)
    return tuple(_number(text) for text in texts)


def _number(text: str) -> str:
    try:
        return ",".join(repr(float(word)) for word in text.split(","))
    except ValueError:
        return text.strip()


def ours(group: Group) -> tuple:
    # The other one keeps definitions of attributes apart from attributes.
    attributes = {name: plain(values) for name, values in group.attributes.items() if name != "define"}
    return group.name, plain(group.arguments), attributes, [ours(inner) for inner in group.groups]


def theirs(group: Any) -> tuple:
    attributes = {each.name: plain(each.value) for each in group.attributes}
    return group.group_name, plain(group.args), attributes, [theirs(inner) for inner in group.groups]


def test_both_read_the_same(text: str) -> None:
    own = ours(parse_liberty(text))
    assert own == theirs(parse_by_other(text))
    cells = [inner[1] for inner in own[3] if inner[0] == "cell"]
    assert {(name,) for name in CELLS} <= set(cells)
