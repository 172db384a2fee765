"""Reading `front.json`: the front of a run whose store need not be there, as `prefixrl pareto RUN --json` prints it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from prefixrl.circuits import Circuit
from prefixrl.designs.front import FrontPoint
from prefixrl.designs.records import DesignContext
from prefixrl.errors import InputError
from prefixrl.graphs import PrefixGraph, graph_from_document
from prefixrl.graphs.structures import structure

MAX_FILE_BYTES = 256 * 1024 * 1024
"""A front of a thousand 256-bit graphs is a tenth of it."""

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Part(BaseModel):
    """Keys that a later version adds are no fault."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _Reference(_Part):
    delay_ns: Positive
    area_um2: Positive


class _Point(_Part):
    id: str = Field(max_length=80)
    delay_ns: Positive
    area_um2: Positive
    size: int | None = None
    depth: int | None = None
    max_fanout: int | None = None
    graph: dict[str, Any]
    recipe: str = ""


class _Curve(_Part):
    delay_ns: list[Positive]
    area_um2: list[Positive]


class _Front(_Part):
    circuit: str
    width: int
    carry_in: bool = False
    carry_out: bool = True
    pdk: str
    library: dict[str, list[str]] = Field(default_factory=dict)
    evaluator: str
    evaluator_version: str = ""
    constraints: dict[str, Any]
    reference_point: _Reference
    hypervolume: float | None = None
    points: list[_Point]
    classical: dict[str, _Curve] = Field(default_factory=dict)


class FrontFile(NamedTuple):
    """What a `front.json` says.

    :param points: by rising delay; `recipe` is empty where the file has none
    :param reference: (delay_ns, area_um2)
    :param hypervolume: as stated, ns um2
    :param classical: curves by structure; empty where the file has none
    """

    context: DesignContext
    points: list[FrontPoint]
    reference: tuple[float, float]
    hypervolume: float | None = None
    classical: Mapping[str, list[FrontPoint]] = MappingProxyType({})


def read_front(path: str | Path) -> FrontFile:
    """Read the file.

    :raises InputError: it cannot be read, is no front, or has a graph that is not legal
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise InputError(f"a front has at most {MAX_FILE_BYTES} bytes: {path}")
        return _read(path.read_bytes())
    except OSError as error:
        raise InputError(f"a front must be a readable file ({error.strerror}): {path}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise InputError(
            f"a front must be what `prefixrl pareto --json` prints ({place}: {first['msg']}): {path}"
        ) from None
    except InputError as error:
        raise InputError(f"front {path}: {error}") from None


def _read(data: bytes) -> FrontFile:
    stated = _Front.model_validate_json(data)
    context = DesignContext(
        circuit=stated.circuit,
        width=stated.width,
        pdk=stated.pdk,
        evaluator=stated.evaluator,
        constraints=stated.constraints,
        carry_in=stated.carry_in,
        carry_out=stated.carry_out,
        evaluator_version=stated.evaluator_version,
        library=stated.library,
    )
    graphs: dict[str, PrefixGraph] = {}
    points = [_point(point, context, graphs) for point in stated.points]
    reference = (stated.reference_point.delay_ns, stated.reference_point.area_um2)
    by_delay = sorted(points, key=lambda point: (point.delay_ns, point.area_um2))
    classical = {name: _classical_curve(name, curve, context.width) for name, curve in stated.classical.items()}
    return FrontFile(context, by_delay, reference, stated.hypervolume, classical)


def _classical_curve(name: str, stated: _Curve, width: int) -> list[FrontPoint]:
    if len(stated.delay_ns) != len(stated.area_um2):
        raise InputError(f"the curve of {name} must have as many delays as areas: {len(stated.delay_ns)}")
    graph = structure(name, width)
    shape = (graph.size, graph.depth, graph.max_fanout, graph)
    return [
        FrontPoint(f"{name}-{place}", delay_ns, area_um2, *shape, structure=name)
        for place, (delay_ns, area_um2) in enumerate(zip(stated.delay_ns, stated.area_um2, strict=True))
    ]


def _point(stated: _Point, context: DesignContext, graphs: dict[str, PrefixGraph]) -> FrontPoint:
    """Points of one design share its graph: reading it once saves most of the time."""
    key = repr(stated.graph.get("nodes"))
    if key not in graphs:
        graph = graph_from_document(stated.graph)
        if graph.width != context.width:
            raise InputError(f"a front of {context.width} bits must have graphs of {context.width} bits: {graph.width}")
        Circuit(context.circuit, graph, carry_in=context.carry_in, carry_out=context.carry_out)
        graphs[key] = graph
    graph = graphs[key]
    for name in ("size", "depth", "max_fanout"):
        said, found = getattr(stated, name), getattr(graph, name)
        if said not in (None, found):
            raise InputError(f"the {name} of design {stated.id} must be that of its graph, {found}: {said}")
    return FrontPoint(
        id=stated.id,
        delay_ns=stated.delay_ns,
        area_um2=stated.area_um2,
        size=graph.size,
        depth=graph.depth,
        max_fanout=graph.max_fanout,
        graph=graph,
        recipe=stated.recipe,
    )
