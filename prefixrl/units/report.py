"""A unit measured as a whole, with its final adder exchanged: plain `+`, every classical structure, and given graphs.

All variants go through one flow: Yosys and ABC map what is around the final adder once, the adder is put in structure
by structure, and the native engine sizes the whole netlist: between such netlists only the adder differs. `+` is mapped
by itself and put in likewise; the leading graphs also with the other adders of the unit as `+`. Since a synthesis tool
may also gain by mapping an adder together with what is around it, every group has this chance too: `+`, and the two
structures that did best by themselves. The best of a group's variants counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from prefixrl.circuits import Circuit
from prefixrl.circuits.kinds import CARRY_KINDS
from prefixrl.errors import InputError
from prefixrl.graphs import PrefixGraph
from prefixrl.graphs.structures import classical_structures, structure
from prefixrl.synthesis.pdk import Pdk
from prefixrl.units.cells import Frame, as_it_is, check_combinational, frame_of, with_operator, with_structure
from prefixrl.units.measuring import SMALL_GATES, Measured, Point
from prefixrl.units.parameters import Parameters
from prefixrl.units.prefixes import DEFAULT_STRUCTURE, OPERATOR, Choice, PrefixPlan
from prefixrl.units.registry import Built, build_unit

MERGED = "with its surroundings"
PLUS, CLASSICAL, OURS = "plus", "classical", "ours"
GROUPS = (PLUS, CLASSICAL, OURS)
# Clocks that a report looks at: the fastest that a classical structure reaches, and slower ones.
RELAXATIONS = (1.0, 1.03, 1.1, 1.25)
_POLARITIES = ("area", "speed")
# Graphs that are looked at more closely, at every clock.
_LEADING = 3
# Below this part of the critical path and of the area an adder decides little.
CRITICAL_SHARE = 0.15

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Entry:
    """The best of a group at one clock."""

    label: str
    delay_ns: float
    area_um2: float


@dataclass(frozen=True)
class Row:
    """One clock; None where a group is not that fast.

    :param path_share: part of the critical path that lies in the final adder, of the best netlist (ours, or else
        classical) in which the adder has a boundary
    :param area_share: part of the area that is the final adder's, there
    :param int8_um2: area of the INT8 counterpart with its best classical structure
    """

    clock_ns: float
    plus: Entry | None
    classical: Entry | None
    ours: Entry | None
    path_share: float | None
    area_share: float | None
    int8_um2: float | None

    def saved_percent(self, group: str) -> float | None:
        """Area that ours saves against another group."""
        other: Entry | None = getattr(self, group)
        if self.ours is None or other is None:
            return None
        return 100.0 * (1.0 - self.ours.area_um2 / other.area_um2)


class Comparison:
    """A unit with many final adders.

    :param ours: label -> graph of the adder's width
    :param quick: the other adders as structures only, and nothing mapped together with its surroundings
    :param structures: classical structures to try; None for all of the width
    :raises InputError: the unit has no main prefix circuit, a graph does not fit, or there is no such structure
    """

    def __init__(
        self,
        built: Built,
        pdk: Pdk,
        ours: Mapping[str, PrefixGraph] | None = None,
        structures: Sequence[str] | None = None,
        progress: Progress | None = None,
        quick: bool = False,
    ) -> None:
        self.built = built
        self.pdk = pdk
        self._say = progress or (lambda text: None)
        self.groups: dict[str, list[Measured]] = {group: [] for group in GROUPS}
        self.circuit = final_circuit(built)
        for label, graph in (ours or {}).items():
            if graph.width != self.circuit.width:
                raise InputError(
                    f"the main {self.circuit.kind} has {self.circuit.width} bits, the graph {label} has {graph.width}"
                )
        chosen = self._classical(structures)
        surroundings = (DEFAULT_STRUCTURE,) if quick else (DEFAULT_STRUCTURE, OPERATOR)
        plans = {name: _surrounding_plan(built, name) for name in surroundings}
        frames = [self._frame(name, plan, False) for name, plan in plans.items()]
        for frame in frames:
            self._add(PLUS, Measured(with_operator(frame, pdk), pdk, "+"))
        merged = {} if quick else plans
        for name, plan in merged.items():
            self._add_whole(PLUS, name, plan, "+", OPERATOR)
        for group, each in ((CLASSICAL, chosen), (OURS, dict(ours or {}))):
            self._add_graphs(group, frames, each)
            for label in self._promising(group):
                for name, plan in merged.items():
                    self._add_whole(group, name, plan, label, each[label])

    def _classical(self, names: Sequence[str] | None) -> dict[str, PrefixGraph]:
        """Classical structures by name; all that differ for None."""
        width = self.circuit.width
        return classical_structures(width) if names is None else {name: structure(name, width) for name in names}

    def _add_whole(self, group: str, name: str, plan: PrefixPlan, label: str, final: Choice) -> None:
        """The adder mapped together with its surroundings."""
        whole = PrefixPlan(plan.default, {**plan.roles, self.built.unit.main: final})
        self._add(group, Measured(as_it_is(self._frame(name, whole, True)), self.pdk, f"{label} {MERGED}"))

    def _promising(self, group: str) -> list[str]:
        """The fastest and the smallest of a group; of a small unit the smallest at every clock as well."""
        found = self.groups[group]
        if not found:
            return []
        fastest = min(found, key=lambda each: each.fastest_ns)
        kept = [fastest, min(found, key=lambda each: each.smallest_um2)]
        if len(fastest.unit.netlist.gates) <= SMALL_GATES:
            kept += [best[0] for clock in self._clocks(fastest.fastest_ns) if (best := self.best(group, clock))]
        return list(dict.fromkeys(each.label for each in kept))

    def _frame(self, name: str, plan: PrefixPlan, whole: bool) -> Frame:
        self._say(f"mapping {self.built.unit.name}, other adders {name}{', as a whole' if whole else ''}")
        return frame_of(build_unit(self.built.unit.name, self.built.parameters, plan), self.pdk, whole=whole)

    def _add_graphs(self, group: str, frames: Sequence[Frame], graphs: Mapping[str, PrefixGraph]) -> None:
        """All graphs in one frame, then the leading ones in every frame and polarity."""
        first, *further = [(frame, polarity) for frame in frames for polarity in _POLARITIES]
        for label, graph in graphs.items():
            self._add_graph(group, *first, label, graph)
        for label in self._leading(group):
            for frame, polarity in further:
                self._add_graph(group, frame, polarity, label, graphs[label])

    def _leading(self, group: str) -> list[str]:
        """The smallest few of a group at every clock, and the fastest."""
        found = self.groups[group]
        fastest = min((each.fastest_ns for each in found), default=0.0)
        kept = [each.label for each in found if each.fastest_ns == fastest]
        for factor in RELAXATIONS:
            points = [
                (point.area_um2, each.label) for each in found if (point := each.at(fastest * factor)) is not None
            ]
            kept += [label for _, label in sorted(points)[:_LEADING]]
        return list(dict.fromkeys(kept))

    def _add_graph(self, group: str, frame: Frame, polarity: str, label: str, graph: PrefixGraph) -> None:
        circuit = Circuit(self.circuit.kind, graph, carry_in=self.circuit.carry_in, carry_out=self.circuit.carry_out)
        self._add(group, Measured(with_structure(frame, circuit, self.pdk, polarity), self.pdk, label))

    def _add(self, group: str, measured: Measured) -> None:
        self._say(f"{group}: {measured.label}, fastest {measured.fastest_ns:.4f} ns")
        self.groups[group].append(measured)

    @property
    def fastest_ns(self) -> float:
        """The least delay of a classical structure."""
        return min(each.fastest_ns for each in self.groups[CLASSICAL])

    def clocks(self) -> list[float]:
        """The clocks that are looked at unless others are asked for."""
        return self._clocks(self.fastest_ns)

    def _clocks(self, fastest_ns: float) -> list[float]:
        return [round(fastest_ns * factor + 5e-5, 4) for factor in RELAXATIONS]

    def best(self, group: str, clock_ns: float, bounded: bool = False) -> tuple[Measured, Point] | None:
        """The smallest variant of a group that is fast enough.

        :param bounded: only those in which the final adder's gates are known
        """
        tried = [each for each in self.groups[group] if each.unit.adder_gates or not bounded]
        found = [(each, point) for each in tried if (point := each.at(clock_ns)) is not None]
        return min(found, key=lambda pair: (pair[1].area_um2, pair[1].delay_ns)) if found else None

    def entry(self, group: str, clock_ns: float) -> Entry | None:
        """The same with its figures."""
        found = self.best(group, clock_ns)
        if found is None:
            return None
        measured, point = found
        return Entry(measured.label, point.delay_ns, point.area_um2)

    def shares(self, clock_ns: float) -> tuple[float | None, float | None]:
        """The final adder's parts of the critical path and of the area."""
        found = self.best(OURS, clock_ns, bounded=True) or self.best(CLASSICAL, clock_ns, bounded=True)
        if found is None:
            return None, None
        measured, point = found
        share = measured.share(point)
        return share.adder_ns / share.delay_ns, share.adder_um2 / point.area_um2

    def rows(self, clocks: Sequence[float] | None = None, beside: Comparison | None = None) -> list[Row]:
        """The table.

        :param clocks: ns; None for `clocks()`
        :param beside: the INT8 counterpart
        """
        rows = []
        for clock in clocks or self.clocks():
            other = beside.best(CLASSICAL, clock) if beside is not None else None
            area = None if other is None else other[1].area_um2
            plus, classical, ours = (self.entry(group, clock) for group in GROUPS)
            rows.append(Row(clock, plus, classical, ours, *self.shares(clock), area))
        return rows


