"""The live view: 80 columns on a terminal, plain lines elsewhere, everything on stderr."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from prefixrl.agents.live import AreaAtDelay, LiveView, Snapshot, line, panel

SNAPSHOT = Snapshot(
    title="qlearning: 64-bit priority_encoder, nangate45",
    phase="classical structures",
    progress=0.5,
    elapsed_s=4000.0,
    seconds_left=61.4,
    evaluations=1_234_567,
    cached=123_456,
    repeats=99_999,
    failures=12,
    steps=1_234_567,
    front_size=123,
    hypervolume=123.456789,
    areas=[AreaAtDelay(0.3, 90.0, 100.0), AreaAtDelay(0.2, None, 110.0), AreaAtDelay(0.1, 120.0, None)],
    figures={"loss": 1.234e-5, "mean_value": -0.1, "gradient_norm": 3.0, "epsilon": 0.5},
)


def test_the_panel_fits_80_columns_and_tells_the_figures() -> None:
    console = Console(file=io.StringIO(), width=120)
    console.print(panel(SNAPSHOT))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(len(row) for row in text.splitlines()) <= 80
    for figure in ("1,234,567", "308.6", "1:06:40", "1:01 left", "123.46", "10.0 %", "90.00", "1.234e-05", "50 %"):
        assert figure in text, figure


def test_a_line_is_one_line() -> None:
    text = line(SNAPSHOT)
    assert "\n" not in text
    assert "1234567 evaluations" in text
    assert "90.0 um2 @ 0.300 ns" in text
    assert "1:01 left" in text


def test_without_a_terminal_plain_lines_come_now_and_then() -> None:
    console = Console(file=io.StringIO(), width=80)
    with LiveView(console=console) as view:
        for _ in range(5):
            view.show(SNAPSHOT)
        view.show(replace(SNAPSHOT, phase="final pass"))
        view.show(replace(SNAPSHOT, phase="final pass"), force=True)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert text.count("\n") == 3
    assert "\x1b" not in text


def test_quiet_shows_messages_only() -> None:
    console = Console(file=io.StringIO(), width=80)
    with LiveView(quiet=True, console=console) as view:
        view.show(SNAPSHOT, force=True)
        view.message("a checkpoint was skipped: [x]")
    assert console.file.getvalue() == "a checkpoint was skipped: [x]\n"  # type: ignore[attr-defined]


def test_a_terminal_gets_the_panel() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    with LiveView(console=console) as view:
        view.show(SNAPSHOT)
    assert "hypervolume" in console.file.getvalue()  # type: ignore[attr-defined]


def test_everything_goes_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    with LiveView() as view:
        view.show(SNAPSHOT)
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "evaluations" in captured.err
