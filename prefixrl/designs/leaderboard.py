"""The published fronts beside each other, and their verification: evaluated again, proven again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from prefixrl.circuits.proof import prove_netlist
from prefixrl.designs.front import FrontPoint, front_of, hypervolume, merged_classical_front, savings
from prefixrl.designs.front_files import FrontFile, read_front
from prefixrl.designs.maker import Maker, classical_curves
from prefixrl.designs.published import Provenance, provenance, published_names, published_path
from prefixrl.errors import PdkMissing, PrefixrlError

HYPERVOLUME_TOLERANCE = 1e-9
_KEPT_COMPLAINTS = 5


@dataclass(frozen=True)
class Row:
    """One published front.

    :param origin: command, seed, commit, machine
    """

    name: str
    circuit: str
    width: int
    pdk: str
    evaluator: str
    points: int
    fastest_ns: float
    smallest_um2: float
    hypervolume: float
    origin: Provenance

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "origin": self.origin._asdict()}


@dataclass
class Verification:
    """What became of a front that was verified.

    :param points: of the front
    :param reproduced: points whose delay and area came out to the last digit
    :param proven: netlists proven equivalent, made again from those points
    :param complaints: what is wrong, one line each; empty for a front that holds
    :param saved_mean_percent: area saved against the classical structures, evaluated now, over all steps in mean
    :param saved_most_percent: at the best delay
    :param skipped: why this machine could not verify it, in one line; None where it could
    """

    name: str
    points: int
    reproduced: int = 0
    proven: int = 0
    complaints: list[str] = field(default_factory=list)
    saved_mean_percent: float | None = None
    saved_most_percent: float | None = None
    skipped: str | None = None

    @property
    def holds(self) -> bool:
        """Whether everything that the file says is so."""
        return self.skipped is None and not self.complaints and self.reproduced == self.proven == self.points


def rows(names: Sequence[str] = ()) -> list[Row]:
    """The published fronts, all or those named.

    :raises InputError: an unknown name, or a file that is no front
    """
    return [_row(name) for name in names or published_names()]


def _row(name: str) -> Row:
    folder = published_path(name)
    file = read_front(folder / "front.json")
    points = file.points
    return Row(
        name=name,
        circuit=file.context.circuit,
        width=file.context.width,
        pdk=file.context.pdk,
        evaluator=file.context.evaluator,
        points=len(points),
        fastest_ns=points[0].delay_ns if points else float("nan"),
        smallest_um2=points[-1].area_um2 if points else float("nan"),
        hypervolume=hypervolume(points, file.reference),
        origin=provenance(folder),
    )


def verify(name: str, progress: Callable[[str], None] = lambda _: None) -> Verification:
    """Read a published front, evaluate every design again, make every netlist again and prove it.

    :param progress: told what is being done
    :raises InputError: an unknown name, or a file that is no front
    """
    file = read_front(published_path(name) / "front.json")
    result = Verification(name, len(file.points))
    _check_front(file, result)
    try:
        maker = Maker(file.context)
    except PdkMissing as error:
        result.skipped = str(error)
        return result
    with maker:
        progress(f"{name}: evaluating {len({point.graph for point in file.points})} graphs again")
        known = maker.with_recipes(file.points, trust=False)
        for stated, point in zip(file.points, known, strict=True):
            if point is None:
                result.complaints.append(
                    f"{stated.id}: {stated.delay_ns} ns, {stated.area_um2} um2 do not come out again"
                )
                continue
            result.reproduced += 1
            _prove(maker, point, result)
        progress(f"{name}: {result.reproduced} of {result.points} points came out again, {result.proven} proven")
        _compare(maker, file, result)
    return result


def _check_front(file: FrontFile, result: Verification) -> None:
    if len(front_of(file.points)) != len(file.points):
        result.complaints.append("a point is dominated by another")
    found = hypervolume(file.points, file.reference)
    if file.hypervolume is not None and abs(found - file.hypervolume) > HYPERVOLUME_TOLERANCE * max(found, 1.0):
        result.complaints.append(f"the hypervolume must be {found}: {file.hypervolume}")


def _prove(maker: Maker, point: FrontPoint, result: Verification) -> None:
    circuit = maker.context.circuit_of(point.graph)
    try:
        netlist = maker.netlist(point, circuit.default_module)
        prove_netlist(netlist, circuit, maker.pdk.library(), maker.pdk.plain_liberty())
    except PrefixrlError as error:
        result.complaints.append(f"{point.id}: {error}")
    else:
        result.proven += 1


def _compare(maker: Maker, file: FrontFile, result: Verification) -> None:
    curves = classical_curves(maker)
    result.complaints += [
        f"{name}: the stated curve does not come out again"
        for name, stated in file.classical.items()
        if _figures(stated) != _figures(curves.get(name, []))
    ]
    found = savings(file.points, merged_classical_front(curves))
    if found:
        result.saved_mean_percent = sum(row.saved_percent for row in found) / len(found)
        result.saved_most_percent = max(row.saved_percent for row in found)


def _figures(curve: Sequence[FrontPoint]) -> list[tuple[float, float]]:
    return [(point.delay_ns, point.area_um2) for point in curve]


def few(complaints: Sequence[str]) -> list[str]:
    """The first complaints, and how many more there are."""
    more = len(complaints) - _KEPT_COMPLAINTS
    return [*complaints[:_KEPT_COMPLAINTS], *([f"and {more} more"] if more > 0 else [])]