def final_circuit(built: Built) -> Circuit:
    """The final adder of a unit, or whatever its main prefix circuit is.

    :raises InputError: it has none, or the unit has registers
    """
    check_combinational(built)
    name = built.main_module
    if name is None:
        roles = sorted({each.role for each in built.module.instances})
        raise InputError(f"{built.description} has no {built.unit.adder}; its prefix circuits are {', '.join(roles)}")
    return built.written.circuits[name]


def _surrounding_plan(built: Built, name: str) -> PrefixPlan:
    """Adders and incrementers but the main one as a structure or `operator`; the rest keeps its structure."""
    instances = built.module.instances
    roles = {each.role for each in instances if each.circuit.kind in CARRY_KINDS and each.role != built.unit.main}
    return PrefixPlan(DEFAULT_STRUCTURE, dict.fromkeys(sorted(roles), name))


def counterpart(built: Built) -> tuple[str, Parameters] | None:
    """The INT8 unit that does the same job; None where there is none."""
    name, block = built.unit.name, built.parameters.block
    if name == "fp8_mul":
        return "int8_dot", Parameters(block=1)
    if name == "fp8_fma":
        return "int8_dot", Parameters(block=1, width=32)
    if name in ("mx_dot", "tc_dot"):
        return "int8_dot", Parameters(block=block)
    if name == "mx_dot_acc":
        return "int8_dot", Parameters(block=block, width=32)
    return ("add", Parameters(width=8)) if name == "fp8_add" else None


