"""What OpenROAD prints, read: the real logs, and figures that cannot be; and the choice of clocks on real figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from openroad_stand_in import DATA, measured

from prefixrl.errors import InputError
from prefixrl.synthesis.curve import AreaDelayCurve, CurvePoint
from prefixrl.synthesis.openroad.lef import read_lefs
from prefixrl.synthesis.openroad.report import Refused, Unbelievable, read_native_report, read_report, refusal
from prefixrl.synthesis.openroad.targets import Outcome, next_clock
from prefixrl.synthesis.pdk import load_pdk

COMPLETE = """\
PREFIXRL stage load
PREFIXRL units 1.0 1.0 1.0
PREFIXRL stage place
PREFIXRL figures placed area 259.084000 slack -0.2418985
PREFIXRL stage repair
[WARNING RSZ-0062] Unable to repair all setup violations.
PREFIXRL stage report
            0.323503   data arrival time
           -0.323503   data arrival time
           -0.013503   slack (VIOLATED)
PREFIXRL figures final area 313.614000 slack -0.0135033
PREFIXRL done
"""


@pytest.mark.parametrize(
    ("log", "area", "arrival", "slack"),
    [
        ("sklansky32-1.0", 260.414, 0.4993, 0.5007),
        ("sklansky32-0.40", 265.202, 0.3969, 0.0031),
        ("sklansky32-0.31", 313.614, 0.3235, -0.0135),
        ("koggestone32-0.31", 634.676, 0.3399, -0.0299),
    ],
)
def test_real_logs(log: str, area: float, arrival: float, slack: float) -> None:
    text = (DATA / f"{log}.log").read_text()
    native = read_native_report(text)
    assert (native.area_um2, native.arrival_ns, native.slack_ns) == (area, arrival, slack)
    assert refusal(text) is None
    without = "\n".join(line for line in text.splitlines() if not line.startswith("STAGE"))
    assert read_native_report(without).area_um2 == round(area), "OpenROAD's own line has whole um2 only"


def test_real_failure() -> None:
    text = (DATA / "brentkung32-0.31-overfull.log").read_text()
    reason = refusal(text)
    assert reason is not None
    assert reason.endswith("DPL-0038 Utilization greater than 100%, impossible to legalize")
    with pytest.raises(Refused, match="DPL-0038"):
        read_report(text, 0.31)


def test_real_logs_are_not_taken_for_complete_runs_of_our_scripts() -> None:
    with pytest.raises(Unbelievable, match="without a result"):
        read_report((DATA / "sklansky32-0.31.log").read_text(), 0.31)


def test_older_builds_print_a_little_differently() -> None:
    native = read_native_report(
        "Design area 314 u^2 59% utilization.\n  0.3235   data arrival time\n  -0.01 slack (VIOLATED)"
    )
    assert (native.area_um2, native.arrival_ns) == (314.0, 0.3235)


def test_a_complete_run() -> None:
    figures = read_report(COMPLETE, 0.31)
    assert figures.delay_ns == pytest.approx(0.3235033)
    assert figures.placed_delay_ns == pytest.approx(0.5518985)
    assert (figures.area_um2, figures.placed_area_um2) == (313.614, 259.084)
    assert not figures.clock_met, "the point is real all the same"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("PREFIXRL done\n", ""),
        ("slack -0.0135033", "slack -0.0235033"),
        ("slack -0.0135033", "slack 1e+39"),
        ("slack -0.0135033", "slack nan"),
        ("slack -0.0135033", "slack 0x10"),
        ("slack -0.0135033", ""),
        ("area 313.614000", "area 0.0"),
        ("area 313.614000", "area -3"),
        ("area 313.614000", "area inf"),
        ("area 313.614000", "area 1e12"),
        ("units 1.0 1.0 1.0", "units 1000.0 1.0 1.0"),
        ("units 1.0 1.0 1.0", "units 1.0"),
        ("figures placed", "figures misplaced"),
    ],
)
def test_implausible_runs(old: str, new: str) -> None:
    assert old in COMPLETE
    with pytest.raises(Unbelievable):
        read_report(COMPLETE.replace(old, new), 0.31)


@pytest.mark.parametrize("length", range(0, len(COMPLETE) - 2, 7))
def test_no_beginning_of_a_log_is_a_result(length: int) -> None:
    with pytest.raises(Unbelievable):
        read_report(COMPLETE[:length], 0.31)


def test_clocks_describe_the_measured_curves() -> None:
    """Against all twelve clocks that were measured, with figures interpolated between these."""
    errors, losses = [], []
    for structure in ("sklansky", "koggestone", "brentkung"):
        for width in (16, 32, 64):
            rows = measured(structure, width)
            dense = AreaDelayCurve(tuple(CurvePoint(delay, area, "") for _, area, delay in rows))
            few = AreaDelayCurve(tuple(_seven_runs(rows)))
            losses.append(few.fastest.delay_ns / dense.fastest.delay_ns - 1)
            span = (few.fastest.delay_ns, dense.smallest.delay_ns)
            delays = [span[0] + (span[1] - span[0]) * step / 20 for step in range(21)]
            errors += [abs(few.area_at(each) / dense.area_at(each) - 1) for each in delays]
    assert sum(errors) / len(errors) < 0.025
    assert max(losses) < 0.05
    assert sum(losses) / len(losses) < 0.02


def _seven_runs(rows: list[tuple[float, float, float]]) -> list[CurvePoint]:
    outcomes: list[Outcome] = []
    for _ in range(7):
        clock = next_clock(outcomes)
        if clock is None:
            break
        clocks, areas, delays = zip(*rows, strict=True)
        area, delay = (float(np.interp(clock / 1000, clocks, figures)) for figures in (areas, delays))
        outcomes.append(Outcome(clock, 1000 * delay, area))
    return [CurvePoint(each.arrival_ps / 1000, each.area_um2, "") for each in outcomes]


def test_no_clock_after_a_failed_first_one() -> None:
    assert next_clock([]) == 10_000.0
    assert next_clock([Outcome(10_000.0, None, None)]) is None


def test_clocks_stop_falling_after_a_failure() -> None:
    outcomes = [Outcome(10_000.0, 500.0, 100.0), Outcome(450.0, 450.0, 105.0), Outcome(405.0, None, None)]
    assert next_clock(outcomes) == 475.0


def test_lef_of_nangate45() -> None:
    pdk = load_pdk()
    lef = read_lefs(pdk.lef)
    assert [layer.name for layer in lef.layers] == [f"metal{number}" for number in range(1, 11)]
    metal2 = lef.layer("metal2")
    assert metal2 is not None
    assert (metal2.direction, metal2.pitch_um, metal2.has_capacitance) == ("VERTICAL", 0.19, True)
    assert lef.macro_areas_um2["NAND2_X1"] == pytest.approx(0.798)
    cells = [cell.name for cell in pdk.library()]
    assert lef.usual_site(cells) == pdk.site
    for cell in pdk.library():
        assert lef.macro_areas_um2[cell.name] == pytest.approx(cell.area_um2), cell.name


@pytest.mark.parametrize("content", [b"", b"MACRO X", b"\0\0", b"LAYER m1\n TYPE ROUTING ;\nEND m1\n", b"\xff\xfe"])
def test_lef_that_is_none(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "some.lef"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"LEF file"):
        read_lefs([path])
