"""ABC and Yosys, one script at a time and kept alive, with the real programs."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefixrl.errors import ToolError
from prefixrl.tools import AbcSession, ScratchFile, YosysSession, run_abc, run_yosys

BLIF = ".model m\n.inputs a b\n.outputs y\n.names a b y\n11 1\n.end\n"


@pytest.fixture
def blif() -> Iterator[ScratchFile]:
    with ScratchFile(BLIF) as file:
        yield file


@pytest.fixture
def abc(blif: ScratchFile) -> Iterator[AbcSession]:
    session = AbcSession([f"read_blif {blif.path}"], pass_fds=[blif.descriptor], timeout_s=20)
    yield session
    session.close()


def test_abc_answers_without_prompts_and_colours(abc: AbcSession) -> None:
    answer = abc.command("print_stats")
    assert "i/o =    2/    1" in answer
    assert "\x1b" not in answer
    assert "abc " not in answer


def test_abc_failure_in_a_chain_is_seen_although_abc_exits_with_0(abc: AbcSession, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="Cannot open input file"):
        abc.command(f"read_blif {tmp_path}/none.blif; print_stats")
    with pytest.raises(ToolError):
        run_abc(f"read_blif {tmp_path}/none.blif; print_stats")
    assert "i/o" in abc.command("print_stats")


def test_abc_that_is_killed_is_started_anew_with_its_preamble(abc: AbcSession) -> None:
    abc.command("print_stats")
    assert abc.pid is not None
    assert abc._process is not None
    os.kill(abc.pid, signal.SIGKILL)
    abc._process.popen.wait()
    assert "i/o =    2/    1" in abc.command("print_stats")
    assert abc.starts == 2


def test_abc_that_hangs_is_ended_and_started_anew(abc: AbcSession) -> None:
    abc.command("print_stats")
    assert abc.pid is not None
    os.kill(abc.pid, signal.SIGSTOP)
    begin = time.monotonic()
    with pytest.raises(ToolError, match=r"no answer within 0\.3 s"):
        abc.command("print_stats", timeout_s=0.3)
    assert time.monotonic() - begin < 2.3
    assert "i/o" in abc.command("print_stats")


def test_abc_is_recycled_only_when_asked(blif: ScratchFile) -> None:
    with AbcSession([f"read_blif {blif.path}"], pass_fds=[blif.descriptor], recycle_after=3) as session:
        for _ in range(5):
            session.command("print_stats")
        assert session.starts == 1
        session.refresh()
        session.command("print_stats")
        assert session.starts == 2


def test_abc_reads_no_startup_file_of_the_working_folder(tmp_path: Path) -> None:
    (tmp_path / "abc.rc").write_text("echo SURPRISE\n")
    assert "SURPRISE" not in run_abc("version", cwd=tmp_path)


def test_closing_twice_is_harmless_and_ends_the_process(abc: AbcSession) -> None:
    abc.command("print_stats")
    process = abc._process
    assert process is not None
    abc.close()
    abc.close()
    assert process.popen.poll() is not None


def test_yosys_script_and_its_error(tmp_path: Path) -> None:
    (tmp_path / "m.v").write_text("module m(input a, output y); assign y = ~a; endmodule\n")
    log = run_yosys("read_verilog m.v\nhierarchy -check -top m\nstat", cwd=tmp_path, timeout_s=60)
    assert "=== m ===" in log
    with pytest.raises(ToolError, match="exit status 1") as caught:
        run_yosys("read_verilog none.v", cwd=tmp_path, timeout_s=60)
    assert "ERROR" in caught.value.tail


def test_yosys_session_survives_an_error(tmp_path: Path) -> None:
    with ScratchFile("module m(input a, output y); assign y = ~a; endmodule\n") as rtl:
        passes = f"design -reset; read_verilog {rtl.path}; hierarchy -check -top m; proc; check -assert"
        with YosysSession(pass_fds=[rtl.descriptor]) as session:
            assert "Top module" in session.command(passes)
            rtl.write("module m(input a, output y); assign y = y & a; endmodule\n")
            with pytest.raises(ToolError, match="Yosys refused: ERROR"):
                session.command(passes)
            rtl.write("module m(input a, output y); assign y = a; endmodule\n")
            assert "Top module" in session.command(passes)
            assert session.starts == 2


def test_the_last_words_of_a_program_are_heard() -> None:
    """It may print its reason and end between our look at its output and our look at whether it is running."""
    for _ in range(5):
        with YosysSession() as session, pytest.raises(ToolError, match=r"Yosys refused: .*no_such_pass"):
            session.command("no_such_pass")