def remarks(comparison: Comparison, rows: Sequence[Row]) -> list[str]:
    """What the table says in plain words, also where it says little."""
    lines = []
    row = next((row for row in rows if row.path_share is not None), None)
    if row is not None:
        path, area = row.path_share or 0.0, row.area_share or 0.0
        text = f"at {row.clock_ns:.4f} ns the final adder has {path:.0%} of the critical path, {area:.1%} of the area"
        lines.append(text if path >= CRITICAL_SHARE else f"{text}: it is not critical, what is around it decides")
    for group, other in ((PLUS, "+"), (CLASSICAL, "the best classical structure")):
        saved = [percent for row in rows if (percent := row.saved_percent(group)) is not None]
        if saved:
            verdict = "never worse" if min(saved) >= 0 else "worse at some clocks"
            lines.append(f"ours against {other}: {min(saved):+.2f} to {max(saved):+.2f} % area saved, {verdict}")
    return lines


def document(comparison: Comparison, rows: Sequence[Row], beside: Comparison | None) -> dict[str, Any]:
    """All of it as plain JSON values."""
    circuit = comparison.circuit
    return {
        "unit": comparison.built.description,
        "pdk": comparison.pdk.name,
        "adder": {"kind": circuit.kind, "width": circuit.width, "carry_in": circuit.carry_in},
        "fastest_ns": {
            group: min((each.fastest_ns for each in comparison.groups[group]), default=None) for group in GROUPS
        },
        "smallest_um2": {
            group: min((each.smallest_um2 for each in comparison.groups[group]), default=None) for group in GROUPS
        },
        "beside": None if beside is None else beside.built.description,
        "rows": [
            {**asdict(row), "saved_percent": {group: row.saved_percent(group) for group in (PLUS, CLASSICAL)}}
            for row in rows
        ],
        "remarks": remarks(comparison, rows),
    }
