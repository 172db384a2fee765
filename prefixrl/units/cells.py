"""A unit as a netlist of library cells: Yosys and ABC map everything but the main prefix circuit (for most units the
final adder), which is put in as its own structure; each gate knows which of the two it belongs to. Units that work lane
by lane have the circuit once in every lane; all of them are exchanged together.

The boundary is the same for every adder, so what differs between two netlists of one unit is the adder alone. Nets are
bits: every port becomes scalar ports `name_bit`; outputs that are constant have no gate and are left out.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefixrl.circuits import Circuit, Port
from prefixrl.circuits.identifiers import is_identifier
from prefixrl.circuits.mapping import map_network
from prefixrl.circuits.netlist import Gate, Netlist
from prefixrl.circuits.reference import naive_verilog
from prefixrl.errors import InputError, ToolError
from prefixrl.synthesis.native.library_file import native_library_of
from prefixrl.synthesis.pdk import Pdk
from prefixrl.tools.yosys import run_yosys
from prefixrl.units.folding import folded_network
from prefixrl.units.registry import Built

TIMEOUT_S = 600.0
_CONSTANTS = {"0": 0, "1": 1, "x": 0}

Bit = str | int
"""A net: its name, or a constant."""

Adder = tuple[Sequence[Gate], Mapping[str, int]]
"""Gates between a circuit's own nets, and the outputs that are constant."""


@dataclass(frozen=True)
class Frame:
    """A unit without its final adder, or whatever its main prefix circuit is.

    :param module: the unit's name
    :param inputs: nets of all input bits
    :param outputs: output bit -> net or constant
    :param gates: mapped
    :param adder: the final adder's circuit, None where the unit was mapped as a whole
    :param pins: for every instance, net of the adder's ports (`a[3]`) -> net or constant
    """

    module: str
    inputs: tuple[str, ...]
    outputs: Mapping[str, Bit]
    gates: tuple[Gate, ...]
    adder: Circuit | None
    pins: tuple[Mapping[str, Bit], ...]


@dataclass(frozen=True)
class UnitNetlist:
    """A unit as cells.

    :param netlist: scalar ports
    :param adder_gates: how many of its gates, the last ones, are the final adder's
    """

    netlist: Netlist
    adder_gates: int


def frame_of(built: Built, pdk: Pdk, *, whole: bool = False) -> Frame:
    """Map a unit, all but its final adder.

    :param whole: map the final adder too, together with everything else
    :raises InputError: a pipelined unit, or one without a final adder
    :raises ToolError: Yosys failed
    """
    check_combinational(built)
    name = built.main_module
    texts = dict(built.written.submodules)
    if not whole:
        if name is None:
            raise InputError(f"{built.unit.name} has no {built.unit.adder} to be exchanged")
        texts[name] = _black_box(name, built.written.circuits[name])
    document = _synthesised("\n".join([built.written.top, *texts.values()]), built.written.name, pdk)
    reader = _Reader(document["modules"][built.written.name])
    adders = [] if whole else [cell for cell in reader.cells.values() if cell["type"] == name]
    if not whole and not adders:
        raise ToolError(f"Yosys must keep the {built.unit.adder}, it has none")
    gates = tuple(reader.gate(cell) for cell in reader.cells.values() if whole or cell["type"] != name)
    return Frame(
        built.written.name,
        reader.port_bits("input"),
        reader.output_bits(),
        gates,
        None if whole or name is None else built.written.circuits[name],
        tuple(reader.pins(cell) for cell in adders),
    )


def check_combinational(built: Built) -> None:
    """Check that a unit can be measured.

    :raises InputError: it has registers
    """
    if built.written.latency:
        raise InputError(f"units are measured without pipeline registers, got {built.parameters.stages} stages")


def with_structure(frame: Frame, circuit: Circuit, pdk: Pdk, polarity: str = "area") -> UnitNetlist:
    """The unit with a final adder of a certain structure, mapped as it is.

    :param circuit: of the adder's kind, width and carries
    """
    library = pdk.library()

    def mapped(constants: Mapping[str, int]) -> Adder:
        network, fixed = folded_network(circuit, constants)
        return map_network(network, library, polarity), fixed

    return _joined(frame, mapped)


def with_operator(frame: Frame, pdk: Pdk) -> UnitNetlist:
    """The unit with a final adder of Yosys's making, of a plain `+` (of other kinds their naive description)."""
    circuit = frame.adder
    assert circuit is not None
    return _joined(frame, lambda constants: _operator(circuit, constants, pdk))


