"""A hundred and more damaged reports of OpenSTA, made from two real ones: none gives a figure, none a traceback."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from signoff_samples import CIRCUIT, CONSTRAINTS, NETLIST, PDK, write_liar

from prefixrl.errors import ToolError
from prefixrl.synthesis.signoff import SignoffTimer

DATA = Path(__file__).parent / "data" / "opensta"
VERSIONS = ("2.0.17", "3.1.0")
_END = re.compile(r"^@end (\S+) (\S+) (\S+)$", re.MULTILINE)


def mutations(report: str) -> dict[str, str | bytes]:
    """What was done to it -> the report."""
    made: dict[str, str | bytes] = {"empty": "", "utf-16": report.encode("utf-16"), "blanks": "\n \n"}
    for tenth in range(1, 10):
        made[f"cut at {tenth} tenths"] = report[: len(report) * tenth // 10]
        made[f"from {tenth} tenths on"] = report[len(report) * tenth // 10 :]
    for line in report.splitlines():
        if line.startswith("@") or "data arrival time" in line or "slack (" in line:
            kept = report.replace(line + "\n", "", 1)
            # Of two lines that say the arrival, one is enough.
            if "data arrival time" not in line:
                made[f"without {line.split()[:2]}"] = kept
    name, slack, arrival = _END.findall(report)[0]
    worst = f"@end {name} {slack} {arrival}"
    for word in ("nan", "inf", "-inf", "1e39", "-1e30", "MET", "0x1p3", "9" * 400, "--1", "1,5", f"{slack} {slack}"):
        made[f"slack {word:.9}"] = report.replace(worst, f"@end {name} {word} {arrival}")
        made[f"arrival {word:.9}"] = report.replace(worst, f"@end {name} {slack} {word}")
    for factor in (0.999, 1.001, 1000, 1e-3, -1):
        made[f"slack times {factor}"] = report.replace(worst, f"@end {name} {float(slack) * factor:.7f} {arrival}")
        made[f"arrival times {factor}"] = report.replace(worst, f"@end {name} {slack} {float(arrival) * factor:.7f}")
    ends = _END.findall(report)
    made["in ps"] = _END.sub(lambda m: f"@end {m[1]} {float(m[2]) * 1000} {float(m[3]) * 1000}", report)
    made["outputs exchanged"] = report.replace(f"@end {ends[0][0]} ", "@end X ").replace(
        f"@end {ends[1][0]} ", f"@end {ends[0][0]} "
    )
    made["the report of a path twice"] = report.replace(
        "Startpoint", report[report.index("Startpoint") :] + "Startpoint", 1
    )
    made["one cell less"] = report.replace("@cells 18", "@cells 17")
    made["two numbers of cells"] = report.replace("@cells 18", "@cells 18\n@cells 18")
    made["an error in between"] = report.replace("@path", "Error: line 3, unknown cell\n@path")
    made["an arrival of another path"] = re.sub(r"0\.192532(?=   data arrival time)", "0.182532", report)
    return made


MUTATIONS = {
    f"{version}: {name}": text
    for version in VERSIONS
    for name, text in mutations((DATA / f"sklansky4-{version}.txt").read_text()).items()
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("liar")


@pytest.fixture(scope="module")
def timer(folder: Path) -> Iterator[SignoffTimer]:
    """Asks a program that answers with whatever lies in `folder/answer`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFIXRL_STA", str(write_liar(folder, sys.executable, "")))
        with SignoffTimer(PDK, timeout_s=10) as made:
            yield made


def test_there_are_enough_and_all_differ_from_the_real_ones() -> None:
    assert len(MUTATIONS) >= 100
    real = {(DATA / f"sklansky4-{version}.txt").read_text() for version in VERSIONS}
    assert not real & {text for text in MUTATIONS.values() if isinstance(text, str)}


@pytest.mark.parametrize("name", MUTATIONS)
def test_damaged_report_is_refused_in_one_line(name: str, folder: Path, timer: SignoffTimer) -> None:
    text = MUTATIONS[name]
    # The stand-in reads text; bytes that are none reach it as they would come out of a pipe.
    (folder / "answer").write_text(text if isinstance(text, str) else text.decode("latin-1"))
    with pytest.raises(ToolError) as caught:
        timer.time(NETLIST, CIRCUIT, CONSTRAINTS)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 1000


def test_the_undamaged_ones_are_read(folder: Path, timer: SignoffTimer) -> None:
    for version in VERSIONS:
        (folder / "answer").write_text((DATA / f"sklansky4-{version}.txt").read_text())
        assert timer.time(NETLIST, CIRCUIT, CONSTRAINTS).delay_ns == 0.192532
