"""Tables for the terminal (rich, at most 80 columns) and the JSON object of `prefixrl pareto RUN --json`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text

from prefixrl.circuits.kinds import CARRY_KINDS
from prefixrl.designs.front import FrontPoint, front_of, hypervolume, merged_classical_front, saving_at
from prefixrl.designs.records import DesignContext
from prefixrl.graphs.files import graph_document


def front_document(
    context: DesignContext,
    front: Sequence[FrontPoint],
    reference: tuple[float, float],
    classical: Mapping[str, Sequence[FrontPoint]] | None = None,
) -> dict[str, object]:
    """The object that `prefixrl pareto RUN --json` prints and `front.json` holds.

    `library` is there only where something is stated beside a PDK's name, `evaluator_options` only where some were
    chosen, `carry_in` and `carry_out` only where they are not what they are by default, `classical` where it is known.

    :param reference: (delay_ns, area_um2)
    :param classical: curves by structure
    """
    return {
        "circuit": context.circuit,
        "width": context.width,
        **_carries(context),
        "pdk": context.pdk,
        **({"library": dict(context.library)} if context.library else {}),
        "evaluator": context.evaluator,
        **({"evaluator_options": dict(context.evaluator_options)} if context.evaluator_options else {}),
        "constraints": dict(context.constraints),
        "reference_point": {"delay_ns": reference[0], "area_um2": reference[1]},
        "hypervolume": hypervolume(front, reference),
        "points": [_point_document(point) for point in sorted(front, key=lambda point: point.delay_ns)],
        **({"classical": {name: _curve_document(curve) for name, curve in classical.items()}} if classical else {}),
    }


def _curve_document(curve: Sequence[FrontPoint]) -> dict[str, list[float]]:
    return {"delay_ns": [point.delay_ns for point in curve], "area_um2": [point.area_um2 for point in curve]}


def _carries(context: DesignContext) -> dict[str, bool]:
    if context.circuit not in CARRY_KINDS or (context.carry_out and not context.carry_in):
        return {}
    return {"carry_in": context.carry_in, "carry_out": context.carry_out}


def _point_document(point: FrontPoint) -> dict[str, object]:
    return {
        "id": point.id,
        "delay_ns": point.delay_ns,
        "area_um2": point.area_um2,
        "size": point.size,
        "depth": point.depth,
        "max_fanout": point.max_fanout,
        "graph": graph_document(point.graph),
        **({"recipe": point.recipe} if point.recipe else {}),
    }


def front_table(
    front: Sequence[FrontPoint], classical: Mapping[str, Sequence[FrontPoint]] | None = None, title: str = ""
) -> Table:
    """The front, a row per point, with the area saved against the best classical structure that is as fast.

    :param front: by rising delay
    :param classical: curves by structure; without them the two columns of the comparison are left out
    """
    table = _table(title)
    table.add_column("ID", no_wrap=True)
    for heading in ("     ns", "    um2", " size", "depth", "fanout"):
        table.add_column(heading, justify="right", no_wrap=True)
    if classical is not None:
        table.add_column("saved %", justify="right", no_wrap=True)
        table.add_column("against", overflow="ellipsis")
    baseline = merged_classical_front(classical or {})
    for point in front:
        cells = [point.id, *_figures(point)]
        table.add_row(*cells, *(() if classical is None else _saving_cells(front, baseline, point)))
    return table


def _saving_cells(front: Sequence[FrontPoint], baseline: Sequence[FrontPoint], point: FrontPoint) -> tuple[str, str]:
    saving = saving_at(front, baseline, point.delay_ns)
    if saving is None:
        return "", "none as fast"
    return f"{saving.saved_percent:.1f}", saving.structure


def classical_table(classical: Mapping[str, Sequence[FrontPoint]], title: str = "Classical structures") -> Table:
    """The fastest and the smallest point of every classical structure, by rising smallest area."""
    table = _table(title)
    table.add_column("structure", no_wrap=True)
    for heading in ("size", "depth", "fanout", "least ns", " at um2", "least um2", " at ns"):
        table.add_column(heading, justify="right", no_wrap=True)
    curves = {name: front_of(curve) for name, curve in classical.items()}
    for name, curve in sorted(curves.items(), key=_by_smallest_area):
        if not curve:
            table.add_row(name, "failed")
            continue
        fastest, smallest = curve[0], curve[-1]
        shape = (str(fastest.size), str(fastest.depth), str(fastest.max_fanout))
        fast_cells = (_delay(fastest), _area(fastest))
        table.add_row(name, *shape, *fast_cells, _area(smallest), _delay(smallest))
    return table


def _by_smallest_area(named_curve: tuple[str, Sequence[FrontPoint]]) -> tuple[float, str]:
    name, curve = named_curve
    return (curve[-1].area_um2 if curve else math.inf), name


def failures_table(failures: Mapping[str, int], title: str = "Failed evaluations") -> Table:
    """How many evaluations failed, by reason."""
    table = _table(title)
    table.add_column("count", justify="right", no_wrap=True)
    table.add_column("reason", overflow="fold")
    for reason, count in failures.items():
        table.add_row(str(count), Text(reason))  # Text: a bracket in it is not mark-up
    return table


def _table(title: str) -> Table:
    return Table(title=title or None, title_justify="left", box=None, padding=(0, 1, 0, 0), header_style="bold")


def _figures(point: FrontPoint) -> tuple[str, ...]:
    return _delay(point), _area(point), str(point.size), str(point.depth), str(point.max_fanout)


def _delay(point: FrontPoint) -> str:
    return f"{point.delay_ns:.4f}"


def _area(point: FrontPoint) -> str:
    return f"{point.area_um2:.2f}"