def _operator(circuit: Circuit, constants: Mapping[str, int], pdk: Pdk) -> Adder:
    """A circuit of Yosys's making, some of whose operand bits are constant."""
    ports = (*circuit.inputs, *circuit.outputs)
    tied = []
    for port in circuit.inputs:
        each = [f"1'b{constants[net]}" if net in constants else net for net in port.bits()]
        tied.append(f".{port.name}({{{', '.join(reversed(each))}}})")
    tied += [f".{port.name}({port.name})" for port in circuit.outputs]
    text = "\n".join(
        [
            naive_verilog(circuit, "plain"),
            f"module tied ({', '.join(port.name for port in ports)});",
            *(f"  input [{port.width - 1}:0] {port.name};" for port in circuit.inputs),
            *(f"  output [{port.width - 1}:0] {port.name};" for port in circuit.outputs),
            f"  plain p ({', '.join(tied)});",
            "endmodule",
            "",
        ]
    ).replace("[0:0] ", "")
    reader = _Reader(_synthesised(text, "tied", pdk)["modules"]["tied"])
    names = {f"{name}_{bit}": net for port in ports for bit, net in enumerate(port.bits()) for name in [port.name]}
    fixed: dict[str, int] = {}
    copies: list[tuple[str, str]] = []
    outputs: dict[str, str] = {}
    for name, bit in reader.output_bits().items():
        if isinstance(bit, int):
            fixed[names[name]] = bit
        elif bit in outputs or bit in names:
            copies.append((names[name], outputs.get(bit, names.get(bit, bit))))
        else:
            outputs[bit] = names[name]
    renaming = {**names, **outputs}
    gates = [
        Gate(
            gate.cell,
            tuple((pin, renaming.get(net, net)) for pin, net in gate.inputs),
            gate.output_pin,
            renaming.get(gate.output, gate.output),
        )
        for gate in (reader.gate(cell) for cell in reader.cells.values())
    ]
    return [*gates, *(_buffer(pdk, source, net) for net, source in copies)], fixed


def as_it_is(frame: Frame) -> UnitNetlist:
    """A unit that was mapped as a whole."""
    return UnitNetlist(_netlist(frame, frame.gates, {}), 0)


def _joined(frame: Frame, adder: Callable[[Mapping[str, int]], Adder]) -> UnitNetlist:
    """Put adders into the frame; what became constant of their outputs is constant beyond.

    :param adder: constant input nets -> the gates of such an adder
    """
    made: dict[tuple[tuple[str, int], ...], Adder] = {}
    gates: list[Gate] = []
    constants: dict[str, int] = {}
    for number, pins in enumerate(frame.pins):
        tied = {net: bit for net, bit in pins.items() if isinstance(bit, int)}
        key = tuple(tied.items())
        if key not in made:
            made[key] = adder(tied)
        inner, fixed = made[key]
        outer = {net: bit for net, bit in pins.items() if isinstance(bit, str)}
        for gate in inner:
            inputs = tuple((pin, _inner(net, outer, number)) for pin, net in gate.inputs)
            gates.append(Gate(gate.cell, inputs, gate.output_pin, _inner(gate.output, outer, number)))
        constants |= {outer[net]: value for net, value in fixed.items() if net in outer}
    return UnitNetlist(_netlist(frame, (*frame.gates, *gates), constants), len(gates))


def _inner(net: str, outer: Mapping[str, str], number: int) -> str:
    return outer.get(net) or f"adder{number}_" + net.replace("[", "_").replace("]", "")


def _netlist(frame: Frame, gates: Iterable[Gate], constants: Mapping[str, int]) -> Netlist:
    """Gates as a netlist; nets that are constant become inputs, which costs a driver but no timing."""
    outputs = {name: net for name, net in frame.outputs.items() if isinstance(net, str) and net not in constants}
    names: dict[str, str] = {}
    aliases = []
    for name, net in outputs.items():
        if net in names or net in frame.inputs:
            aliases.append((name, net))
        else:
            names[net] = name
    renamed = [gate.with_nets(names) for gate in gates]
    aliased = {name for name, _ in aliases}
    read = {net for gate in renamed for _, net in gate.inputs}
    driven = {gate.output for gate in renamed}
    inputs = [Port(net, 1) for net in sorted(read - driven)]
    ports = [Port(name, 1) for name in outputs if name not in aliased and name in driven]
    return Netlist(frame.module, tuple(inputs), tuple(ports), tuple(renamed))


