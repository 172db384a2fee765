"""The live view of a job: on a terminal a panel that redraws itself, elsewhere a plain line now and then.

Everything goes to stderr, so that stdout stays free for results. The view only ever reads `Snapshot` values; it
neither times nor decides anything for the job.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

PANEL_WIDTH = 80
REDRAW_S = 0.25
LINE_S = 10.0


@dataclass(frozen=True)
class AreaAtDelay:
    """The smallest areas known at one delay; None where nothing is as fast."""

    delay_ns: float
    area_um2: float | None
    classical_um2: float | None

    @property
    def saved_percent(self) -> float | None:
        """Area saved against the best classical structure, percent."""
        if self.area_um2 is None or self.classical_um2 is None:
            return None
        return 100.0 * (1.0 - self.area_um2 / self.classical_um2)


@dataclass(frozen=True)
class Snapshot:
    """What a job tells of itself at one moment.

    :param phase: what it is doing, such as "learning" or "final pass"
    :param progress: part of the budget used, 0 to 1
    :param seconds_left: estimate, None while there is none
    :param evaluations: unique designs of this job, of which `cached` came out of the cache on disk
    :param repeats: designs asked for again in this job
    :param steps: edits tried
    :param hypervolume: ns um2
    :param figures: further numbers by name, such as loss or epsilon
    """

    title: str
    phase: str
    progress: float
    elapsed_s: float
    seconds_left: float | None
    evaluations: int
    cached: int
    repeats: int
    failures: int
    steps: int
    front_size: int
    hypervolume: float
    areas: Sequence[AreaAtDelay] = ()
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def evaluations_per_s(self) -> float:
        """Unique designs per second since the job (or its continuation) began."""
        return self.evaluations / self.elapsed_s if self.elapsed_s > 0 else 0.0


class LiveView:
    """Shows snapshots. Use as a context manager; `show` may be called as often as one likes.

    :param quiet: show nothing but messages
    :param console: where to; stderr unless given
    """

    def __init__(self, quiet: bool = False, console: Console | None = None) -> None:
        self.console = console if console is not None else Console(stderr=True)
        self._quiet = quiet
        self._live = Live(console=self.console, auto_refresh=False) if self.console.is_terminal and not quiet else None
        self._next_at = 0.0
        self._phase = ""

    def __enter__(self) -> LiveView:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def message(self, text: str) -> None:
        """One line that stays: a warning, a checkpoint that was skipped. Shown even when quiet."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def show(self, snapshot: Snapshot, force: bool = False) -> None:
        """Show a snapshot unless the last one is too recent; a new phase and `force` always show."""
        now = time.monotonic()
        due = force or now >= self._next_at or snapshot.phase != self._phase
        if self._quiet or not due:
            return
        self._phase = snapshot.phase
        if self._live is not None:
            self._next_at = now + REDRAW_S
            self._live.update(panel(snapshot), refresh=True)
        else:
            self._next_at = now + LINE_S
            self.message(line(snapshot))


def line(snapshot: Snapshot) -> str:
    """A snapshot as one plain line."""
    left = "" if snapshot.seconds_left is None else f", {_clock(snapshot.seconds_left)} left"
    best = [f"{row.area_um2:.1f} um2 @ {row.delay_ns:.3f} ns" for row in snapshot.areas if row.area_um2 is not None]
    return (
        f"[{_clock(snapshot.elapsed_s)}] {snapshot.phase}: {snapshot.evaluations} evaluations "
        f"({snapshot.evaluations_per_s:.1f}/s, {snapshot.failures} failed), front {snapshot.front_size}, "
        f"hypervolume {snapshot.hypervolume:.4g}{left}" + ("; " + ", ".join(best) if best else "")
    )


def panel(snapshot: Snapshot) -> Panel:
    """A snapshot as a panel of at most 80 columns."""
    bar = Table.grid(padding=(0, 1))
    left = "" if snapshot.seconds_left is None else f"{_clock(snapshot.seconds_left)} left"
    bar.add_row(
        ProgressBar(total=1.0, completed=min(snapshot.progress, 1.0), width=40),
        f"{100 * min(snapshot.progress, 1.0):3.0f} %",
        Text(f"{_clock(snapshot.elapsed_s)} {left}"),
    )
    content = Group(bar, _numbers(snapshot), *([_areas(snapshot.areas)] if snapshot.areas else []))
    return Panel(content, title=f"{snapshot.title} | {snapshot.phase}", title_align="left", width=PANEL_WIDTH)


def _numbers(snapshot: Snapshot) -> Table:
    cells = [
        ("evaluations", f"{snapshot.evaluations:,}"),
        ("per second", f"{snapshot.evaluations_per_s:.1f}"),
        ("front", f"{snapshot.front_size}"),
        ("from cache", f"{snapshot.cached:,}"),
        ("asked again", f"{snapshot.repeats:,}"),
        ("hypervolume", f"{snapshot.hypervolume:.5g}"),
        ("steps", f"{snapshot.steps:,}"),
        ("failed", f"{snapshot.failures:,}"),
        *((name, f"{value:.4g}") for name, value in snapshot.figures.items()),
    ]
    table = Table.grid(padding=(0, 1))
    for _ in range(3):
        table.add_column(style="dim", min_width=11)
        table.add_column(justify="right", min_width=9)
    for start in range(0, len(cells), 3):
        table.add_row(*(text for cell in cells[start : start + 3] for text in cell))
    return table


def _areas(rows: Sequence[AreaAtDelay]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("delay ns", "best um2", "classical um2", "saved"):
        table.add_column(heading, justify="right")
    for row in rows:
        saved = row.saved_percent
        table.add_row(
            f"{row.delay_ns:.3f}",
            _area(row.area_um2),
            _area(row.classical_um2),
            "" if saved is None else Text(f"{saved:.1f} %", style="green" if saved > 0 else ""),
        )
    return table


def _area(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(max(seconds, 0.0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
