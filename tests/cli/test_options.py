"""Options of library and constraints: what they change, what of them a result carries, what of them is refused."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import typer
import yaml
from cli_samples import json_of, refused

from prefixrl.cli.main import run
from prefixrl.cli.options import LibraryOptions, PoolOptions, grouped
from prefixrl.synthesis.constraints import Constraints
from prefixrl.synthesis.pdk import load_pdk

FAST = ["-n", "8", "--effort", "fast"]
TRAPS = ("a b", "quote'\"", "[exec touch TRAP]", "$(touch TRAP)", "; touch TRAP;", "x\ntouch TRAP\n", "..", "nul\0")


@pytest.fixture
def halves(tmp_path: Path) -> list[str]:
    """Nangate45 as two Liberty files, in a folder whose name is more than a name."""
    folder = tmp_path / "a [b] $c; 'd'"
    folder.mkdir()
    (text,) = (path.read_text() for path in load_pdk().liberty)
    head, *cells = text.split("\n  cell (")
    assert len(cells) > 100
    cells[-1] = cells[-1].rpartition("}")[0]
    paths = [folder / name for name in ("one.lib", "two.lib")]
    for number, path in enumerate(paths):
        path.write_text("\n  cell (".join([head, *cells[number::2]]) + "\n}\n")
    return [str(path) for path in paths]


def test_groups_become_options_in_their_place(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[object] = []

    @grouped
    def command(name: str, library: LibraryOptions, pooling: PoolOptions, last: int = 3) -> None:
        """Do it."""
        seen.extend([name, library, pooling, last])

    app = typer.Typer()
    app.command()(command)
    app(["x", "--liberty", "p", "--liberty", "q", "--workers", "5"], standalone_mode=False)
    assert seen == ["x", LibraryOptions(liberty=["p", "q"]), PoolOptions(workers=5), 3]


def test_constraints_are_in_the_result_and_change_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    profile = tmp_path / "both ways.yaml"
    profile.write_text(
        "inputs: {a: [0, 0, 0, 0, 0, 0, 0, 0.1]}\noutputs: {sum: [0.2, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3]}\n"
    )
    command = ["evaluate", "kogge-stone", *FAST]
    (plain,) = json_of(command, capsys)
    limits = ["--max-fanout", "4", "--max-transition", "0.05"]
    (limited,) = json_of([*command, *limits, "--profile", str(profile)], capsys)
    stated = limited["constraints"]
    assert (stated["max_fanout"], stated["max_transition_ns"]) == (4, 0.05)
    assert stated["input_arrival_ns"]["a"][7] == 0.1
    assert stated["output_required_ns"]["sum"][0] == 0.2
    assert limited["points"] != plain["points"]
    assert limited["pdk_hash"] == plain["pdk_hash"]


def test_unit_delay_scales_a_named_profile(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["evaluate", "sklansky", *FAST, "--evaluator", "analytic", "--profile", "multiplier-4x4"]
    (small,) = json_of(command, capsys)
    (large,) = json_of([*command, "--unit-delay", "0.05"], capsys)
    one, two = (each["constraints"]["input_arrival_ns"]["a"] for each in (small, large))
    assert two == pytest.approx([2 * time for time in one])
    assert max(two) > 0.2
    message = refused(["evaluate", "sklansky", *FAST, "--unit-delay", "0.05"], capsys)
    assert message.rstrip().endswith("0.05")


def test_several_liberty_files_are_one_library(halves: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    files = [word for path in halves for word in ("--liberty", path)]
    shown = json_of(["pdk", "show", *files], capsys)
    whole = json_of(["pdk", "show"], capsys)
    assert isinstance(shown, dict)
    assert isinstance(whole, dict)
    assert shown["liberty"] == halves
    assert shown["cells"] == whole["cells"]
    (split,) = json_of(["evaluate", "sklansky", *FAST, *files], capsys)
    (known,) = json_of(["evaluate", "sklansky", *FAST], capsys)
    assert split["points"] == known["points"]
    assert split["pdk_hash"] != known["pdk_hash"]


def test_cells_not_to_use_are_not_used(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ["export", "sklansky", *FAST, "--pick", "min-delay", "--out", str(out)]
    avoided = ["--dont-use", "XOR2_*", "--dont-use", "XNOR2_X1", "--max-fanout", "6"]
    written = json_of([*command, *avoided], capsys)
    assert isinstance(written, dict)
    manifest = written["manifest"]
    assert not [cell for cell in manifest["figures"]["cells"] if cell.startswith("XOR2_") or cell == "XNOR2_X1"]
    assert {"XOR2_*", "XNOR2_X1"} <= set(manifest["pdk"]["dont_use"])
    assert manifest["constraints"]["max_fanout"] == 6
    assert "set_max_fanout 6" in (out / "adder.sdc").read_text()


def test_lef_files_replace_those_of_the_pdk(capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(path) for path in load_pdk().lef]
    liberty = str(load_pdk().liberty[0])
    words = [word for path in files for word in ("--lef", path)]
    bare, shown = (json_of(["pdk", "show", "--liberty", liberty, *each], capsys) for each in ([], words))
    assert isinstance(bare, dict)
    assert isinstance(shown, dict)
    assert (bare["lef"], shown["lef"]) == ([], files)


@pytest.mark.parametrize("pool", ["processes", pytest.param("ray", marks=pytest.mark.ray)])
def test_pools_of_the_command_line_give_the_same_curves(
    pool: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if pool == "ray":
        pytest.importorskip("ray", reason="ray is not installed (pip install 'prefixrl[ray]')")
    command = ["evaluate", "sklansky", "brent-kung", *FAST]
    expected = json_of(command, capsys)
    monkeypatch.setenv("PREFIXRL_CACHE", str(tmp_path))
    limits = ["--timeout-s", "60", "--memory-mib", "2000", "--workers", "2"]
    found = json_of([*command, "--pool", pool, *limits], capsys)
    assert [each["cached"] for each in found] == [False, False]
    assert [each["points"] for each in found] == [each["points"] for each in expected]


def test_a_job_on_any_library_and_constraints(
    halves: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(halves[0]).parent)
    Path("late msb.yaml").write_text("[0, 0, 0, 0, 0, 0, 0, 0.1]\n")
    out = tmp_path / "run"
    budget = ["--evaluations", "6", "--set", "budget.final_designs=0", "--quiet", "--pool", "processes"]
    library = ["--liberty", "one.lib", "--liberty", "two.lib", "--dont-use", "AOI21_X4", "--load-ff", "5"]
    limits = ["--profile", "late msb.yaml", "--max-fanout", "8", "--max-transition", "0.2"]
    assert run(["search", "-n", "8", *budget, *library, *limits, "--out", str(out)]) == 0
    config = yaml.safe_load((out / "config.yaml").read_text())
    assert config["pdk"] == {"name": None, "liberty": halves, "lef": [], "dont_use": ["AOI21_X4"]}
    assert config["evaluator"]["pool"] == "processes"
    assert config["constraints"]["profile"] is None
    assert config["constraints"]["input_arrival_ns"]["a"][7] == 0.1
    front = json_of(["pareto", str(out)], capsys)
    assert isinstance(front, dict)
    stated = Constraints.from_json(front["constraints"])
    assert (stated.output_load_ff, stated.max_fanout, stated.max_transition_ns) == (5, 8, 0.2)
    assert dict(stated.input_arrival_ns)["b"][7] == 0.1
    assert front["library"] == {"liberty": halves, "dont_use": ["AOI21_X4"]}
    _exported_and_resumed(out, front, stated, capsys, tmp_path, monkeypatch)


def _exported_and_resumed(
    out: Path,
    front: dict,
    stated: Constraints,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The run is enough to go on, from any folder and without the profile; not with other constraints or libraries."""
    monkeypatch.chdir(tmp_path)
    written = json_of(["export", str(out), "--out", "exported"], capsys)
    assert isinstance(written, dict)
    assert written["manifest"]["constraints"] == stated.to_json() == front["constraints"]
    message = refused(["export", str(out), "--max-fanout", "8", "--out", "again"], capsys)
    assert "a run brings its own" in message
    assert run(["search", "--resume", str(out), "--evaluations", "8", "--quiet"]) == 0
    message = refused(["search", "--resume", str(out), "--evaluations", "9", "--max-fanout", "9", "--quiet"], capsys)
    assert "constraints is the same" in message
    message = refused(["search", "--resume", str(out), "--pdk", "nangate45", "--quiet"], capsys)
    assert "the same" in message


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--driving-cell", "BUF_X16X"], "did you mean BUF_X16?"),
        (["--dont-use", "NAND2_X9"], "did you mean NAND2_X"),
        (["--dont-use", "NOSUCH*"], "'NOSUCH*'"),
        (["--pdk", "nangate54"], "did you mean nangate45?"),
        (["--profile", "multiplier8x8"], "did you mean multiplier-8x8?"),
        (["--evaluator", "yosis"], "did you mean yosys?"),
        (["--pool", "process"], "did you mean processes?"),
        (["--max-fanut", "3"], "--max-fan"),
        (["--max-fanout", "1"], "from 2 to 1000: 1"),
        (["--max-fanout", "many"], "many"),
        (["--max-transition", "-1"], "-1"),
        (["--max-transition", "nan"], "nan"),
        (["--unit-delay", "inf", "--profile", "int8-dot"], "inf"),
        (["--timeout-s", "0"], "0"),
        (["--memory-mib", "0"], "0"),
        (["--workers", "0"], "0"),
        (["--lef", "no/such.lef"], "'no/such.lef'"),
        (["--liberty", "no/such.lib"], "'no/such.lib'"),
        (["--pdk", "nangate45", "--liberty", "x.lib"], "'nangate45'"),
        (["--evaluator", "openroad", "--lef", "."], "'.'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_options_are_refused_with_a_hint(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said in refused(["evaluate", "sklansky", *FAST, *arguments], capsys)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", TRAPS)
