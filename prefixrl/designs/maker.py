"""From a point of a front back to its netlist, under the very constraints that it was measured under."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from prefixrl.circuits import Circuit
from prefixrl.circuits.netlist import Netlist
from prefixrl.designs.export import Member
from prefixrl.designs.front import FrontPoint, best_at
from prefixrl.designs.manifest import Figures
from prefixrl.designs.records import ID_DIGITS, DesignContext
from prefixrl.errors import EvaluationFailed, InputError
from prefixrl.graphs import PrefixGraph, classical_structures
from prefixrl.synthesis.cache import EvaluationCache
from prefixrl.synthesis.constraints import Constraints
from prefixrl.synthesis.curve import CurvePoint
from prefixrl.synthesis.evaluator import Evaluator, distinctive, effort_options, efforts, make_evaluator
from prefixrl.synthesis.pdk import Pdk, load_pdk
from prefixrl.synthesis.service import Evaluation, EvaluationService
from prefixrl.synthesis.work import EvaluatorSpec

WORKERS = 2


class Maker:
    """Makes what a front promises; a context manager, since an evaluator may keep programs alive.

    :param context: what the front was measured under
    :param pdk: its library, where it is loaded already
    :param options: of the evaluator, beside those of the context: such as change no result
    :raises InputError: the library is not here, or is another one than then
    """

    def __init__(
        self, context: DesignContext, pdk: Pdk | None = None, options: Mapping[str, Any] | None = None
    ) -> None:
        self.context = context
        self.options = {**context.evaluator_options, **(options or {})}
        self.constraints = Constraints.from_json(context.constraints)
        self.pdk = pdk or _pdk_of(context, self.constraints)
        self._evaluator: Evaluator | None = None

    @property
    def evaluator(self) -> Evaluator:
        """The evaluator that the front names, made when it is first needed."""
        if self._evaluator is None:
            self._evaluator = make_evaluator(self.context.evaluator, self.pdk, **self.options)
        return self._evaluator

    def netlist(self, point: FrontPoint, module: str) -> Netlist:
        """The netlist behind a point that has its recipe.

        :raises EvaluationFailed: the evaluator has no netlists, or its version no longer makes this one
        """
        made = CurvePoint(point.delay_ns, point.area_um2, point.recipe)
        return self.evaluator.realize(self.context.circuit_of(point.graph), self.constraints, made, module)

    def evaluate(self, graphs: Sequence[PrefixGraph], effort: str) -> list[Evaluation]:
        """Evaluations of graphs, the cache of this machine first."""
        name = self.context.evaluator
        spec = EvaluatorSpec(name, self.pdk, {**effort_options(name, effort), **self.options})
        with closing(EvaluationCache()) as cache, EvaluationService(spec, self.constraints, cache, WORKERS) as service:
            return service.evaluate_many([self.context.circuit_of(graph) for graph in graphs])

    def with_recipes(self, points: Iterable[FrontPoint], *, trust: bool = True) -> list[FrontPoint | None]:
        """Points of a file that has no recipes, each with the recipe that leads to exactly its figures; None for one
        whose figures no effort of this evaluator gives any more.

        :param trust: take a recipe that is there for right; making the netlist tells
        """
        wanted = list(points)
        found: list[FrontPoint | None] = [point if point.recipe and trust else None for point in wanted]
        for effort in reversed(efforts(self.context.evaluator)):
            open_graphs = {p.graph: None for p, have in zip(wanted, found, strict=True) if have is None}
            if not open_graphs:
                break
            recipes = _recipes(self.evaluate(list(open_graphs), effort))
            for place, point in enumerate(wanted):
                recipe = recipes.get((point.graph, point.delay_ns, point.area_um2))
                if found[place] is None and recipe is not None:
                    found[place] = replace(point, recipe=recipe)
        return found

    def member(self, point: FrontPoint, module: str, others: Mapping[str, object] | None = None) -> Member:
        """A point that has its recipe as a design to export.

        :param module: the name that its netlist gets
        :param others: further figures, see `manifest.Figures`
        :raises EvaluationFailed: as `netlist`
        """
        netlist = self.netlist(point, module)
        figures = Figures(
            delay_ns=point.delay_ns,
            area_um2=point.area_um2,
            evaluator=self.context.evaluator,
            evaluator_version=self.evaluator.version,
            recipe=point.recipe,
            design_id=point.id,
            evaluator_options=dict(self.context.evaluator_options),
            others=others or {},
        )
        return Member(self.context.circuit_of(point.graph), netlist, figures, self.constraints, self.pdk)

    def remade(self, point: FrontPoint) -> FrontPoint:
        """The point with its recipe; where its own figures cannot be had any more, the smallest netlist of its graph
        that is no slower, under an ID of its own.

        :raises EvaluationFailed: there is none
        """
        (exact,) = self.with_recipes([point])
        if exact is not None:
            return exact
        (evaluation,) = self.evaluate([point.graph], efforts(self.context.evaluator)[-1])
        other = best_at(curve_points(evaluation), point.delay_ns)
        if other is None:
            raise EvaluationFailed(
                f"this version of the {self.context.evaluator} evaluator does not reach {point.delay_ns:.4g} ns with "
                f"design {point.id}"
            )
        return other

    def close(self) -> None:
        """End what the evaluator keeps alive."""
        if self._evaluator is not None:
            self._evaluator.close()

    def __enter__(self) -> Maker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def curve_points(evaluation: Evaluation) -> list[FrontPoint]:
    """An evaluation's curve as points of a front.

    :raises EvaluationFailed: it failed
    """
    if evaluation.curve is None:
        raise EvaluationFailed(evaluation.failure or "no reason given")
    graph = evaluation.circuit.graph
    return [
        FrontPoint(
            f"{evaluation.key[:ID_DIGITS]}-{place}",
            point.delay_ns,
            point.area_um2,
            graph.size,
            graph.depth,
            graph.max_fanout,
            graph,
            point.recipe,
        )
        for place, point in enumerate(evaluation.curve.points)
    ]


def _recipes(evaluations: Iterable[Evaluation]) -> dict[tuple[PrefixGraph, float, float], str]:
    return {
        (evaluation.circuit.graph, point.delay_ns, point.area_um2): point.recipe
        for evaluation in evaluations
        if evaluation.curve is not None
        for point in evaluation.curve.points
    }


def _pdk_of(context: DesignContext, constraints: Constraints) -> Pdk:
    files = context.library
    pdk = load_pdk(
        files.get("liberty") or context.pdk,
        constraints.driving_cell,
        constraints.output_load_ff,
        lef=files.get("lef", ()),
        dont_use=files.get("dont_use", ()),
    )
    if context.pdk_hash not in ("", pdk.content_hash):
        raise InputError(f"the library must be what it was when the run began: {pdk.origin!r}")
    return pdk


def context_of(
    circuit: Circuit, pdk: Pdk, constraints: Constraints, evaluator: str, options: Mapping[str, Any] | None = None
) -> DesignContext:
    """What a graph is measured under that comes from no run.

    :param options: of the evaluator, beside its effort
    """
    return DesignContext(
        circuit=circuit.kind,
        width=circuit.width,
        pdk=pdk.name,
        evaluator=evaluator,
        constraints=constraints.to_json(),
        carry_in=circuit.carry_in,
        carry_out=circuit.carry_out,
        pdk_hash=pdk.content_hash,
        evaluator_options=distinctive(options or {}),
    )


def classical_curves(maker: Maker) -> dict[str, list[FrontPoint]]:
    """The curves of the classical structures as a job records them at its end; an empty one for a failure."""
    graphs = classical_structures(maker.context.width)
    evaluations = maker.evaluate(list(graphs.values()), efforts(maker.context.evaluator)[-1])
    return {
        name: [] if each.curve is None else [replace(point, structure=name) for point in curve_points(each)]
        for name, each in zip(graphs, evaluations, strict=True)
    }
