"""Reading structural Verilog as place-and-route tools write it: one module, instances with named pins, assigns.

Strict: whatever is not this subset, a bus that is not declared, or another interface is refused. Names in the file are
only ever names; nothing of it is run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from prefixrl.circuits.blif import BlifWire
from prefixrl.circuits.cells import CellLibrary
from prefixrl.circuits.kinds import Port
from prefixrl.circuits.netlist import Gate, Netlist, safe_nets, wire_gate
from prefixrl.errors import InputError

_TOKEN = re.compile(
    r"\s+|//[^\n]*|/\*.*?\*/|\(\*.*?\*\)"
    r"|(\\[^\s]+(?=\s)|[A-Za-z_][A-Za-z0-9_$]*|[0-9]+(?:'[bdhoBDHO][0-9a-fA-FxXzZ_]+)?|[()\[\]{};:,.=])",
    re.DOTALL,
)
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*\Z")
_MAXIMUM_BUS_BITS = 1 << 16
_DIRECTIONS = ("input", "output")
_NETS = ("wire", "tri")
_REFUSED = ("inout", "reg", "always", "initial", "parameter", "localparam", "function", "task", "supply0", "supply1")


class WrittenNetlist(NamedTuple):
    """A netlist that was read.

    :param netlist: what it is
    :param cells: the cells of the file's own instances; the netlist has some buffers more where the file joins two
        ports without a cell between them
    """

    netlist: Netlist
    cells: tuple[str, ...]


class _Instance(NamedTuple):
    cell: str
    pins: tuple[tuple[str, str], ...]


@dataclass
class _Module:
    """One module as written; nets are bit-level (`a[3]`)."""

    name: str
    port_names: list[str]
    ports: dict[str, tuple[str, Port]] = field(default_factory=dict)
    buses: dict[str, tuple[int, int]] = field(default_factory=dict)
    nets: set[str] = field(default_factory=set)
    instances: dict[str, _Instance] = field(default_factory=dict)
    assigns: dict[str, str] = field(default_factory=dict)


def netlist_from_verilog(text: str, template: Netlist, library: CellLibrary) -> WrittenNetlist:
    """Read a netlist that a tool made of another one.

    :param template: gives the module's name and ports; the file must have the same, in any order
    :param library: knows which pins of a cell are inputs
    :raises InputError: not the subset that this reads, another interface, an unknown cell or pin, an undeclared net;
        use `Netlist.check` for drivers and loops
    """
    module = _Reader(text).module()
    _check_interface(module, template)
    gates = [_gate(name, instance, library) for name, instance in module.instances.items()]
    joined, wires = _resolve(module, template, {gate.output for gate in gates})
    renamed = [gate.with_nets(joined) for gate in gates]
    renamed += [wire_gate(BlifWire("BUF", (source,), net), library) for net, source in wires]
    netlist = Netlist(template.module, template.inputs, template.outputs, safe_nets(renamed, template))
    return WrittenNetlist(netlist, tuple(gate.cell for gate in gates))


def _check_interface(module: _Module, template: Netlist) -> None:
    if module.name != template.module:
        raise InputError(f"the module of a netlist must be {template.module}: {module.name!r}")
    expected = {port.name: ("input", port) for port in template.inputs}
    expected |= {port.name: ("output", port) for port in template.outputs}
    if module.ports != expected or sorted(module.port_names) != sorted(expected):
        found = ", ".join(f"{direction} {port.name}[{port.width}]" for direction, port in module.ports.values())
        raise InputError(f"a netlist must keep the ports of module {template.module}: {found or 'none'}")


def _gate(name: str, instance: _Instance, library: CellLibrary) -> Gate:
    cell = library[instance.cell]
    pins = dict(instance.pins)
    if len(pins) != len(instance.pins) or set(pins) != {*cell.inputs, cell.output}:
        raise InputError(f"instance {name} must connect the pins of its cell {cell.name}: {', '.join(pins)}")
    return Gate(cell.name, tuple((pin, pins[pin]) for pin in cell.inputs), cell.output, pins[cell.output])


def _resolve(module: _Module, template: Netlist, driven: set[str]) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """What the assigns mean: nets that are known by another name, and (net, source) pairs that need a buffer.

    An output that is assigned an inner net gives that net its name. Two outputs of one net, or an output that is an
    input, need a cell between them.
    """
    outputs, ports = set(template.output_nets), {*template.input_nets, *template.output_nets}
    names: dict[str, str] = {}
    wires: list[tuple[str, str]] = []
    for net in module.assigns:
        if net in driven or net in template.input_nets:
            raise InputError(f"a net must have one driver: {net}")
    for net in filter(outputs.__contains__, module.assigns):
        source = _source(net, module.assigns)
        if source in ports or source in names or source not in driven:
            wires.append((net, source))
        else:
            names[source] = net
    for net in module.assigns:
        if net not in outputs:
            source = _source(net, module.assigns)
            names[net] = names.get(source, source)
    return names, [(net, names.get(source, source)) for net, source in wires]


def _source(net: str, assigns: dict[str, str]) -> str:
    seen = {net}
    while net in assigns:
        net = assigns[net]
        if net in seen:
            raise InputError(f"a combinational netlist must have no loop: {net}")
        seen.add(net)
    return net


class _Reader:
    """Reads tokens into a module."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next = next(self._tokens, "")

    def module(self) -> _Module:
        """The only module of the text."""
        self._expect("module")
        module = _Module(self._name(), self._port_list())
        while self._next != "endmodule":
            self._statement(module)
        self._take()
        if self._next:
            raise InputError(f"a netlist must be one module: {self._next!r:.80}")
        return module

    def _statement(self, module: _Module) -> None:
        keyword = self._take()
        if keyword in _DIRECTIONS or keyword in _NETS:
            self._declaration(module, keyword)
        elif keyword == "assign":
            self._assign(module)
        elif keyword in _REFUSED or not _is_name(keyword):
            raise InputError(f"a netlist may have declarations, assigns and instances only: {keyword!r:.80}")
        else:
            self._instance(module, _bare(keyword))

    def _port_list(self) -> list[str]:
        self._expect("(")
        names: list[str] = []
        while self._next != ")":
            names.append(self._name())
            if self._next != ")":
                self._expect(",")
        self._take()
        self._expect(";")
        if len(set(names)) < len(names):
            raise InputError(f"a module must not have two ports of one name: {', '.join(names)!r:.200}")
        return names

    def _declaration(self, module: _Module, keyword: str) -> None:
        bounds = self._range()
        while True:
            name = self._name()
            self._declare(module, keyword, name, bounds)
            if self._next != ",":
                break
            self._take()
        self._expect(";")

    def _range(self) -> tuple[int, int] | None:
        if self._next != "[":
            return None
        self._take()
        high = self._integer()
        self._expect(":")
        low = self._integer()
        self._expect("]")
        if not 0 <= high - low < _MAXIMUM_BUS_BITS:
            raise InputError(f"a bus must be written [high:low]: [{high}:{low}]")
        return high, low

    def _declare(self, module: _Module, keyword: str, name: str, bounds: tuple[int, int] | None) -> None:
        bits = {name} if bounds is None else {f"{name}[{bit}]" for bit in range(bounds[1], bounds[0] + 1)}
        if keyword in _DIRECTIONS:
            if name in module.ports or (bounds is not None and bounds[1] != 0):
                raise InputError(f"a port must be declared once, down to bit 0: {name!r}")
            # A bus of one bit would have the net name[0], a scalar has its own.
            if bounds == (0, 0):
                raise InputError(f"a port of one bit must be a scalar: {name!r}")
            module.ports[name] = (keyword, Port(name, 1 if bounds is None else bounds[0] + 1))
        elif name in module.ports and not bits <= module.nets:
            raise InputError(f"a wire of a port's name must be as wide as the port: {name!r}")
        if bounds is not None:
            module.buses[name] = bounds
        module.nets |= bits

    def _assign(self, module: _Module) -> None:
        target = self._net(module)
        self._expect("=")
        source = self._net(module)
        self._expect(";")
        if target in module.assigns:
            raise InputError(f"a net must have one driver: {target}")
        module.assigns[target] = source

    def _instance(self, module: _Module, cell: str) -> None:
        name = self._name()
        if name in module.instances:
            raise InputError(f"two instances must not have one name: {name!r}")
        self._expect("(")
        pins: list[tuple[str, str]] = []
        while self._next != ")":
            self._expect(".")
            pin = self._name()
            self._expect("(")
            pins.append((pin, self._net(module, implicit=True)))
            self._expect(")")
            if self._next != ")":
                self._expect(",")
        self._take()
        self._expect(";")
        module.instances[name] = _Instance(cell, tuple(pins))

    def _net(self, module: _Module, implicit: bool = False) -> str:
        """A net of one bit.

        :param implicit: whether a scalar may be undeclared, as Verilog has it for the pins of instances
        """
        name = self._name()
        if implicit and self._next != "[" and name not in module.buses:
            module.nets.add(name)
        if self._next == "[":
            self._take()
            name = f"{name}[{self._integer()}]"
            self._expect("]")
        if name not in module.nets:
            raise InputError(f"a net must be declared, and of one bit: {name!r}")
        return name

    def _name(self) -> str:
        token = self._take()
        if not _is_name(token):
            raise InputError(f"a name must be an identifier: {token!r:.80}")
        return _bare(token)

    def _integer(self) -> int:
        token = self._take()
        if not token.isdigit() or len(token) > 9:
            raise InputError(f"a bit must be a number: {token!r:.80}")
        return int(token)

    def _expect(self, token: str) -> None:
        found = self._take()
        if found != token:
            raise InputError(f"a Verilog netlist must have {token!r} here: {found!r:.80}")

    def _take(self) -> str:
        if not self._next:
            raise InputError("a Verilog netlist must end with endmodule: it ends too soon")
        token, self._next = self._next, next(self._tokens, "")
        return token


def _tokens(text: str) -> Iterator[str]:
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise InputError(f"a Verilog netlist must be made of names, numbers and punctuation: {text[place:][:20]!r}")
        place = match.end()
        if match.group(1) is not None:
            yield match.group(1)


def _is_name(token: str) -> bool:
    return token.startswith("\\") or (_IDENTIFIER.match(token) is not None and token not in ("endmodule", "module"))


def _bare(token: str) -> str:
    """An escaped identifier names the same thing as its characters would."""
    return token[1:] if token.startswith("\\") else token
