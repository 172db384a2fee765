"""Where fronts come from: a run directory, a `front.json`, or a published front; all are read to the same value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from prefixrl.designs.front import FrontPoint, front_of, reference_point
from prefixrl.designs.front_files import read_front
from prefixrl.designs.pick import pick
from prefixrl.designs.published import is_published, published_path, split_published
from prefixrl.designs.records import DesignContext
from prefixrl.designs.run import RunDirectory
from prefixrl.designs.store import DesignStore
from prefixrl.errors import InputError
from prefixrl.files import is_file
from prefixrl.graphs import PrefixGraph, load_graph

Point = tuple[float, float]

DEFAULT_PICK = "knee"


@dataclass(frozen=True)
class FrontSource:
    """One front and what is known around it.

    :param label: short name, for legends and tables
    :param path: the folder or file that was read
    :param front: by rising delay
    :param classical: curves of the classical structures, as far as the store or the file has them
    :param failures: failed evaluations by reason
    :param designs: how many were evaluated, None where only the front is known
    :param stated_reference: (delay_ns, area_um2) as the file says, None for a store
    :param wish: the pick in `published:NAME:PICK`, else empty
    """

    label: str
    path: Path
    context: DesignContext
    front: list[FrontPoint]
    classical: dict[str, list[FrontPoint]] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    designs: int | None = None
    stated_reference: Point | None = None
    wish: str = ""

    @property
    def store_path(self) -> Path | None:
        """The design store, where there is one."""
        return self.path / "designs.sqlite" if self.designs is not None else None

    @property
    def folder(self) -> Path:
        """Where `config.yaml`, `judge.json` and the like may lie."""
        return self.path if self.path.is_dir() else self.path.parent

    def pick(self, wish: str = "") -> FrontPoint:
        """A design of the front, see `prefixrl.designs.pick`; the default is the source's own pick, or the knee.

        :raises InputError: nothing satisfies it
        """
        return pick(self.front, wish or self.wish or DEFAULT_PICK)


def open_source(spec: str | Path) -> FrontSource:
    """The front that a user names.

    :param spec: a run directory, a folder with a `front.json`, such a file, or `published:NAME`
    :raises InputError: it is none of these, or cannot be read
    """
    text = str(spec)
    if is_published(text):
        name, wish = split_published(text)
        return _from_file(published_path(name), f"published:{name}", wish)
    path = Path(text)
    if is_file(path):
        return _from_file(path, path.parent.name or path.stem)
    run = RunDirectory(path)
    if run.front_path.is_file() and not run.store_path.exists():
        return _from_file(path, path.absolute().name)
    return _from_store(RunDirectory.open(path))


def is_source(spec: str) -> bool:
    """Whether a text names a front rather than a graph: `published:NAME`, a folder, or a file that is a front."""
    if is_published(spec):
        return True
    try:
        if Path(spec).is_dir():
            return True
    except (OSError, ValueError):
        return False
    return is_file(spec) and _is_front(Path(spec))


def _is_front(path: Path) -> bool:
    """Whether a file is a front, by the key that a graph file does not have; a front says it before its first graph."""
    try:
        with path.open("rb") as stream:
            return b'"points"' in stream.read(1 << 16)
    except OSError:
        return False


def graph_named(spec: str, width: int | None = None, legalize: bool = False) -> PrefixGraph:
    """As `prefixrl.graphs.load_graph`; a front may stand for one of its graphs, `published:NAME:PICK` among them.

    :raises InputError: as `load_graph` and `open_source`
    """
    if not is_published(spec):
        return load_graph(spec, width, legalize=legalize)
    graph = open_source(spec).pick().graph
    if width is not None and graph.width != width:
        raise InputError(f"the width asked for must be that of the front, {graph.width}: {width}")
    return graph


def _from_file(path: Path, label: str, wish: str = "") -> FrontSource:
    file = read_front(path / "front.json" if path.is_dir() else path)
    return FrontSource(
        label, path, file.context, file.points, dict(file.classical), stated_reference=file.reference, wish=wish
    )


def _from_store(run: RunDirectory) -> FrontSource:
    with DesignStore.open(run.store_path) as store:
        return FrontSource(
            run.path.absolute().name,
            run.path,
            store.context,
            store.front(),
            store.classical(),
            store.failures(),
            store.count(),
        )


def common_front(sources: Iterable[FrontSource]) -> list[FrontPoint]:
    """The best that several sources of one problem offer together."""
    return front_of(point for source in sources for point in source.front)


def common_classical(sources: Iterable[FrontSource]) -> dict[str, list[FrontPoint]]:
    """The classical curves that any source has; of two for one structure the first source's counts."""
    merged: dict[str, list[FrontPoint]] = {}
    for source in sources:
        for name, curve in source.classical.items():
            if not merged.get(name):
                merged[name] = curve
    return merged


def common_reference(
    sources: list[FrontSource], classical: dict[str, list[FrontPoint]], stated: Point | None = None
) -> Point:
    """The reference point for several sources: as stated, else by the rule, else what the files say (the farthest).

    :raises InputError: there is none
    """
    if stated is not None:
        return stated
    if any(classical.values()):
        return reference_point(classical)
    known = [source.stated_reference for source in sources if source.stated_reference is not None]
    if not known:
        return reference_point(classical)
    return max(point[0] for point in known), max(point[1] for point in known)


def open_sources(specs: Iterable[str | Path]) -> list[FrontSource]:
    """Several sources of one problem, each with a label of its own.

    :raises InputError: as `open_source`; or they are of different problems
    """
    sources = [open_source(spec) for spec in specs]
    for source in sources[1:]:
        sources[0].context.check_comparable(source.context)
    return distinctly_labelled(sources)


def distinctly_labelled(sources: list[FrontSource]) -> list[FrontSource]:
    """The same sources, with more of the path in labels that are equal."""
    labels = [source.label for source in sources]
    return [
        replace(source, label=f"{source.path.absolute().parent.name}/{source.label}")
        if labels.count(source.label) > 1
        else source
        for source in sources
    ]
