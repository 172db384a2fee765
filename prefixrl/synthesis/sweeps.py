"""Which recipes describe a circuit's curve: sweeps of delay targets, chosen per circuit.

What was found by trying: ABC's sizing is greedy and its outcome jumps about, so points from different starts, pooled,
beat any single recipe; a sweep that goes on from the netlist of its last target is as good as starting each target
anew and much quicker; the mapping of least area wins where there is time, those that keep inverters off the critical
path where there is none. On 22 graphs of 16 and 32 bits the full effort lay 0.15 % above the best of everything tried
in mean, the fast one 2.7 % at 16 and 1.4 % at 32 bits, at an eightieth of the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from prefixrl.circuits.netlist import Netlist
from prefixrl.errors import EvaluationFailed, InputError
from prefixrl.synthesis.constraints import Constraints
from prefixrl.synthesis.curve import CurvePoint
from prefixrl.synthesis.recipes import Recipe, step_command
from prefixrl.synthesis.sizer import AbcSizer, Figures

# In ps; below every reachable delay: as fast as it goes.
_FASTEST = 1
# Targets crowd at the fast end, where the curve bends.
_CROWDING = 1.5


@dataclass(frozen=True)
class Sweep:
    """One walk over delay targets.

    :param sizing: the step that sizes: "q" or "w" (see `recipes`)
    :param polarity: policy of the structural mapping
    :param buffer: at most so many readers per net; 0 for no buffering
    :param descending: targets sized for, slowest first, before the fastest
    :param ascending: targets at which area is recovered after the fastest
    """

    sizing: str
    polarity: str
    buffer: int
    descending: int
    ascending: int


_FAST = (Sweep("q", "speed", 4, 0, 3), Sweep("q", "area", 12, 2, 2))
_FULL_BUFFERS = (4, 12, 5, 8, 6, 3, 20, 0)
_FULL = tuple(
    Sweep(sizing, polarity, buffer, 12, 12)
    for polarity in ("level", "speed", "area")
    for buffer in _FULL_BUFFERS
    for sizing in ("q", "w")
)
EFFORTS: dict[str, tuple[Sweep, ...]] = {"fast": _FAST, "full": _FULL}


def sweeps_of(effort: str) -> tuple[Sweep, ...]:
    """The sweeps of an effort.

    :raises InputError: no such effort
    """
    if effort not in EFFORTS:
        raise InputError(f"the effort must be one of {', '.join(EFFORTS)}: {effort!r}")
    return EFFORTS[effort]


def run_sweeps(
    sizer: AbcSizer, netlists: dict[str, Netlist], constraints: Constraints, sweeps: tuple[Sweep, ...]
) -> list[CurvePoint]:
    """All points that the sweeps meet and that keep the constraints' limits, dominated ones too.

    :param netlists: polarity -> structural netlist
    :raises EvaluationFailed: no netlist keeps the limits on fanout and transition
    :raises ToolError: ABC crashed, hung, or reported what cannot be
    """
    met: list[tuple[Figures, Recipe]] = []
    slowest_ns = 0.0
    loaded: str | None = None
    for sweep in sweeps:
        if sweep.polarity != loaded:
            loaded = sweep.polarity
            sizer.load(netlists[loaded], constraints)
            unsized = sizer.restart()
            met.append((unsized, Recipe(loaded)))
            slowest_ns = unsized.delay_ns
        fastest_ns = min(figures.delay_ns for figures, _ in met)
        met += _walk(sizer, _within(sweep, constraints.max_fanout), fastest_ns, slowest_ns)
    points = [
        CurvePoint(figures.delay_ns, figures.area_um2, str(recipe))
        for figures, recipe in met
        if figures.violation is None
    ]
    if not points:
        raise EvaluationFailed(f"no netlist keeps the limits, the last one has {met[-1][0].violation}")
    return points


def _within(sweep: Sweep, max_fanout: int | None) -> Sweep:
    """The sweep with buffers for at most so many readers."""
    if max_fanout is None:
        return sweep
    return replace(sweep, buffer=min(sweep.buffer or max_fanout, max_fanout))


def _walk(sizer: AbcSizer, sweep: Sweep, fastest_ns: float, slowest_ns: float) -> Iterator[tuple[Figures, Recipe]]:
    """The netlists of one sweep."""
    steps = [f"b{sweep.buffer}"] if sweep.buffer else []
    steps += [f"{sweep.sizing}{ps}" for ps in reversed(_targets(fastest_ns, slowest_ns, sweep.descending))]
    steps.append(f"{sweep.sizing}{_FASTEST}")
    sizer.restart()
    recipe = Recipe(sweep.polarity)
    for step in steps:
        recipe = recipe.then(step)
        fastest = sizer.run(step_command(step))
        yield fastest, recipe
    for target in _targets(fastest.delay_ns, slowest_ns, sweep.ascending):
        recipe = recipe.then(f"d{target}")
        yield sizer.run(step_command(recipe.steps[-1])), recipe


def _targets(fastest_ns: float, slowest_ns: float, count: int) -> list[int]:
    """`count` rising delay targets in ps between the two, both left out."""
    span = max(0.0, slowest_ns - fastest_ns)
    fractions = [(step / (count + 1)) ** _CROWDING for step in range(1, count + 1)]
    return sorted({max(1, round(1000 * (fastest_ns + fraction * span))) for fraction in fractions})
