"""What the report page knows: fronts, graphs, curves, netlists taken apart, and where all of it comes from."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Sequence
from contextlib import closing
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from prefixrl.designs.anatomy import Anatomy, anatomy
from prefixrl.designs.front import (
    FrontPoint,
    front_of,
    hypervolume,
    merged_classical_front,
    saving_at,
    savings,
)
from prefixrl.designs.history import hypervolume_history, thinned_cloud
from prefixrl.designs.maker import Maker
from prefixrl.designs.pick import pick
from prefixrl.designs.published import provenance
from prefixrl.designs.source import FrontSource, common_classical
from prefixrl.designs.store import DesignStore
from prefixrl.errors import EvaluationFailed, InputError, PrefixrlError
from prefixrl.graphs import PrefixGraph, graph_document
from prefixrl.graphs.shading import STOPS
from prefixrl.graphs.svg import draw as draw_svg

SAVINGS_ROWS = 14
CONFIG_BYTES = 64 * 1024
_PACKAGES = ("prefixrl", "numpy", "numba", "moocore", "pyosys", "torch", "gymnasium")

Point = tuple[float, float]


class PageData:
    """Gathers the data of a page; `document` is what the page is given.

    :param reference: (delay_ns, area_um2) of all hypervolumes
    :param netlists: of the fronts, how many are made and taken apart, spread along them
    """

    def __init__(self, sources: Sequence[FrontSource], reference: Point, netlists: int, command: str) -> None:
        self._sources = list(sources)
        self._reference = reference
        self._command = command
        self._graphs: dict[PrefixGraph, int] = {}
        self._drawn: list[dict[str, Any]] = []
        self._curves: list[list[Point]] = []
        self._anatomies: list[dict[str, Any]] = []
        self._note = "Not among the netlists that this page took apart (--netlists); export it to see it."
        self._cloud: list[Point] = []
        self._classical = {name: curve for name, curve in common_classical(sources).items() if curve}
        self._baseline = merged_classical_front(self._classical)
        self._chosen = self._take_apart(netlists)

    def document(self) -> dict[str, Any]:
        """Plain JSON values."""
        context, first = self._sources[0].context, self._sources[0]
        runs = [self._run(source) for source in self._sources]
        return {
            "title": f"{context.width}-bit {context.circuit.replace('_', ' ')}, {context.pdk}",
            "terms": self._terms(),
            "problem": {"circuit": context.circuit, "width": context.width, "pdk": context.pdk},
            "reference": list(self._reference),
            "headline": self._headline(),
            "knee": pick(first.front, "knee").id if first.front else "",
            "runs": runs,
            "classical": [self._structure(name) for name in self._by_area()],
            "classical_hypervolume": hypervolume(self._baseline, self._reference) if self._baseline else None,
            "graphs": self._drawn,
            "curves": self._curves,
            "anatomies": self._anatomies,
            "netlist_note": self._note,
            "cloud": self._cloud,
            "savings": self._savings(),
            "savings_note": self._savings_note(),
            "slack_colours": [[stop, list(rgb)] for stop, rgb in STOPS],
            "provenance": self._provenance(),
        }

    def _terms(self) -> str:
        context = self._sources[0].context
        constraints = ", ".join(f"{name} {_short(value)}" for name, value in context.constraints.items())
        carries = [word for word, there in (("carry-in", context.carry_in), ("carry-out", context.carry_out)) if there]
        ports = f"with {' and '.join(carries)}; " if carries and context.circuit in ("adder", "incrementer") else ""
        return f"{ports}judged by {context.evaluator}; {constraints}"

    def _headline(self) -> list[list[str]]:
        cards = []
        for source in self._sources[:3]:
            volume = hypervolume(source.front, self._reference)
            label = f"{source.label}: hypervolume (ns um²)" if len(self._sources) > 1 else "hypervolume (ns um²)"
            cards.append([f"{volume:.3f}", label])
        front = self._sources[0].front
        if self._baseline:
            cards.append([f"{hypervolume(self._baseline, self._reference):.3f}", "of the classical structures"])
            rows = savings(front, self._baseline)
            if rows:
                best = max(rows, key=lambda row: row.saved_percent)
                cards.append([f"{best.saved_percent:.1f} %", f"most area saved, at {best.delay_ns:.3f} ns"])
        if front:
            cards.append([f"{front[0].delay_ns:.4f} ns", f"fastest, {front[0].area_um2:.1f} um²"])
            cards.append([f"{front[-1].area_um2:.1f} um²", f"smallest, {front[-1].delay_ns:.3f} ns"])
        designs = [source.designs for source in self._sources if source.designs is not None]
        if designs:
            cards.append([f"{sum(designs):,}", "designs evaluated"])
        return cards

    def _run(self, source: FrontSource) -> dict[str, Any]:
        config = _text(source.folder / "config.yaml")
        origin = provenance(source.folder)
        job = _job(config)
        curves, history = self._stored(source)
        front = []
        for point in source.front:
            entry = {"id": point.id, "d": point.delay_ns, "a": point.area_um2, "graph": self._graph(point.graph)}
            if (curve := curves.get(point.id.partition("-")[0])) is not None:
                entry["curve"] = curve
            if (chosen := self._chosen.get((source.label, point.id))) is not None:
                entry["anatomy"] = chosen
            front.append(entry)
        facts = {
            "method": job.get("method", ""),
            "seed": origin.seed,
            "commit": origin.commit,
            "machine": origin.machine,
            "evaluator": f"{source.context.evaluator} {source.context.evaluator_version}".strip(),
        }
        summary = ", ".join(f"{name} {value}" for name, value in facts.items() if value not in ("", None))
        return {
            "label": source.label,
            "spec": source.label if source.label.startswith("published:") else str(source.path),
            "front": front,
            "history": history,
            "failures": list(source.failures.items())[:20],
            "summary": summary,
            "config": config[:CONFIG_BYTES],
        }

    def _stored(self, source: FrontSource) -> tuple[dict[str, int], list[tuple[int, float]]]:
        """Curves of the front's designs by the beginning of their IDs, and the hypervolume's history."""
        found: dict[str, int] = {}
        path = source.store_path
        if path is None:
            by_graph: dict[str, list[FrontPoint]] = {}
            for point in source.front:
                by_graph.setdefault(point.id.partition("-")[0], []).append(point)
            for key, points in by_graph.items():
                found[key] = self._curve([(point.delay_ns, point.area_um2) for point in points])
            return found, []
        with closing(DesignStore.open(path)) as store:
            for key in {point.id.partition("-")[0] for point in source.front}:
                found[key] = self._curve([(p.delay_ns, p.area_um2) for p in store.design(key).points])
            table = store.points()
        if source is self._sources[0]:
            self._cloud = thinned_cloud(table, self._reference)
        return found, [(count, round(volume, 6)) for count, volume in hypervolume_history(table, self._reference)]

    def _curve(self, points: list[Point]) -> int:
        self._curves.append(points)
        return len(self._curves) - 1

    def _graph(self, graph: PrefixGraph) -> int:
        """The number of a graph, drawn when it is first met."""
        if graph not in self._graphs:
            self._graphs[graph] = len(self._drawn)
            shape = {"size": graph.size, "depth": graph.depth, "fanout": graph.max_fanout}
            self._drawn.append({**shape, "svg": draw_svg(graph), "document": graph_document(graph)})
        return self._graphs[graph]

    def _by_area(self) -> list[str]:
        return sorted(self._classical, key=lambda name: min(point.area_um2 for point in self._classical[name]))

    def _structure(self, name: str) -> dict[str, Any]:
        curve = front_of(self._classical[name])
        points = [(point.delay_ns, point.area_um2) for point in curve]
        return {"name": name, "graph": self._graph(curve[0].graph), "curve": points}

    def _take_apart(self, netlists: int) -> dict[tuple[str, str], int]:
        """Make and take apart netlists of the fronts, evenly along each; number of the anatomy by label and ID."""
        chosen: dict[tuple[str, str], int] = {}
        share = netlists // max(len(self._sources), 1)
        for source in self._sources:
            points = _spread(source.front, share)
            if not points:
                continue
            try:
                with Maker(source.context) as maker:
                    self._anatomies_of(source, maker, points, chosen)
            except (PrefixrlError, OSError) as error:
                self._note = f"Netlists could not be made again: {error}"
        return chosen

    def _anatomies_of(
        self, source: FrontSource, maker: Maker, points: list[FrontPoint], chosen: dict[tuple[str, str], int]
    ) -> None:
        for point, known in zip(points, maker.with_recipes(points), strict=True):
            try:
                if known is None:
                    raise EvaluationFailed("its figures do not come out again")
                netlist = maker.netlist(known, source.context.circuit)
            except EvaluationFailed as error:
                self._note = f"This version of {source.context.evaluator} does not make this netlist any more: {error}"
                continue
            circuit = source.context.circuit_of(point.graph)
            made = anatomy(netlist, circuit, maker.constraints, maker.pdk)
            chosen[(source.label, point.id)] = len(self._anatomies)
            self._anatomies.append(_anatomy_document(made))

    def _savings(self) -> list[list[object]]:
        front = self._sources[0].front
        rows = savings(front, self._baseline)
        if not rows:
            return []
        low, high = rows[0].delay_ns, min(rows[-1].delay_ns, self._reference[0])
        delays = _round_delays(low, high)
        found = (saving_at(front, self._baseline, delay) for delay in delays)
        return [
            [row.delay_ns, row.area_um2, row.classical_area_um2, row.structure, row.saved_percent]
            for row in found
            if row is not None
        ]

    def _savings_note(self) -> str:
        rows = savings(self._sources[0].front, self._baseline)
        if not rows:
            return ""
        smaller = sum(row.saved_um2 > 0 for row in rows)
        mean = sum(row.saved_percent for row in rows) / len(rows)
        return (
            f"{self._sources[0].label} is smaller at {smaller} of the {len(rows)} delays where either front has "
            f"a step, by {mean:.1f} % in mean over them."
        )

    def _provenance(self) -> dict[str, str]:
        context = self._sources[0].context
        return {
            "command": self._command,
            "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "sources": ", ".join(str(source.path) for source in self._sources),
            "evaluator": f"{context.evaluator} {context.evaluator_version}".strip(),
            "library": f"{context.pdk} {context.pdk_hash[:16]}".strip(),
            "reference point": f"{self._reference[0]:.6g} ns, {self._reference[1]:.6g} um²",
            "python": platform.python_version(),
            "packages": ", ".join(f"{name} {version}" for name in _PACKAGES if (version := _version(name))),
        }


def _anatomy_document(made: Anatomy) -> dict[str, Any]:
    timing = made.timing
    return {
        "gates": made.gates,
        "area": round(made.area_um2, 4),
        "cells": made.cells,
        "kinds": made.area_by_kind,
        "levels": made.levels,
        "fanout": made.largest_fanout,
        "timing": None
        if timing is None
        else {
            "slack": {f"{msb}:{lsb}": slack for (msb, lsb), slack in timing.slack_ns.items()},
            "nodes": [f"{msb}:{lsb}" for msb, lsb in timing.nodes],
            "path": [
                [step.cell, step.arrival_ns, "" if step.node is None else f"{step.node[0]}:{step.node[1]}"]
                for step in timing.path
            ],
        },
    }


def _spread(front: Sequence[FrontPoint], count: int) -> list[FrontPoint]:
    """At most `count` points of a front, its ends and its knee among them."""
    if len(front) <= count:
        return list(front)
    if count < 1:
        return []
    places = {round(place * (len(front) - 1) / max(count - 1, 1)) for place in range(count)}
    chosen = [front[place] for place in sorted(places)]
    knee = pick(front, "knee")
    if knee not in chosen:
        chosen[len(chosen) // 2] = knee
    return sorted(chosen, key=lambda point: point.delay_ns)


def _round_delays(low: float, high: float) -> list[float]:
    """Round delays from `low` on, `SAVINGS_ROWS` at most."""
    step = next(
        s for s in (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 1e9) if high - low <= s * SAVINGS_ROWS
    )
    first = -int(-low // step)
    return [round(place * step, 6) for place in range(first, int(high / step + 1e-9) + 1)][:SAVINGS_ROWS] or [low]


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _job(text: str) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError:
        return {}
    return tree if isinstance(tree, dict) else {}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def check_some(sources: Sequence[FrontSource]) -> None:
    """Check that there is something to report.

    :raises InputError: all fronts are empty
    """
    if not any(source.front for source in sources):
        raise InputError(f"a report needs at least one successful design, there is none: {sources[0].path}")
