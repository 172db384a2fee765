"""Where a run stands, read from its directory alone, whether its job is at work, done or dead."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from prefixrl.designs.front import FrontPoint, hypervolume, merged_classical_front, reference_point, savings
from prefixrl.designs.run import RunDirectory
from prefixrl.designs.store import DesignStore

LIVELY_S = 120.0
"""A store that nothing was written to for so long belongs to a job that ended, or evaluates something very slow."""


@dataclass(frozen=True)
class RunStatus:
    """Where a run stands.

    :param state: "finished" (`front.json` is newer than the last design), "at work" (a design in the last two minutes),
        or "ended early"
    :param evaluations: unique designs that the job asked for; classical structures and the final pass are not counted
    :param designs: all designs in the store
    :param budget: of evaluations, seconds, steps, where the job has one
    :param seconds: from the first design to the last
    :param per_second: evaluations over that time
    :param steps: the step of the last design
    :param front: points on the front
    :param hypervolume: ns um2; None before the classical structures are there
    :param classical_hypervolume: likewise
    :param best_saving_percent: most area saved against the classical structures at one delay
    """

    run: str
    state: str
    method: str
    seed: int | None
    circuit: str
    width: int
    pdk: str
    evaluator: str
    evaluations: int
    designs: int
    failed: int
    budget: dict[str, float]
    seconds: float
    since_last_s: float
    per_second: float
    steps: int
    front: int
    fastest_ns: float | None
    smallest_um2: float | None
    hypervolume: float | None
    classical_hypervolume: float | None
    best_saving_percent: float | None
    checkpoint: str

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def run_status(path: str | Path) -> RunStatus:
    """Read where a run stands; its job may be writing.

    :raises InputError: no run directory, or a store that cannot be read
    """
    run = RunDirectory.open(path)
    job = _job(run)
    with closing(DesignStore.open(run.store_path)) as store:
        counts = store.sources()
        last = store.last_recorded()
        front, classical = store.front(), store.classical()
        context, designs, failed = store.context, store.count(), store.count(failed=True)
    baseline = merged_classical_front(classical)
    reference = reference_point(classical) if baseline else None
    proposed = [count for source, count in counts.items() if source not in ("classical", "final")]
    evaluations = sum(proposed)
    began, ended, step = last
    seconds = max(ended - began, 0.0)
    budget = job.get("budget")
    limits = {name: float(value) for name, value in (budget or {}).items() if isinstance(value, int | float) and value}
    return RunStatus(
        run=str(path),
        state=_state(run, ended),
        method=str(job.get("method", "")),
        seed=job.get("seed") if isinstance(job.get("seed"), int) else None,
        circuit=context.circuit,
        width=context.width,
        pdk=context.pdk,
        evaluator=context.evaluator,
        evaluations=evaluations,
        designs=designs,
        failed=failed,
        budget={name: limits[name] for name in ("evaluations", "time_s", "steps") if name in limits},
        seconds=round(seconds, 3),
        since_last_s=round(max(time.time() - ended, 0.0), 3) if ended else 0.0,
        per_second=round(evaluations / seconds, 3) if seconds > 0 else 0.0,
        steps=step,
        front=len(front),
        fastest_ns=front[0].delay_ns if front else None,
        smallest_um2=front[-1].area_um2 if front else None,
        hypervolume=hypervolume(front, reference) if reference else None,
        classical_hypervolume=hypervolume(baseline, reference) if reference else None,
        best_saving_percent=_best_saving(front, baseline),
        checkpoint=_newest_checkpoint(run.path / "checkpoints"),
    )


def _best_saving(front: list[FrontPoint], baseline: list[FrontPoint]) -> float | None:
    rows = savings(front, baseline)
    return max(row.saved_percent for row in rows) if rows else None


def _state(run: RunDirectory, ended: float) -> str:
    try:
        written = run.front_path.stat().st_mtime
    except OSError:
        written = 0.0
    if ended and written >= ended - 1.0:
        return "finished"
    return "at work" if time.time() - ended < LIVELY_S else "ended early"


def _job(run: RunDirectory) -> dict[str, Any]:
    """The job as it stands there; a description by another version is read as far as it goes."""
    try:
        tree = yaml.safe_load(run.read_config())
    except yaml.YAMLError:
        return {}
    return tree if isinstance(tree, dict) else {}


def _newest_checkpoint(folder: Path) -> str:
    names = sorted(each.name for each in folder.glob("step-*")) if folder.is_dir() else []
    return names[-1] if names else ""
