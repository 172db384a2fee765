"""Usage: help with an example everywhere, bad input refused in one line with exit code 2, quick start-up."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from prefixrl.cli.main import run

COMMANDS = [
    ["train"],
    ["search"],
    ["status"],
    ["evaluate"],
    ["pareto"],
    ["compare"],
    ["status"],
    ["show"],
    ["animate"],
    ["export"],
    ["leaderboard"],
    ["pdk"],
    ["pdk", "list"],
    ["pdk", "show"],
    ["pdk", "check"],
    ["cache"],
    ["cache", "stat"],
    ["cache", "verify"],
    ["cache", "clear"],
    ["doctor"],
    ["bench"],
    ["bench", "env"],
    ["bench", "evaluators"],
    ["bench", "curves"],
    ["bench", "reports"],
    ["bench", "pool"],
    ["bench", "ray"],
    ["bench", "signoff"],
    ["bench", "agents"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command, "--help"]) == 0
    output = capsys.readouterr().out
    assert "Example: prefixrl" in output
    assert "Usage:" in output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "sklansky", "--width", "1"], "1"),
        (["show", "sklansky", "--width", "1000"], "1000"),
        (["show", "sklansky"], "a width"),
        (["show", "sklanski", "--width", "8"], "sklansky"),
        (["show", "no/such/file.json"], "no/such/file.json"),
        (["show", "sklansky", "--width", "eight"], "eight"),
        (["bench", "ray", "--section", "speed"], "speed"),
        (["nonsense"], "nonsense"),
        (["show", "sklansky", "--wdith", "8"], "--wdith"),
        (["evaluate", "sklansky", "-n", "8", "--pdk", "no-such-pdk"], "no-such-pdk"),
        (["evaluate", "sklansky", "-n", "8", "--evaluator", "magic"], "magic"),
        (["evaluate", "sklansky", "-n", "8", "--circuit", "multiplier"], "multiplier"),
        (["evaluate", "sklansky", "-n", "8", "--driving-cell", "NO_SUCH_X1"], "NO_SUCH_X1"),
        (["evaluate", "sklansky", "-n", "8", "--load-ff", "-1"], "-1"),
        (["search", "--method", "magic", "--out", "x"], "magic"),
        (["search", "--preset", "tiny"], "--out"),
        (["search", "--preset", "tiney", "--out", "x"], "tiney"),
        (["search", "--preset", "tiny", "--set", "agent.gama=0.5", "--out", "x"], "agent.gama"),
        (["search", "--preset", "tiny", "--time", "soon", "--out", "x"], "soon"),
        (["search", "--resume", "no-such-run"], "no-such-run"),
        (["pareto", "no-such-run"], "no-such-run"),
        (["pareto", "published:adder-of-nobody"], "adder-of-nobody"),
        (["pareto", "published:demo-adder16", "--html", "no/such/report.html"], "no/such/report.html"),
        (["pareto", "published:demo-adder16", "--plot", "front.pdf"], "front.pdf"),
        (["status", "no-such-run"], "no-such-run"),
        (["compare", "published:demo-adder16"], "published:demo-adder16"),
        (["compare", "published:demo-adder16", "no-such-run"], "no-such-run"),
        (["leaderboard", "adder-of-nobody"], "adder-of-nobody"),
        (["animate", "sklansky", "-n", "8", "--out", "episode.gif"], "sklansky"),
        (["animate", "sklansky", "brent-kung", "-n", "8", "--out", "episode.mp4"], "episode.mp4"),
        (["show", "published:demo-adder16", "-n", "8"], "8"),
        (["export", "published:demo-adder16", "--pick", "delay<=0.1", "--out", "x"], "delay<=0.1"),
        (["export", "published:demo-adder16", "--width", "16", "--out", "x"], "published:demo-adder16"),
        (["export", "sklansky", "-n", "8", "--out", "x", "--module", "label", "--format", "vhdl"], "label"),
        (["export", "sklansky", "-n", "8", "--out", "x", "--pipeline", "2", "--format", "netlist"], "netlist"),
        (["export", "sklansky", "-n", "8", "--out", "x", "--pipeline", "99"], "99"),
        (["export", "sklansky", "brent-kung", "-n", "8", "--out", "x"], "8, 8"),
        (["export", "sklansky", "-n", "8", "--out", "x", "--module", "adder; $finish"], "adder; $finish"),
        (["export", "sklansky", "-n", "8", "--out", "x", "--module", "endmodule"], "endmodule"),
        (["export", "sklansky", "-n", "8", "--out", "x", "--format", "gds"], "gds"),
        (["export", "sklansky", "-n", "8", "--out", "x", "--pick", "best"], "best"),
        (["export", "sklansky", "-n", "8", "--out", "x", "--pick", "delay<=0.001"], "delay<=0.001"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert said in captured.err
    assert not list(tmp_path.iterdir()), "nothing may be written"


def test_broken_graph_files_are_refused_and_named(capsys: pytest.CaptureFixture[str], tmp_path) -> None:
    missing = tmp_path / "missing.json"
    missing.write_text(json.dumps({"format": "prefixrl-graph-1", "width": 8, "nodes": [[7, 5]]}))
    outside = tmp_path / "outside.json"
    outside.write_text(json.dumps({"format": "prefixrl-graph-1", "width": 8, "nodes": [[3, 9]]}))
    assert run(["show", str(missing)]) == 2
    assert "(6, 5)" in capsys.readouterr().err
    assert run(["show", str(missing), "--legalize"]) == 0
    capsys.readouterr()
    assert run(["show", str(outside)]) == 2
    assert "9" in capsys.readouterr().err


def test_full_directory_is_refused(capsys: pytest.CaptureFixture[str], tmp_path) -> None:
    (tmp_path / "precious.txt").write_text("keep me")
    assert run(["search", "--preset", "tiny", "--out", str(tmp_path)]) == 2
    assert run(["export", "sklansky", "-n", "8", "--out", str(tmp_path)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


def test_json_is_alone_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", "brent-kung", "-n", "16", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["size"], shown["depth"]) == (26, 6)


def test_help_and_light_commands_load_nothing_heavy() -> None:
    code = (
        "import sys; from prefixrl.cli.main import run; run(['--help']); "
        "run(['show', 'sklansky', '-n', '16']); "
        "heavy = {'torch', 'ray', 'stable_baselines3', 'matplotlib', 'numba', 'pyosys'} & set(sys.modules); "
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_module_entry_point_is_the_same_program() -> None:
    done = subprocess.run([sys.executable, "-m", "prefixrl", "--version"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith("prefixrl ")
