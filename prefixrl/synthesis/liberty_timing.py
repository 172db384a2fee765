"""The timing of a library's usable cells as one plain Liberty text, made for ABC.

ABC's own reader has traps: it takes a cell with `dont_use : false` for one not to be used, knows four spellings of time
units and takes all others for 1 ns, believes whatever numbers it finds, passes over conditional arcs whose tables have
other knots than the first, and stops at what it does not expect. So the cells it may use are written out anew: checked,
in ns and fF, tables with their knots spelled out, from however many files, whatever those look like.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from prefixrl.circuits.cells import Cell
from prefixrl.circuits.functions import Expression
from prefixrl.errors import InputError
from prefixrl.synthesis.liberty import SKIPPED_GROUPS, LibertyLibrary, library_of
from prefixrl.synthesis.liberty_syntax import Group, parse_contents, parse_liberty
from prefixrl.synthesis.liberty_tables import MAXIMUM_CAPACITANCE_FF, Table, Units, read_table, worst_of

FORMAT_VERSION = 1
"""Rises whenever the text for some library could change."""

TABLES = ("cell_rise", "cell_fall", "rise_transition", "fall_transition")
_TWINS = {"cell_rise": "cell_fall", "cell_fall": "cell_rise"} | {
    "rise_transition": "fall_transition",
    "fall_transition": "rise_transition",
}
_COMBINATIONAL = (None, "combinational", "combinational_rise", "combinational_fall")
_INVERSE = {"positive_unate": "negative_unate", "negative_unate": "positive_unate", "non_unate": "non_unate"}
_SENSES = ("positive_unate", "negative_unate", "non_unate")
# From 350 nm to what 2 nm may bring: asap7 has 0.26 ns, 0.56 fF and 0.15 um2, gf180mcu 3.2 ns, 9.4 fF and 48 um2.
_PLAUSIBLE_DELAY_NS = (2e-3, 200.0)
_PLAUSIBLE_PIN_FF = (0.02, 200.0)
_PLAUSIBLE_AREA_UM2 = (2e-3, 2e3)
# Current-source models and variations: large, and not looked at.
_UNREAD = ("output_current_rise", "output_current_fall", "receiver_capacitance", "internal_power", "leakage_power")
_HEADER = """library (prefixrl) {
  delay_model : table_lookup;
  time_unit : "1ns";
  capacitive_load_unit (1, ff);
  voltage_unit : "1V";
  current_unit : "1mA";
"""


@dataclass(frozen=True)
class Arc:
    """The delay from one input to the output: the worst of its conditions.

    :param sense: `positive_unate`, `negative_unate` or `non_unate`
    :param tables: by the names in `TABLES`
    """

    sense: str
    tables: Mapping[str, Table]


@dataclass(frozen=True)
class TimedCell:
    """A cell with its timing.

    :param capacitance_ff: input pin -> the capacitances `capacitance`, `rise_capacitance`, `fall_capacitance`
    :param maximum_load_ff: the output's `max_capacitance`, where it is stated
    :param arcs: input pin -> arc, the worst of its conditions, for timers that know one arc per pin
    :param conditions: input pin -> the arcs that the library states, one per condition; a table that one of them lacks
        is left out of it. Empty for cells that are made up
    """

    cell: Cell
    capacitance_ff: Mapping[str, Mapping[str, float]]
    maximum_load_ff: float | None
    arcs: Mapping[str, Arc]
    conditions: Mapping[str, tuple[Arc, ...]] = field(default_factory=dict)

    def to_liberty(self) -> str:
        """The cell as a Liberty group."""
        lines = [f"  cell ({self.cell.name}) {{", f"    area : {self.cell.area_um2!r};"]
        for pin in self.cell.inputs:
            stated = "".join(f" {name} : {value!r};" for name, value in self.capacitance_ff[pin].items())
            lines.append(f"    pin ({pin}) {{ direction : input;{stated} }}")
        limit = "" if self.maximum_load_ff is None else f" max_capacitance : {self.maximum_load_ff!r};"
        function = function_text(self.cell.expression)
        lines.append(f'    pin ({self.cell.output}) {{ direction : output; function : "{function}";{limit}')
        for pin, arc in self.arcs.items():
            lines.append(f'      timing () {{ related_pin : "{pin}"; timing_sense : {arc.sense};')
            lines += [_table_text(name, arc.tables[name]) for name in TABLES]
            lines.append("      }")
        return "\n".join([*lines, "    }", "  }", ""])


@dataclass(frozen=True)
class TimedLibrary:
    """The usable cells of a Liberty file.

    :param cells: by name, in the order of the file
    :param wire_load: the default wire load model as Liberty text, empty where there is none. No delay has it in it, but
        ABC's `buffer -c` guesses wires by it when it places buffers
    """

    cells: Mapping[str, TimedCell]
    wire_load: str


def read_timing(text: str, usable: Iterable[str]) -> TimedLibrary:
    """The named cells of a Liberty text.

    :raises InputError: the text is not Liberty, or a table of a cell that is asked for cannot be believed
    """
    wanted = frozenset(usable)
    root = parse_liberty(text, SKIPPED_GROUPS)
    library = library_of(root, text)
    templates = {group.arguments[0]: group for group in root.named("lu_table_template") if group.arguments}
    reader = _Reader(text, library, templates)
    found: dict[str, TimedCell] = {}
    for group in root.named("cell"):
        name = " ".join(group.arguments)
        if name in wanted and (cell := library.by_name[name].logic) is not None:
            found[name] = reader.cell(group, cell)
    return TimedLibrary(found, _wire_load_text(root, library.capacitance_unit_ff))


def liberty_text(libraries: Iterable[TimedLibrary]) -> str:
    """The cells of all as one Liberty library in ns and fF."""
    libraries = tuple(libraries)
    cells = tuple(cell for library in libraries for cell in library.cells.values())
    wire_load = next((library.wire_load for library in libraries if library.wire_load), "")
    return f"{_HEADER}{wire_load}{cells_text(cells)}}}\n"


def cells_text(cells: Iterable[TimedCell]) -> str:
    """Cells as Liberty groups, with the table templates that they need."""
    cells = tuple(cells)
    tables = (table for cell in cells for arc in cell.arcs.values() for table in arc.tables.values())
    templates = [_template_text(*shape) for shape in sorted({table.values.shape for table in tables})]
    return "".join([*templates, *(cell.to_liberty() for cell in cells)])


def _wire_load_text(root: Group, capacitance_unit_ff: float) -> str:
    name = root.get("default_wire_load")
    group = next((group for group in root.named("wire_load") if group.arguments == (name,)), None)
    if group is None or name is None or '"' in name:
        return ""
    lengths = group.repeated.get("fanout_length", ())
    try:
        capacitance = float(group.get("capacitance") or 0) * capacitance_unit_ff
        slope = float(group.get("slope") or 0)
        knots = [(int(float(fanout)), float(length)) for fanout, length, *_ in lengths]
    except ValueError:
        return ""
    figures = (capacitance, slope, *(length for _, length in knots))
    if not knots or not all(0 <= figure < MAXIMUM_CAPACITANCE_FF for figure in figures):
        return ""
    lines = [f'  wire_load ("{name}") {{', f"    capacitance : {capacitance!r};", f"    slope : {slope!r};"]
    lines += [f"    fanout_length ({fanout}, {length!r});" for fanout, length in knots]
    return "\n".join([*lines, "  }", f'  default_wire_load : "{name}";', ""])


def check_plausible(cells: Iterable[TimedCell]) -> None:
    """Check that units are what they are said to be: a library that is wrong about them is off by a thousand or more.

    :raises InputError: no technology has such cells
    """
    cells = tuple(cells)
    slowest = [float(arc.tables["cell_rise"].values.max()) for cell in cells for arc in cell.arcs.values()]
    pins = [max(stated.values()) for cell in cells for stated in cell.capacitance_ff.values()]
    areas = [cell.cell.area_um2 for cell in cells if cell.cell.inputs]
    for what, figures, unit, (low, high) in (
        ("the slowest delay of the median cell", slowest, "ns", _PLAUSIBLE_DELAY_NS),
        ("the input capacitance of the median pin", pins, "fF", _PLAUSIBLE_PIN_FF),
        ("the area of the median cell", areas, "um2", _PLAUSIBLE_AREA_UM2),
    ):
        median = statistics.median(figures) if figures else low
        if not low <= median <= high:
            limits = f"from {low:g} to {high:g} {unit}"
            raise InputError(f"{what} must be {limits}, the library's units may be wrong: {median:.6g}")


def function_text(expression: Expression) -> str:
    """A Boolean function in Liberty syntax with every operation in parentheses, so that precedence does not matter."""
    operator, *operands = expression
    if operator == "pin":
        return str(operands[0])
    if operator in ("0", "1"):
        return operator
    parts = [function_text(operand) for operand in operands]
    if operator == "not":
        return f"!({parts[0]})"
    return f"({f' {_SYMBOLS[operator]} '.join(parts)})"


_SYMBOLS = {"and": "&", "or": "|", "xor": "^"}


class _Reader:
    """Reads the timing of cells of one library."""

    def __init__(self, text: str, library: LibertyLibrary, templates: Mapping[str, Group]) -> None:
        self._text = text
        self._units = Units(library.time_unit_ns, library.capacitance_unit_ff)
        self._templates = templates

    def cell(self, group: Group, cell: Cell) -> TimedCell:
        pins = {" ".join(pin.arguments): pin for pin in group.named("pin")}
        capacitance = {pin: self._capacitances(pins[pin], f"pin {pin} of cell {cell.name}") for pin in cell.inputs}
        output = pins[cell.output]
        timings = [parse_contents(self._text, timing, _UNREAD) for timing in output.named("timing")]
        own = {pin: _arcs_from(timings, pin, f"{cell.name}, {pin} to {cell.output}") for pin in cell.inputs}
        arcs, conditions = {}, {}
        for pin, groups in own.items():
            where = f"{cell.name}, {pin} to {cell.output}"
            read = [self._stated_tables(group, where) for group in groups]
            arcs[pin] = _worst_arc(groups, read, where)
            conditions[pin] = tuple(
                Arc(_stated_sense(group, cell, pin, where), tables)
                for group, tables in zip(groups, read, strict=True)
                if tables
            )
        stated = self._capacitance(output, "max_capacitance", f"cell {cell.name}")
        return TimedCell(cell, capacitance, stated, arcs, conditions)

    def _capacitances(self, pin: Group, where: str) -> dict[str, float]:
        stated = {
            name: value
            for name in ("capacitance", "rise_capacitance", "fall_capacitance")
            if (value := self._capacitance(pin, name, where)) is not None
        }
        if not stated:
            raise InputError(f"an input pin must have a capacitance: {where}")
        return stated

    def _capacitance(self, pin: Group, name: str, where: str) -> float | None:
        text = pin.get(name)
        if text is None:
            return None
        try:
            value = float(text) * self._units.capacitance_ff
        except ValueError:
            value = float("nan")
        if not 0 <= value < float("inf"):
            raise InputError(f"{name} must be a finite number of at least 0 ({where}): {text!r}")
        return value

    def _stated_tables(self, timing: Group, where: str) -> dict[str, Table]:
        """The tables that one condition has; of `combinational_rise` and `_fall` those of that edge."""
        only = (timing.get("timing_type") or "").removeprefix("combinational").removeprefix("_")
        return {
            name: read_table(group, self._templates, self._units, f"{name}, {where}")
            for name in TABLES
            if only in name
            for group in list(timing.named(name))[:1]
        }


def _arcs_from(timings: Sequence[Group], pin: str, where: str) -> list[Group]:
    """The timing groups of one input.

    :raises InputError: there are none
    """
    own = [
        timing
        for timing in timings
        if pin in (timing.get("related_pin") or "").split() and timing.get("timing_type") in _COMBINATIONAL
    ]
    if not own:
        raise InputError(f"a cell must have timing from every input to its output: {where}")
    return own


def _worst_arc(timings: Sequence[Group], read: Sequence[Mapping[str, Table]], where: str) -> Arc:
    """The conditions (`when`) of one input merged; where none has a rise, the fall stands for it, and the other way."""
    tables = {}
    for name in TABLES:
        stated = [each[name] for each in read if name in each] or [
            each[_TWINS[name]] for each in read if _TWINS[name] in each
        ]
        if not stated:
            raise InputError(f"a timing arc must have tables {name}: {where}")
        tables[name] = worst_of(stated)
    return Arc(_sense(timings, where), tables)


def _sense(timings: Sequence[Group], where: str) -> str:
    """The sense of the first condition.

    An XOR passes its input on under one condition and inverts it under the other, each with its own tables; ABC knows
    one sense and one set of tables. Measured against OpenSTA, which follows both, on classical adders of 8 and 16 bits,
    as fast as they go: with the sense of the first condition delays are off by -0.4 to +0.6 % on Nangate45, -2.8 to
    +1.3 % on sky130hd, 0 to +2.3 % on ihp-sg13g2, -1.2 to +1.7 % on gf180mcu; as `non_unate` by 0 to +5.1, +8.0, +2.6
    and +7.6 %.
    """
    senses = [timing.get("timing_sense") or "non_unate" for timing in timings]
    strange = next((sense for sense in senses if sense not in _SENSES), None)
    if strange is not None:
        raise InputError(f"the timing sense must be one of {', '.join(_SENSES)} ({where}): {strange!r}")
    return senses[0]


def _stated_sense(timing: Group, cell: Cell, pin: str, where: str) -> str:
    """The sense of one condition; that of the function where none is stated, as in OpenSTA."""
    return _sense([timing], where) if timing.get("timing_sense") else _unateness(cell.expression, pin) or "non_unate"


def _unateness(expression: Expression, pin: str) -> str | None:
    """How a function follows a pin, by its form, as OpenSTA's `FuncExpr::portTimingSense` has it; None: not at all."""
    operator, *operands = expression
    if operator == "pin":
        return "positive_unate" if operands[0] == pin else None
    if operator in ("0", "1"):
        return None
    found = {sense for operand in operands if (sense := _unateness(operand, pin)) is not None}
    if operator == "not":
        return next((_INVERSE[sense] for sense in found), None)
    if operator == "xor" or len(found) > 1:
        return "non_unate" if found else None
    return next(iter(found), None)


def _template_text(slews: int, loads: int) -> str:
    """ABC wants a template of the very shape, although every table spells its knots out."""
    return (
        f"  lu_table_template ({_template_name((slews, loads))}) {{ variable_1 : input_net_transition;"
        f' variable_2 : total_output_net_capacitance; index_1 ("{_join(range(slews))}");'
        f' index_2 ("{_join(range(loads))}"); }}\n'
    )


def _template_name(shape: tuple[int, ...]) -> str:
    return "table_" + "x".join(map(str, shape))


def _table_text(name: str, table: Table) -> str:
    rows = ", \\\n".join(f'          "{_join(row)}"' for row in table.values.tolist())
    knots = f'index_1 ("{_join(table.slews)}"); index_2 ("{_join(table.loads)}");'
    return f"        {name} ({_template_name(table.values.shape)}) {{ {knots} values ( \\\n{rows} ); }}"


def _join(numbers: Iterable[float]) -> str:
    return ", ".join(map(repr, numbers))
