"""`prefixrl bench units`: every unit with adders of ours, plain `+` and classical ones, at equal clock, and how fast it
is verified.

For every unit the arrival times at its main adder are measured, adders are designed for them, and the whole unit is
measured with each (`report`). Who may choose takes the best of all that were tried, `+` and the classical structures
among them: that choice is never worse than either, and its label says what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from prefixrl.graphs import PrefixGraph
from prefixrl.synthesis.pdk import Pdk
from prefixrl.units.parameters import Parameters
from prefixrl.units.registry import UNITS, Built, build_unit
from prefixrl.units.report import GROUPS, Comparison, Entry, Progress, counterpart
from prefixrl.units.task import Task, task_of
from prefixrl.units.verify import verify

Designer = Callable[[Built, Task], Mapping[str, PrefixGraph]]
"""Designs adders for a task: label -> graph of its width."""

# So many products or elements: k of a dot product in narrow accelerators, and a quarter of an MX block.
BLOCK = 8
# At this many patterns a rate is steady.
PATTERNS = 1 << 16
# Beside the units' defaults: the widest and the narrowest MX element.
FURTHER = (("mx_dot", "e5m2"), ("mx_dot", "e2m1"))


def default_cases(block: int = BLOCK) -> list[tuple[str, Parameters]]:
    """All units, and the dot product of further formats."""
    cases = [(name, Parameters(block=block if "block" in unit.takes else None)) for name, unit in UNITS.items()]
    return cases + [(name, Parameters(format=fmt, block=block)) for name, fmt in FURTHER]


def bench_units(
    cases: Iterable[tuple[str, Parameters]], pdk: Pdk, design: Designer, progress: Progress | None = None
) -> Iterator[dict[str, Any]]:
    """Measure units.

    :param cases: units and their parameters
    :param design: makes our adders
    :returns: for each unit, its clocks and its verification as plain JSON values
    """
    int8: dict[str, Comparison] = {}
    for name, given in cases:
        yield _bench_unit(build_unit(name, given), pdk, design, int8, progress)


def _bench_unit(
    built: Built, pdk: Pdk, design: Designer, int8: dict[str, Comparison], progress: Progress | None
) -> dict[str, Any]:
    task = task_of(built, pdk)
    graphs = design(built, task)
    comparison = Comparison(built, pdk, graphs, progress=progress)
    beside = _beside(built, pdk, int8, progress)
    circuit = comparison.circuit
    return {
        "unit": built.description,
        "adder": {"kind": circuit.kind, "width": circuit.width, "role": built.unit.main},
        "graphs": len(graphs),
        "beside": None if beside is None else beside.built.description,
        "rows": [_row(comparison, clock, beside) for clock in comparison.clocks()],
        "verification": _verification(built),
    }


def _beside(built: Built, pdk: Pdk, known: dict[str, Comparison], progress: Progress | None) -> Comparison | None:
    """The INT8 unit that does the same job, with the structures that count for it."""
    other = counterpart(built)
    if other is None:
        return None
    unit = build_unit(*other)
    if unit.description not in known:
        known[unit.description] = Comparison(unit, pdk, None, ["sklansky", "brent-kung", "ripple-carry"], progress)
    return known[unit.description]


def _row(comparison: Comparison, clock_ns: float, beside: Comparison | None) -> dict[str, Any]:
    entries = {group: comparison.entry(group, clock_ns) for group in GROUPS}
    chosen = min((each for each in entries.values() if each is not None), key=lambda each: each.area_um2)
    path_share, area_share = comparison.shares(clock_ns)
    int8 = None if beside is None else [beside.entry(group, clock_ns) for group in GROUPS]
    areas = [each.area_um2 for each in int8 or () if each is not None]
    return {
        "clock_ns": clock_ns,
        **{group: _figures(entry) for group, entry in entries.items()},
        "chosen": _figures(chosen),
        "saved_percent": {group: _saved(entries["ours"], entries[group]) for group in ("plus", "classical")},
        "chosen_saved_percent": {group: _saved(chosen, entries[group]) for group in ("plus", "classical")},
        "path_share": path_share,
        "area_share": area_share,
        "int8_um2": min(areas, default=None),
    }


def _figures(entry: Entry | None) -> dict[str, Any] | None:
    return None if entry is None else {"label": entry.label, "delay_ns": entry.delay_ns, "area_um2": entry.area_um2}


def _saved(one: Entry | None, other: Entry | None) -> float | None:
    return None if one is None or other is None else 100.0 * (1.0 - one.area_um2 / other.area_um2)


def _verification(built: Built) -> dict[str, Any]:
    found = verify(built, patterns=PATTERNS, circuits=False)
    return {
        "mode": found.mode,
        "patterns": found.patterns,
        "patterns_per_s": found.patterns_per_s,
        "operand_pairs_per_s": found.patterns_per_s * found.operand_pairs / found.patterns,
    }
