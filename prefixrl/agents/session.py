"""What every job needs around its proposals, whoever makes them: evaluation, the run directory, the budget, the front.

A job, be it learning or a baseline, opens a `JobSession`, has the classical structures evaluated, proposes designs
through `service` until `finished` says so, and ends with `conclude`. Every evaluated design is in the run's store
before its result is used.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from prefixrl.agents.archive import FrontArchive
from prefixrl.agents.inheritance import inherited_graphs, read_inherited, write_inherited
from prefixrl.agents.interrupt import StopRequest
from prefixrl.agents.job import JobConfig, apply_overrides, load_job
from prefixrl.agents.live import AreaAtDelay, LiveView, Snapshot
from prefixrl.agents.setting import design_context, load_setting, resolved
from prefixrl.agents.status import StatusFile
from prefixrl.agents.transfer import given_network, read_given, write_given
from prefixrl.circuits import Circuit
from prefixrl.designs import Design, DesignStore, FrontPoint, RunDirectory, reference_point
from prefixrl.designs.front import merged_classical_front
from prefixrl.designs.report import front_document
from prefixrl.envs.observations import check_width
from prefixrl.envs.rewards import RewardScale
from prefixrl.errors import EvaluationFailed, ToolError
from prefixrl.graphs import PrefixGraph
from prefixrl.graphs.structures import classical_structures, structure
from prefixrl.synthesis.cache import CachedResult, EvaluationCache
from prefixrl.synthesis.constraints import Constraints
from prefixrl.synthesis.curve import AreaDelayCurve, CurvePoint
from prefixrl.synthesis.evaluator import WITHOUT_EFFORT, effort_options, make_evaluator
from prefixrl.synthesis.judges import Judgement, check_judge, judge_points, make_judge
from prefixrl.synthesis.pdk import Pdk
from prefixrl.synthesis.pool import WorkerPool, require_pool
from prefixrl.synthesis.service import Evaluation, EvaluationService
from prefixrl.synthesis.work import EvaluatorSpec

IDLE_STEPS = 20_000
"""Edits in a row without a new design after which a job gives up: a small width has only so many graphs."""

PoolMaker = Callable[[EvaluatorSpec], WorkerPool]
"""Makes the workers of an evaluator."""

CLASSICAL, INHERITED, FINAL = "classical", "inherited", "final"
SHOWN_DELAYS = 5

CHALLENGERS = 0.5
"""Designs judged with full effort against classical structures that still hold part of the front, per design before."""
CHALLENGER_SLACK = 1.02
"""By how much a design may miss a delay in the search and still be expected to meet it with full effort."""

FINAL_PER_STRETCH = 4
"""The front is cut into stretches of equally many points, so that each sends so many designs to the final pass."""


@dataclass(frozen=True)
class JobResult:
    """How a job ended.

    :param ended_by: "budget", "exhausted" (no new design for long) or "stopped" (by a signal; it can be resumed)
    :param evaluations: unique designs evaluated; classical structures, inherited graphs and final pass not counted
    :param reference: (delay_ns, area_um2) of the hypervolume
    :param hypervolume: ns um2
    :param steps: edits
    :param judgement: what an independent timer says of the front, where one was asked
    """

    run: Path
    ended_by: str
    evaluations: int
    steps: int
    seconds: float
    front: Sequence[FrontPoint]
    reference: tuple[float, float]
    hypervolume: float
    judgement: Judgement | None = None


class JobSession:
    """One job's evaluator, store, budget and front. Made by `create` or `resume`; a context manager.

    `steps` is the loop's to advance; `evaluations` counts the unique designs that the job asked for, whether they had
    to be evaluated or came out of the cache on disk, so that a warm cache gives no method an advantage.
    """

    def __init__(
        self,
        config: JobConfig,
        run: RunDirectory,
        store: DesignStore,
        setting: tuple[Pdk, Constraints],
        view: LiveView,
        pool_maker: PoolMaker | None = None,
    ) -> None:
        self.config, self.run, self.store, self.view = config, run, store, view
        self._pool_maker = pool_maker
        self.scale = RewardScale(config.environment.c_area, config.environment.c_delay)
        self.archive = FrontArchive()
        self._status = StatusFile(run.path)
        self.stop = StopRequest()
        self.source = "train" if config.method == "qlearning" else f"search:{config.method}"
        self.steps = self.evaluations = self.cached = 0
        self.hypervolume = 0.0
        self.reference = (0.0, 0.0)
        self._pdk, self._constraints = setting
        self.nothing_left = False
        self.inherited = read_inherited(run.path)
        self.given_network = read_given(run.path)
        self._recording = CLASSICAL
        self._recorded: set[str] | None = None
        self._last_new_step = 0
        self._begin = time.monotonic()
        self._elapsed_before = 0.0
        self._classical_front: list[FrontPoint] = []
        self._stack = ExitStack()
        self.cache = EvaluationCache()
        self._stack.callback(store.close)
        self._stack.callback(self.cache.close)
        self.service = self._open_service(config.evaluator.effort)
        self.service.listeners.append(self._record)

    @classmethod
    def create(
        cls, config: JobConfig, out: str | Path, view: LiveView, pool_maker: PoolMaker | None = None
    ) -> JobSession:
        """A new job in a new directory; everything that can be refused is, before anything is written.

        :param pool_maker: makes the workers in place of the pool that the job names
        :raises InputError: a bad width, structure, front, network, PDK, evaluator or library; a directory in use
        """
        width = check_width(config.circuit.width)
        for name in (*config.environment.starts, *config.search.starts):
            structure(name, width)
        Circuit(config.circuit.kind, structure("sklansky", width), config.circuit.carry_in, config.circuit.carry_out)
        inherited = inherited_graphs(config.start_from, width, config.circuit.kind)
        network = given_network(config)
        pdk, constraints = load_setting(config)
        context = design_context(config, pdk, constraints)
        require_pool(config.evaluator.pool)
        check_judge(config.evaluator.judge)
        config = resolved(config, pdk, constraints, context.evaluator_version)
        run = RunDirectory.create(out, config.to_yaml())
        write_inherited(run.path, inherited)
        write_given(run.path, network)
        return cls(config, run, DesignStore.create(run.store_path, context), (pdk, constraints), view, pool_maker)

    @classmethod
    def resume(
        cls, path: str | Path, view: LiveView, overrides: Iterable[str] = (), pool_maker: PoolMaker | None = None
    ) -> JobSession:
        """The job of a run directory, with every design that it has evaluated so far.

        :param overrides: `key.sub=value` texts, such as a larger budget
        :param pool_maker: as for `create`
        :raises InputError: no run directory, a damaged store, a setting that this machine does not have or that is not
            the one that the job's designs were judged by
        """
        run = RunDirectory.open(path)
        config = apply_overrides(load_job(config=run.config_path), overrides)
        pdk, constraints = load_setting(config)
        context = design_context(config, pdk, constraints)
        with DesignStore.open(run.store_path) as store:
            store.context.check_comparable(context)
        require_pool(config.evaluator.pool)
        check_judge(config.evaluator.judge)
        store = DesignStore.open(run.store_path, readonly=False)
        session = cls(config, run, store, (pdk, constraints), view, pool_maker)
        if session.store.context.evaluator_version != context.evaluator_version:
            view.message(f"the evaluator's version has changed since the job began: {context.evaluator_version}")
        session._reload()
        return session

    def __enter__(self) -> JobSession:
        self._stack.enter_context(self.stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def elapsed_s(self) -> float:
        """Seconds of this job, those before it was resumed included."""
        return self._elapsed_before + time.monotonic() - self._begin

    @elapsed_s.setter
    def elapsed_s(self, seconds: float) -> None:
        self._elapsed_before, self._begin = seconds, time.monotonic()

    @property
    def progress(self) -> float:
        """Part of the budget used, 0 to 1 and beyond, by the limit that is nearest."""
        return self.progress_at(self.evaluations)

    def progress_at(self, evaluations: int) -> float:
        """As `progress`, as if so many unique designs had been evaluated."""
        budget = self.config.budget
        used = ((evaluations, budget.evaluations), (self.elapsed_s, budget.time_s), (self.steps, budget.steps))
        return max(amount / limit for amount, limit in used if limit is not None)

    @property
    def evaluations_left(self) -> float:
        """Unique designs that the budget still pays for; infinite where it does not limit them."""
        limit = self.config.budget.evaluations
        return math.inf if limit is None else limit - self.evaluations

    @property
    def idle_steps(self) -> int:
        """Edits since the last one that led to a new design."""
        return self.steps - self._last_new_step

    def mark_progress(self) -> None:
        """Count idle steps from here."""
        self._last_new_step = self.steps

    @property
    def exhausted(self) -> bool:
        """Whether no design is left, or there was no new one for so long that there is hardly one left."""
        return self.nothing_left or self.idle_steps >= IDLE_STEPS

    @property
    def finished(self) -> bool:
        """Whether the loop has to end: budget used, nothing left to find, or a signal came."""
        return self.stop.requested or self.exhausted or self.progress >= 1.0

    def circuit_of(self, graph: PrefixGraph) -> Circuit:
        """The circuit that the job makes of a graph."""
        return self.store.context.circuit_of(graph)

    def knows(self, graph: PrefixGraph) -> bool:
        """Whether the store has the graph's evaluation, so that asking for it costs nothing of the budget."""
        if self._recorded is None:  # only searches ask, and what learns need not remember every design
            self._recorded = {design.key for design in self.store.designs()}
        return self.service.key(self.circuit_of(graph)) in self._recorded

    def evaluate(self, graphs: Sequence[PrefixGraph]) -> list[AreaDelayCurve | None]:
        """Curves of graphs, None for those that cannot be evaluated; they are stored, and merged into the front."""
        evaluations = self.service.evaluate_many([self.circuit_of(graph) for graph in graphs])
        self.note(evaluations)
        return [evaluation.curve for evaluation in evaluations]

    def note(self, evaluations: Iterable[Evaluation]) -> None:
        """Merge evaluations into the front, in their order: the front must not depend on which thread was faster."""
        changed = False
        for evaluation in evaluations:
            if evaluation.curve is not None:
                changed |= self.archive.add(evaluation.circuit.graph, evaluation.curve.points)
        if changed:
            self.hypervolume = self.archive.hypervolume(self.reference)

    def evaluate_classical(self) -> None:
        """Evaluate the classical structures, which the front starts from and is compared with, and inherited graphs.

        :raises EvaluationFailed: not one of them can be evaluated
        """
        self.show("classical structures")
        self._measure_classical(self.service)
        curves = self.store.classical()
        self.reference = reference_point(curves)
        self._classical_front = merged_classical_front(curves)
        self._recording = INHERITED
        self.evaluate(self.inherited)
        self.hypervolume = self.archive.hypervolume(self.reference)
        self._recording = self.source
        self._last_new_step = self.steps
        self.show("classical structures", force=True)

    def conclude(self) -> JobResult:
        """Judge the best designs with full effort (unless a signal came), write `front.json`, tell how it went."""
        seconds = self.elapsed_s
        if not self.stop.requested and self.config.budget.final_designs:
            self._final_pass()
        front = self.store.front()
        self.write_front()
        judgement = None if self.stop.requested else self._judgement(front)
        if judgement is not None:
            self.run.write_judgement(judgement.to_json())
        ended_by = "stopped" if self.stop.requested else "exhausted" if self.exhausted else "budget"
        self.show("stopped" if self.stop.requested else "done", force=True)
        return JobResult(
            run=self.run.path,
            ended_by=ended_by,
            evaluations=self.evaluations,
            steps=self.steps,
            seconds=seconds,
            front=front,
            reference=self.reference,
            hypervolume=self.hypervolume,
            judgement=judgement,
        )

    def write_front(self) -> None:
        """Write `front.json` from the store."""
        self.run.write_front(
            front_document(self.store.context, self.store.front(), self.reference, self.store.classical())
        )

    def _judgement(self, front: Sequence[FrontPoint]) -> Judgement | None:
        """What the job's judge says of the front; nothing, with a line to the person, where it fails."""
        config = self.config.evaluator
        judge = make_judge(config.judge, self._pdk, config.name, config.choices())
        if judge is None:
            return None
        self.show("judge", force=True)
        evaluator = make_evaluator(config.name, self._pdk, **config.choices())
        try:
            points = [
                (self.circuit_of(point.graph), CurvePoint(point.delay_ns, point.area_um2, point.recipe))
                for point in front
            ]
            return judge_points(judge, evaluator, self._constraints, points)
        except (EvaluationFailed, ToolError) as error:
            self.view.message(f"the front could not be judged by {judge.name}: {error}")
            return None
        finally:
            evaluator.close()
            judge.close()

    def show(self, phase: str, figures: Mapping[str, float] | None = None, *, force: bool = False) -> None:
        """Tell the live view where the job stands, and who looks at the run directory."""
        snapshot = self.snapshot(phase, figures)
        self._status.write(snapshot, force)
        self.view.show(snapshot, force=force)

    def snapshot(self, phase: str, figures: Mapping[str, float] | None = None) -> Snapshot:
        """Where the job stands."""
        circuit = self.config.circuit
        return Snapshot(
            title=f"{self.config.method}: {circuit.width}-bit {circuit.kind}, {self._pdk.name}",
            phase=phase,
            progress=self.progress,
            elapsed_s=self.elapsed_s,
            seconds_left=self._seconds_left(),
            evaluations=self.evaluations,
            cached=self.cached,
            repeats=max(self.service.cache_hits - self.cached, 0),
            failures=self.service.failures,
            steps=self.steps,
            front_size=len(self.archive),
            hypervolume=self.hypervolume,
            areas=self._shown_areas(),
            figures=figures or {},
        )

    def _record(self, evaluation: Evaluation) -> None:
        new = self.store.record(evaluation, self._recording, self.steps)
        if self._recorded is not None:
            self._recorded.add(evaluation.key)
        if new and self._recording == self.source:
            self.evaluations += 1
            self.cached += evaluation.cached
            self.mark_progress()

    def _record_final(self, evaluation: Evaluation) -> None:
        self.store.record(evaluation, FINAL, self.steps)

    def _measure_classical(self, service: EvaluationService) -> None:
        graphs = classical_structures(self.config.circuit.width)
        evaluations = service.evaluate_many([self.circuit_of(graph) for graph in graphs.values()])
        for name, evaluation in zip(graphs, evaluations, strict=True):
            self.store.record_classical(name, evaluation)
        if all(evaluation.curve is None for evaluation in evaluations):
            raise EvaluationFailed(f"no classical structure could be evaluated: {evaluations[0].failure}")
        self.note(evaluations)

    def _final_pass(self) -> None:
        """The classical structures and the designs nearest to the front once more, with full effort."""
        if self.config.evaluator.effort == "full" or self.config.evaluator.name in WITHOUT_EFFORT:
            return
        self.show("final pass", force=True)
        with self._open_service("full") as service:
            service.listeners.append(self._record_final)
            # Chosen by what all designs were judged with so far, before figures of full effort move the front.
            graphs = self.near_front(self.config.budget.final_designs)
            self._measure_classical(service)
            curves = self.store.classical()
            self.reference, self._classical_front = reference_point(curves), merged_classical_front(curves)
            self._judge(service, graphs)
            self._judge(service, self._challengers(set(graphs), math.ceil(len(graphs) * CHALLENGERS)))

    def _judge(self, service: EvaluationService, graphs: Sequence[PrefixGraph]) -> None:
        """Evaluate graphs by a service, a few at a time: each takes seconds, and a person wants to see progress."""
        chunk = 2 * service.pool.workers
        for begin in range(0, len(graphs), chunk):
            circuits = [self.circuit_of(graph) for graph in graphs[begin : begin + chunk]]
            self.note(service.evaluate_many(circuits))
            self.hypervolume = self.archive.hypervolume(self.reference)
            self.show("final pass", {"judged": float(min(begin + chunk, len(graphs)))})

    def _challengers(self, judged: set[PrefixGraph], count: int) -> list[PrefixGraph]:
        """Designs not judged with full effort yet, for the delays at which a classical structure still holds the front.

        :param count: how many at most
        """
        classical = {point.graph for point in self._classical_front}
        front = zip(self.archive.graphs, self.archive.delays_ns, strict=True)
        held = [float(delay_ns) for graph, delay_ns in front if graph in classical]
        designs = [design for design in self.store.designs(source=self.source) if design.graph not in judged]

        def area_at(design: Design, delay_ns: float) -> float:
            fast = (point.area_um2 for point in design.points if point.delay_ns <= delay_ns * CHALLENGER_SLACK)
            return min(fast, default=math.inf)

        queues = [sorted(designs, key=lambda design: area_at(design, delay_ns))[:count] for delay_ns in held]
        chosen = (design.graph for row in itertools.zip_longest(*queues) for design in row if design is not None)
        return list(dict.fromkeys(chosen))[:count]

    def near_front(self, count: int) -> list[PrefixGraph]:
        """The job's designs that come nearest to the front, from all along it: by area over the front's at equal delay.

        :param count: how many at most
        """
        stretches = max(count // FINAL_PER_STRETCH, 1)
        queues: list[list[tuple[float, int, PrefixGraph]]] = [[] for _ in range(stretches)]
        designs = itertools.chain(self.store.designs(source=INHERITED), self.store.designs(source=self.source))
        for number, design in enumerate(designs):
            nearest: dict[int, float] = {}
            for point in design.points:
                place = int(np.searchsorted(self.archive.delays_ns, point.delay_ns, side="right"))
                stretch = place * stretches // (len(self.archive) + 1)
                ratio = point.area_um2 / (self.archive.area_at(point.delay_ns) or math.inf)
                nearest[stretch] = min(ratio, nearest.get(stretch, math.inf))
            for stretch, ratio in nearest.items():
                queues[stretch].append((ratio, number, design.graph))
        rounds = itertools.zip_longest(*(sorted(queue, key=lambda row: row[:2]) for queue in queues))
        # In turn from every stretch; a dictionary keeps the order and drops who was sent by another stretch already.
        chosen = dict.fromkeys(row[2] for row in itertools.chain.from_iterable(rounds) if row is not None)
        return list(chosen)[:count]

    def _open_service(self, effort: str) -> EvaluationService:
        stated = self.config.evaluator
        spec = EvaluatorSpec(stated.name, self._pdk, {**effort_options(stated.name, effort), **stated.choices()})
        service = EvaluationService(
            spec,
            self._constraints,
            self.cache,
            stated.workers,
            pool=stated.pool if self._pool_maker is None else self._pool_maker(spec),
            timeout_s=stated.timeout_s,
            memory_mib=stated.memory_mib,
        )
        return self._stack.enter_context(service)

    def _reload(self) -> None:
        """Take the designs of the store back into the front and the counters, and into a cache that has lost them."""
        designs = list(self.store.designs())
        for design in designs:
            if design.points:
                self.archive.add(design.graph, design.points)
        proposed = [design for design in designs if design.source == self.source]
        self.evaluations, self.cached = len(proposed), sum(design.cached for design in proposed)
        known = self.cache.get_many(design.key for design in designs)
        for design in designs:
            # A curve that lacks something may be whole the next time.
            if design.key not in known and design.points and not design.reason:
                self.cache.put(design.key, CachedResult(AreaDelayCurve(design.points), None, design.seconds))

    def _seconds_left(self) -> float | None:
        budget, elapsed = self.config.budget, self.elapsed_s
        estimates = [] if budget.time_s is None else [budget.time_s - elapsed]
        for amount, limit in ((self.evaluations, budget.evaluations), (self.steps, budget.steps)):
            if limit is not None and amount:
                estimates.append(elapsed * (limit - amount) / amount)
        return max(min(estimates), 0.0) if estimates else None

    def _shown_areas(self) -> list[AreaAtDelay]:
        front = self._classical_front
        places = {round(i * (len(front) - 1) / (SHOWN_DELAYS - 1)) for i in range(SHOWN_DELAYS)} if front else ()
        points = [front[place] for place in sorted(places)]
        return [AreaAtDelay(p.delay_ns, self.archive.area_at(p.delay_ns), p.area_um2) for p in points]
