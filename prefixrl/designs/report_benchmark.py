"""How fast a large run is reported, and how large its store is: a run of real graphs with curves like real ones.

Every graph is an edit away from the one before, as in a job. One in fifty is evaluated; the others have the curve of
the last one that was, shifted by up to half a percent, so that making the run takes a minute and not an hour.
"""

from __future__ import annotations

import hashlib
import json
import math
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from prefixrl.circuits import Circuit
from prefixrl.designs.maker import Maker, context_of
from prefixrl.designs.run import RunDirectory
from prefixrl.designs.store import DesignStore
from prefixrl.errors import PrefixrlError
from prefixrl.graphs import PrefixGraph, classical_structures, structure
from prefixrl.synthesis.constraints import default_constraints
from prefixrl.synthesis.curve import AreaDelayCurve, CurvePoint
from prefixrl.synthesis.evaluator import make_evaluator
from prefixrl.synthesis.pdk import load_pdk
from prefixrl.synthesis.service import Evaluation
from prefixrl.tools import run_tool

EVALUATED_EVERY = 50
_WALK = 400
"""Edits before a walk begins again at a classical structure."""
_CHUNK = 1000
_SHIFT = 0.005
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome")


def bench_reports(designs: int = 100_000, width: int = 32, export_width: int = 64, seed: int = 0) -> dict[str, Any]:
    """Make a run of so many designs, then time `pareto`, `pareto --html`, `status` and `export` as a user calls them.

    :param designs: in the store
    :param width: of the adders in it
    :param export_width: of the adder whose export, proof and all, is timed
    :returns: seconds of wall clock and of the processors for each command, bytes of the store per design; seconds in
        which a headless Chromium starts, opens the page and has drawn it, None without one
    """
    with tempfile.TemporaryDirectory(prefix="prefixrl-bench-") as folder:
        run, page = Path(folder, "run"), Path(folder, "report.html")
        begin = time.monotonic()
        make_run(run, designs, width, seed)
        figures: dict[str, Any] = {"designs": designs, "width": width, "made_in_s": round(time.monotonic() - begin, 1)}
        figures["store_bytes_per_design"] = round((run / "designs.sqlite").stat().st_size / designs, 1)
        _timed(["pareto", str(run), "--json"])  # compiles and warms what a first call must
        figures |= _named("pareto", _timed(["pareto", str(run)]))
        figures |= _named("html", _timed(["pareto", str(run), "--html", str(page)]))
        figures["html_mib"] = round(page.stat().st_size / 2**20, 2)
        figures["html_opened_s"] = _opened_s(page)
        figures |= _named("status", _timed(["status", str(run)]))
        figures |= _named("export_from_run", _timed(["export", str(run), "--out", str(Path(folder, "first"))]))
        export = ["export", "sklansky", "-n", str(export_width), "--effort", "fast"]
        _timed([*export, "--out", str(Path(folder, "warm"))])
        figures |= _named(f"export_{export_width}", _timed([*export, "--out", str(Path(folder, "second"))]))
    return figures


def make_run(path: Path, designs: int, width: int, seed: int = 0) -> None:
    """A run directory with a store of so many designs."""
    pdk = load_pdk()
    constraints = default_constraints(pdk)
    context = context_of(Circuit("adder", structure("sklansky", width)), pdk, constraints, "native")
    job = {"method": "synthetic", "seed": seed, "budget": {"evaluations": designs}}
    run = RunDirectory.create(path, json.dumps(job))
    with Maker(context, pdk) as maker, DesignStore.create(run.store_path, context) as store:
        classical = classical_structures(width)
        for name, evaluation in zip(classical, maker.evaluate(list(classical.values()), "fast"), strict=True):
            store.record_classical(name, evaluation)
        with closing(make_evaluator("native", pdk, effort="fast")) as evaluator:
            chunk: list[Evaluation] = []
            curve: AreaDelayCurve | None = None
            generator = np.random.default_rng(seed)
            for number, graph in enumerate(_graphs(width, designs, generator)):
                circuit = context.circuit_of(graph)
                if curve is None or number % EVALUATED_EVERY == 0:
                    curve = evaluator.evaluate(circuit, constraints)
                shifted = curve if number % EVALUATED_EVERY == 0 else _shifted(curve, generator)
                chunk.append(
                    Evaluation(
                        circuit, hashlib.sha256(f"{seed} {number}".encode()).hexdigest(), shifted, None, 0.004, False
                    )
                )
                if len(chunk) == _CHUNK:
                    store.record_many(chunk, "train", number)
                    chunk.clear()
            store.record_many(chunk, "train", designs)


def _graphs(width: int, count: int, generator: np.random.Generator) -> Iterator[PrefixGraph]:
    starts = [structure(name, width) for name in ("sklansky", "brent-kung", "kogge-stone", "ripple-carry")]
    graph = starts[0]
    for number in range(count):
        if number % _WALK == 0:
            graph = starts[number // _WALK % len(starts)]
        msb = int(generator.integers(2, width))
        lsb = int(generator.integers(1, msb))
        if graph.can_delete(msb, lsb):
            graph = graph.delete(msb, lsb, "keep")
        elif graph.can_add(msb, lsb):
            graph = graph.add(msb, lsb, "keep")
        yield graph


def _shifted(curve: AreaDelayCurve, generator: np.random.Generator) -> AreaDelayCurve:
    delay, area = 1 + _SHIFT * generator.random(2)
    points = (CurvePoint(round(p.delay_ns * delay, 6), round(p.area_um2 * area, 6), p.recipe) for p in curve.points)
    return AreaDelayCurve(tuple(points))


def _opened_s(page: Path) -> float | None:
    """The better of two: what a browser writes to its profile the first time is not the page's."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        return None
    best = math.inf
    with tempfile.TemporaryDirectory(prefix="prefixrl-bench-") as profile:
        arguments = [browser, "--headless", "--no-sandbox", f"--user-data-dir={profile}", "--dump-dom", page.as_uri()]
        for _ in range(2):
            begin = time.monotonic()
            shown = run_tool(arguments, timeout_s=120, memory_mib=0).stdout
            best = min(best, time.monotonic() - begin)
            if "<circle" not in shown and "<path" not in shown:
                raise PrefixrlError(f"{Path(browser).name} did not draw the page")
    return round(best, 2)


def _named(name: str, timed: tuple[float, float]) -> dict[str, float]:
    return {f"{name}_s": round(timed[0], 2), f"{name}_cpu_s": round(timed[1], 2)}


def _timed(arguments: list[str]) -> tuple[float, float]:
    """Wall clock and processor seconds of a command."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run([sys.executable, "-m", "prefixrl", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise PrefixrlError(f"prefixrl {arguments[0]} failed: {done.stderr.strip()[-300:]}")
    wall, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
