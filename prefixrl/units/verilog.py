"""A unit as Verilog-2001: one module of word-level assignments, and a module for every prefix circuit that it uses.

Prefix circuits are written by `circuits.rtl`, signal by signal as the graph has it; those that are left to the tool by
the naive model of their kind, which for an adder is a plain `+`. Registers of a pipelined unit have no reset.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from prefixrl.circuits import Circuit
from prefixrl.circuits.identifiers import is_identifier
from prefixrl.circuits.reference import naive_verilog
from prefixrl.circuits.rtl import to_verilog
from prefixrl.units.pipeline import Schedule, schedule
from prefixrl.units.words import (
    ALL,
    AND,
    ANY,
    CAT,
    CONSTANT,
    EQUAL,
    INPUT,
    INSTANCE,
    MAJORITY,
    MUX,
    NOT,
    OR,
    OUTPUT_OF,
    PARITY,
    SLICE,
    XOR,
    Node,
    UnitModule,
)

CLOCK = "clk"
_LINE = 116
# An expression longer than this gets a name of its own.
_INLINE_CHARACTERS = 60
_SIGNS = {AND: "&", OR: "|", XOR: "^"}
_REDUCTIONS = {ANY: "|", ALL: "&", PARITY: "^"}


@dataclass(frozen=True)
class Written:
    """A unit's Verilog.

    :param top: text of the unit's own module
    :param submodules: name -> text of the prefix circuits' modules
    :param circuits: name -> circuit of each of them
    :param roles: name -> role of each of them
    :param latency: clock cycles from inputs to outputs
    """

    name: str
    top: str
    submodules: dict[str, str]
    circuits: dict[str, Circuit]
    roles: dict[str, str]
    latency: int

    @property
    def text(self) -> str:
        """All modules, the top first."""
        return "\n".join([self.top, *self.submodules.values()])


def write_unit(module: UnitModule, header: str = "", stages: int = 1) -> Written:
    """The Verilog of a unit.

    :param header: what the unit is, as comment lines
    :param stages: pipeline stages; one is a combinational unit, more take a clock port `clk`
    """
    return _Writer(module, schedule(module, stages)).write(header)


def _range(width: int) -> str:
    return "" if width == 1 else f"[{width - 1}:0] "


class _Writer:
    def __init__(self, module: UnitModule, plan: Schedule) -> None:
        self.module = module
        self.plan = plan
        self.uses = self._count_uses()
        self.taken = {CLOCK, *module.inputs, *module.outputs}
        self.text: dict[int, str] = {}
        self.names: dict[int, str] = {}
        self.declarations: list[str] = []
        self.body: list[str] = []
        self.registers: dict[int, list[str]] = {}
        self.register_names: dict[tuple[int, int], str] = {}
        self.read_later = self._find_read_later()
        self.submodules: dict[tuple[str, str, bool], str] = {}
        self.texts: dict[str, str] = {}
        self.circuits: dict[str, Circuit] = {}
        self.roles: dict[str, str] = {}
        self._named_so_far: dict[str, int] = {}

    def _count_uses(self) -> list[int]:
        """How often each node is read by what an output depends on; slices count twice: they read names only."""
        nodes = self.module.nodes
        uses = [0] * len(nodes)
        for node in self.module.outputs.values():
            uses[node] += 1
        for node in range(len(nodes) - 1, -1, -1):
            if uses[node]:
                for operand in nodes[node].operands:
                    uses[operand] += 2 if nodes[node].kind == SLICE else 1
        return uses

    def write(self, header: str) -> Written:
        module, last = self.module, self.plan.stages - 1
        for node in range(len(module.nodes)):
            if self.uses[node]:
                self._write_node(node)
        drives = [f"  assign {name} = {self._read(node, last)};" for name, node in module.outputs.items()]
        ports = [f"input {CLOCK}"] if last else []
        ports += [f"input {_range(module.nodes[node].width)}{name}" for name, node in module.inputs.items()]
        ports += [f"output {_range(module.nodes[node].width)}{name}" for name, node in module.outputs.items()]
        lines = [f"// {line}" for line in header.splitlines()]
        lines += [f"module {module.name} (", ",\n".join(f"  {port}" for port in ports), ");"]
        lines += [*self.declarations, "", *self.body, *self._clocked(), "", *drives, "endmodule", ""]
        top = "\n".join(_wrapped(line) for line in lines)
        return Written(module.name, top, self.texts, self.circuits, self.roles, last)

    def _clocked(self) -> list[str]:
        if not self.registers:
            return []
        lines = ["", f"  always @(posedge {CLOCK}) begin"]
        for stage in sorted(self.registers):
            lines += [f"    {assignment}" for assignment in self.registers[stage]]
        return [*lines, "  end"]

    def _write_node(self, index: int) -> None:
        node, stage = self.module.nodes[index], self.plan.stage[index]
        if node.kind == INPUT:
            self.names[index] = str(node.value)
            return
        if node.kind == CONSTANT:
            self.text[index] = _constant(int(node.value), node.width)
            return
        if node.kind == INSTANCE:
            self._write_instance(index, node)
            return
        if node.kind == OUTPUT_OF:
            return
        expression = self._expression(node, stage)
        if self._inlined(index, node, expression):
            self.text[index] = expression
        else:
            self._assign(index, expression)

    def _inlined(self, index: int, node: Node, expression: str) -> bool:
        if index in self.module.names or index in self.read_later:
            return False
        if node.kind == SLICE:
            return True
        return self.uses[index] == 1 and len(expression) <= _INLINE_CHARACTERS

    def _find_read_later(self) -> set[int]:
        """The nodes that are read behind a register."""
        stage = self.plan.stage
        found = {
            each for index, node in enumerate(self.module.nodes) for each in node.operands if stage[each] < stage[index]
        }
        return found | {each for each in self.module.outputs.values() if stage[each] < self.plan.stages - 1}

    def _assign(self, index: int, expression: str) -> None:
        name = self._name(self.module.names.get(index, "n"), index)
        self.declarations.append(f"  wire {_range(self.module.nodes[index].width)}{name};")
        self.body.append(f"  assign {name} = {_bare(expression)};")
        self.names[index] = name

    def _name(self, hint: str, index: int) -> str:
        """A name like `hint` that is free; an `n` alone takes the node's number."""
        number = self._named_so_far.get(hint, 0)
        name = f"n{index}" if hint == "n" else hint if number == 0 else f"{hint}_{number}"
        while name in self.taken or not is_identifier(name):
            number += 1
            name = f"{hint}_{number}"
        self._named_so_far[hint] = number + 1
        self.taken.add(name)
        return name

    def _read(self, index: int, stage: int) -> str:
        """A node as an operand in a stage."""
        if self.module.nodes[index].kind == CONSTANT:
            return self.text[index]
        if index in self.names:
            return self._behind(index, self.plan.stage[index], stage)
        return self.text[index]

    def _behind(self, index: int, made: int, stage: int) -> str:
        """The name of a signal in a later stage, with the registers that it needs."""
        name = self.names[index]
        for number in range(made + 1, stage + 1):
            register = self.register_names.get((index, number))
            if register is None:
                register = f"{self.names[index]}_s{number}"
                while register in self.taken:
                    register += "_"
                self.taken.add(register)
                self.register_names[index, number] = register
                self.declarations.append(f"  reg {_range(self.module.nodes[index].width)}{register};")
                self.registers.setdefault(number, []).append(f"{register} <= {name};")
            name = register
        return name

    def _expression(self, node: Node, stage: int) -> str:
        operands = [self._read(each, stage) for each in node.operands]
        if node.kind == NOT:
            return f"~{operands[0]}"
        if node.kind in _SIGNS:
            return f"({operands[0]} {_SIGNS[node.kind]} {operands[1]})"
        if node.kind == MUX:
            return f"({operands[0]} ? {operands[1]} : {operands[2]})"
        if node.kind == CAT:
            return _concatenation(operands)
        if node.kind == SLICE:
            low, high = int(node.value), int(node.value) + node.width - 1
            return f"{operands[0]}[{low}]" if node.width == 1 else f"{operands[0]}[{high}:{low}]"
        if node.kind in _REDUCTIONS:
            return f"({_REDUCTIONS[node.kind]}{operands[0]})"
        if node.kind == EQUAL:
            width = self.module.nodes[node.operands[0]].width
            return f"({operands[0]} == {_constant(int(node.value), width)})"
        assert node.kind == MAJORITY, node.kind
        a, b, c = operands
        return f"(({a} & {b}) | ({c} & ({a} | {b})))"

    def _write_instance(self, index: int, node: Node) -> None:
        instance = self.module.instances[int(node.value)]
        circuit, stage = instance.circuit, self.plan.stage[index]
        submodule = self._submodule(instance.role, circuit, instance.behavioural)
        pins = [
            f".{port}({_bare(self._read(each, stage))})"
            for port, each in zip(instance.ports, node.operands, strict=True)
        ]
        name = self._name(f"u_{instance.role}", index)
        unread = {port.name for port in circuit.outputs}
        for each, output in enumerate(self.module.nodes):
            if output.kind == OUTPUT_OF and output.operands == (index,) and self.uses[each]:
                wire = self._name(self.module.names.get(each, f"{instance.role}_{output.value}"), each)
                self.declarations.append(f"  wire {_range(output.width)}{wire};")
                self.names[each] = wire
                pins.append(f".{output.value}({wire})")
                unread.remove(str(output.value))
        pins += [f".{port.name}()" for port in circuit.outputs if port.name in unread]
        self.body.append(f"  {submodule} {name} ({', '.join(pins)});")

    def _submodule(self, role: str, circuit: Circuit, behavioural: bool) -> str:
        # Of each role its own, so that one role's circuit can be exchanged.
        key = (role, circuit.key, behavioural)
        if key not in self.submodules:
            hint = f"{self.module.name}_{role}{circuit.width}"
            name, number = hint, 1
            while name in self.texts:
                number += 1
                name = f"{hint}_{number}"
            self.submodules[key] = name
            self.texts[name] = _behavioural(circuit, name) if behavioural else to_verilog(circuit, name)
            self.circuits[name] = circuit
            self.roles[name] = role
        return self.submodules[key]