@pytest.mark.parametrize(
    "option", ["--liberty", "--lef", "--dont-use", "--driving-cell", "--profile", "--pdk", "--pool"]
)
def test_names_that_are_commands_are_refused_and_never_run(
    option: str, name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(["evaluate", "sklansky", *FAST, option, name], capsys)
    refused(["search", "-n", "8", "--evaluations", "2", "--quiet", "--out", "run", option, name], capsys)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: data.decode().encode("utf-16"),
        lambda data: data.replace(b"library", b"libraries", 1),
        lambda data: b"\x1f\x8b" + data[:1000],
    ],
    ids=["empty", "truncated", "UTF-16", "no library", "broken gzip"],
)
def test_damaged_second_library_is_refused_and_named(
    damage: object, halves: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    second = Path(halves[1])
    second.write_bytes(damage(second.read_bytes()))  # type: ignore[operator]
    files = [word for path in halves for word in ("--liberty", path)]
    for command in (["evaluate", "sklansky", *FAST], ["pdk", "check"], ["pdk", "show"]):
        assert "two.lib" in refused([*command, *files], capsys)


def test_resuming_after_the_library_has_changed_is_refused(
    halves: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    single = shutil.copy(load_pdk().liberty[0], tmp_path / "mine.lib")
    budget = ["-n", "8", "--evaluations", "2", "--set", "budget.final_designs=0", "--quiet"]
    assert run(["search", *budget, "--liberty", str(single), "--out", str(out)]) == 0
    text = Path(single).read_text()
    Path(single).write_text(re.sub(r"(area\s*:\s*)1.064000", r"\g<1>1.074000", text))
    assert Path(single).read_text() != text
    assert "the same" in refused(["search", "--resume", str(out), "--evaluations", "4", "--quiet"], capsys)
    assert "when the run began" in refused(["export", str(out), "--out", str(tmp_path / "x")], capsys)
