"""Reading mapped BLIF as ABC writes it: `.gate` lines, continuation lines, and the `.names` it uses for wires."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from prefixrl.errors import InputError


class BlifGate(NamedTuple):
    """A `.gate` line: cell, its (pin, net) pairs in the order written; the last one is the output."""

    cell: str
    connections: tuple[tuple[str, str], ...]


class BlifWire(NamedTuple):
    """A `.names` that is a wire, an inverter or a constant: `function` is "BUF", "INV", "ZERO" or "ONE"."""

    function: str
    sources: tuple[str, ...]
    net: str


class BlifModel(NamedTuple):
    """One model."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    gates: tuple[BlifGate, ...]
    wires: tuple[BlifWire, ...]


# Number of nets of a .names, then its cover lines, to what it is.
_COVERS: dict[int, dict[tuple[str, ...], str]] = {
    1: {(): "ZERO", ("0",): "ZERO", ("1",): "ONE"},
    2: {("1 1",): "BUF", ("0 0",): "BUF", ("0 1",): "INV", ("1 0",): "INV"},
}


def parse_blif(text: str) -> BlifModel:
    """Parse the first model of a mapped BLIF text.

    :raises InputError: no model, no `.end`, or a construct that a mapped combinational netlist does not have
    """
    name: str | None = None
    nets: dict[str, list[str]] = {".inputs": [], ".outputs": []}
    gates: list[BlifGate] = []
    wires: list[BlifWire] = []
    for words, cover in _statements(text):
        keyword, arguments = words[0], words[1:]
        if keyword == ".model":
            name = arguments[0] if arguments else ""
        elif keyword in nets:
            nets[keyword] += arguments
        elif keyword == ".gate":
            gates.append(_gate(arguments))
        elif keyword == ".names":
            wires.append(_wire(arguments, cover))
        elif keyword == ".end":
            break
        elif not keyword.startswith((".default_", ".input_", ".output_", ".area", ".delay", ".wire_load", ".exdc")):
            raise InputError(f"a mapped BLIF netlist may have .gate and .names lines only: {keyword!r}")
    else:
        raise InputError(f"a BLIF model must end with .end: {text[-40:]!r}")
    if name is None:
        raise InputError(f"a BLIF text must have a .model: {text[:40]!r}")
    return BlifModel(name, tuple(nets[".inputs"]), tuple(nets[".outputs"]), tuple(gates), tuple(wires))


def _statements(text: str) -> Iterator[tuple[list[str], tuple[str, ...]]]:
    """(words of a dot line, the cover lines that follow it)."""
    words: list[str] | None = None
    cover: list[str] = []
    for line in _logical_lines(text):
        if line.startswith("."):
            if words is not None:
                yield words, tuple(cover)
            words, cover = line.split(), []
        else:
            cover.append(" ".join(line.split()))
    if words is not None:
        yield words, tuple(cover)


def _logical_lines(text: str) -> Iterator[str]:
    """Lines without comments, with continuations joined, without empty ones."""
    pending = ""
    for raw in text.splitlines():
        line = raw.split("#", 1)[0].rstrip()
        if line.endswith("\\"):
            pending += line[:-1] + " "
            continue
        line = (pending + line).strip()
        pending = ""
        if line:
            yield line


def _gate(arguments: list[str]) -> BlifGate:
    pairs = [argument.partition("=") for argument in arguments[1:]]
    if not pairs or any(not (pin and net) for pin, _, net in pairs):
        raise InputError(f"a .gate line must be a cell and its pin=net pairs: {' '.join(arguments)!r}")
    return BlifGate(arguments[0], tuple((pin, net) for pin, _, net in pairs))


def _wire(arguments: list[str], cover: tuple[str, ...]) -> BlifWire:
    covers = _COVERS.get(len(arguments), {})
    if cover not in covers:
        raise InputError(f"a .names of a mapped netlist must be a wire, an inverter or a constant: {arguments!r}")
    return BlifWire(covers[cover], tuple(arguments[:-1]), arguments[-1])