def _behavioural(circuit: Circuit, name: str) -> str:
    """The operator, whose widths Verilator would rather have spelt out."""
    return f"// verilator lint_off WIDTH\n{naive_verilog(circuit, name)}// verilator lint_on WIDTH\n"


def _bare(expression: str) -> str:
    """Without the parentheses that enclose all of it."""
    if not expression.startswith("("):
        return expression
    depth = 0
    for place, character in enumerate(expression):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0:
            return expression[1:-1] if place == len(expression) - 1 else expression
    return expression


def _constant(value: int, width: int) -> str:
    return f"{width}'b{value}" if width == 1 else f"{width}'h{value:x}"


def _concatenation(operands: list[str]) -> str:
    """`{a, b, {3{c}}}`, equal neighbours counted."""
    parts: list[str] = []
    place = 0
    while place < len(operands):
        count = 1
        while place + count < len(operands) and operands[place + count] == operands[place]:
            count += 1
        parts.append(operands[place] if count == 1 else f"{{{count}{{{operands[place]}}}}}")
        place += count
    # A replication is a concatenation already.
    return parts[0] if len(parts) == 1 and parts[0].startswith("{") else f"{{{', '.join(parts)}}}"


def _wrapped(line: str) -> str:
    if len(line) <= _LINE or line.lstrip().startswith("//") or "\n" in line:
        return line
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return "\n".join(
        textwrap.wrap(line, _LINE, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    )