def _buffer(pdk: Pdk, source: str, net: str) -> Gate:
    match = pdk.library().role("BUF")
    if match is None:
        raise InputError(f"a wire between ports needs a BUF cell of the library: {net!r}")
    return Gate(match.cell.name, ((match.pins[0], source),), match.cell.output, net)


def _black_box(name: str, circuit: Circuit) -> str:
    ports = [f"input [{port.width - 1}:0] {port.name}" for port in circuit.inputs]
    ports += [f"output [{port.width - 1}:0] {port.name}" for port in circuit.outputs]
    return f"(* blackbox *)\nmodule {name} ({', '.join(ports)});\nendmodule\n".replace("[0:0] ", "")


def _too_large(pdk: Pdk) -> list[str]:
    """Cells that the native engine does not size: those of many inputs."""
    known = native_library_of(pdk).number
    return [name for name in pdk.timed_cells() if name not in known and is_identifier(name)]


def _synthesised(text: str, top: str, pdk: Pdk) -> dict[str, Any]:
    """What Yosys's `synth` and `abc` make of a text, as Yosys's JSON."""
    with tempfile.TemporaryDirectory(prefix="prefixrl-unit-") as folder:
        place = Path(folder)
        (place / "unit.v").write_text(text)
        (place / "cells.lib").write_text(pdk.sizing_liberty())
        passes = [
            "read_verilog unit.v",
            f"synth -top {top} -flatten -noabc",
            "check -assert",
            "read_liberty -lib cells.lib",
            " ".join(["abc -liberty cells.lib", *(f"-dont_use {cell}" for cell in _too_large(pdk))]),
            "opt_clean -purge",
            "write_json unit.json",
        ]
        run_yosys("\n".join(passes), cwd=place, timeout_s=TIMEOUT_S)
        return dict(json.loads((place / "unit.json").read_text()))


class _Reader:
    """One module of Yosys's JSON."""

    def __init__(self, module: dict[str, Any]) -> None:
        self.cells: dict[str, Any] = module["cells"]
        self._ports: dict[str, Any] = module["ports"]
        self._inputs = {
            bit: f"{name}_{place}"
            for name, port in self._ports.items()
            if port["direction"] == "input"
            for place, bit in enumerate(port["bits"])
        }

    def net(self, bit: int | str) -> Bit:
        """The net of a bit."""
        return _CONSTANTS[bit] if isinstance(bit, str) else self._inputs.get(bit, f"n{bit}")

    def port_bits(self, direction: str) -> tuple[str, ...]:
        """Scalar ports of a direction."""
        return tuple(
            f"{name}_{place}"
            for name, port in self._ports.items()
            if port["direction"] == direction
            for place in range(len(port["bits"]))
        )

    def output_bits(self) -> dict[str, Bit]:
        """Scalar output ports and what drives them."""
        bits = [bit for port in self._ports.values() if port["direction"] == "output" for bit in port["bits"]]
        return dict(zip(self.port_bits("output"), map(self.net, bits), strict=True))

    def gate(self, cell: dict[str, Any]) -> Gate:
        """An instance of a library cell."""
        directions = cell["port_directions"]
        outputs = [pin for pin in cell["connections"] if directions[pin] == "output"]
        if len(outputs) != 1 or cell["type"].startswith("$"):
            raise ToolError(f"every cell of a mapped unit is one of the library, with one output: {cell['type']!r}")
        pins = [pin for pin in cell["connections"] if directions[pin] == "input"]
        inputs = tuple((pin, self._name(cell["connections"][pin][0])) for pin in pins)
        return Gate(cell["type"], inputs, outputs[0], self._name(cell["connections"][outputs[0]][0]))

    def _name(self, bit: int | str) -> str:
        net = self.net(bit)
        return net if isinstance(net, str) else f"tie_{net}"

    def pins(self, cell: dict[str, Any]) -> dict[str, Bit]:
        """An instance's pins, bit by bit: `a[3]` -> net or constant."""
        found: dict[str, Bit] = {}
        for pin, bits in cell["connections"].items():
            for net, bit in zip(Port(pin, len(bits)).bits(), bits, strict=True):
                found[net] = self.net(bit)
        return found
