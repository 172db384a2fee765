"""Exports: what lies in the folder is what was proven and claimed, and nothing is there when anything is wrong."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from prefixrl.circuits import Circuit
from prefixrl.circuits.netlist import Netlist
from prefixrl.circuits.proof import ProofFailed
from prefixrl.designs import export as export_module
from prefixrl.designs.export import FORMATS, Member, check_folder, check_formats, export_design, export_family
from prefixrl.designs.manifest import Figures
from prefixrl.errors import InputError, PrefixrlError
from prefixrl.graphs import PrefixGraph
from prefixrl.graphs.files import read_graph
from prefixrl.graphs.structures import structure
from prefixrl.synthesis.constraints import default_constraints
from prefixrl.synthesis.curve import AreaDelayCurve
from prefixrl.synthesis.evaluator import Evaluator, make_evaluator
from prefixrl.synthesis.pdk import load_pdk

PDK = load_pdk("nangate45")
EVERY_FORMAT = tuple(each for each in FORMATS if each not in ("wrapper", "placement"))
CONSTRAINTS = default_constraints(PDK)


@pytest.fixture(scope="module")
def evaluator() -> Iterator[Evaluator]:
    made = make_evaluator("yosys", PDK)
    yield made
    made.close()


@pytest.fixture(scope="module")
def adder() -> Circuit:
    return Circuit("adder", structure("sklansky", 8))


@pytest.fixture(scope="module")
def curve(evaluator: Evaluator, adder: Circuit) -> AreaDelayCurve:
    return evaluator.evaluate(adder, CONSTRAINTS)


@pytest.fixture(scope="module")
def netlist(evaluator: Evaluator, adder: Circuit, curve: AreaDelayCurve) -> Netlist:
    return evaluator.realize(adder, CONSTRAINTS, curve.fastest, "adder")


@pytest.fixture
def figures(curve: AreaDelayCurve) -> Figures:
    point = curve.fastest
    return Figures(point.delay_ns, point.area_um2, "yosys", "1", point.recipe, "0123456789ab-0")


def test_every_format(tmp_path: Path, adder: Circuit, netlist: Netlist, figures: Figures) -> None:
    export = export_design(
        tmp_path / "out", adder, netlist, CONSTRAINTS, PDK, figures, formats=EVERY_FORMAT, command="prefixrl export run"
    )
    files = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert sorted(files) == sorted(
        [
            *("adder.v", "adder.netlist.v", "adder.sdc", "adder.blif", "adder.aig"),
            *("adder.json", "adder.svg", "adder_tb.v", "manifest.json", "adder.vhd", "adder.png", "adder.dot"),
            *("test_adder.py", "adder.core", "prefixrl_choice.v"),
        ]
    )
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]
    assert {path.name for path in export.files.values()} == set(files) - {"manifest.json"}
    manifest = json.loads(files.pop("manifest.json"))
    assert manifest["files"] == {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    assert manifest == export.manifest
    assert read_graph(files["adder.json"].decode()) == adder.graph
    assert files["adder.svg"].lstrip().startswith((b"<svg", b"<?xml"))
    assert b"module adder" in files["adder.v"]
    assert b"adder" in files["adder_tb.v"]


def test_manifest_says_what_the_netlist_is(tmp_path: Path, adder: Circuit, netlist: Netlist, figures: Figures) -> None:
    manifest = export_design(tmp_path, adder, netlist, CONSTRAINTS, PDK, figures).manifest
    text = (tmp_path / "adder.netlist.v").read_text()
    library = PDK.library()
    cells = [match for match in re.findall(r"^\s*([A-Z0-9_]+_X[0-9]+) ", text, re.MULTILINE)]
    claimed = manifest["figures"]
    assert isinstance(claimed, dict)
    assert sum(library[cell].area_um2 for cell in cells) == pytest.approx(claimed["area_um2"], abs=1e-9)
    assert sum(claimed["cells"].values()) == len(cells)
    assert claimed["delay_ns"] == figures.delay_ns
    assert manifest["constraints"] == {"driving_cell": "BUF_X1", "output_load_ff": 3.898}
    assert manifest["ports"] == [
        {"name": "a", "direction": "input", "width": 8},
        {"name": "b", "direction": "input", "width": 8},
        {"name": "sum", "direction": "output", "width": 8},
        {"name": "cout", "direction": "output", "width": 1},
    ]
    assert set(manifest["proofs"]) == {"rtl", "netlist"}  # type: ignore[call-overload]
    assert "pyosys" in str(manifest["tools"]) or "Yosys" in str(manifest["tools"])


def test_constraints_file(tmp_path: Path, adder: Circuit, netlist: Netlist, figures: Figures) -> None:
    export_design(tmp_path, adder, netlist, CONSTRAINTS, PDK, figures, clock_period_ns=0.5, formats=["json"])
    text = (tmp_path / "adder.sdc").read_text()
    assert "-period 0.5" in text
    assert "set_driving_cell -lib_cell BUF_X1 [all_inputs]" in text
    assert "set_load 3.898 [all_outputs]" in text


def test_blif_reads_back_with_the_same_area(tmp_path: Path, adder: Circuit, netlist: Netlist, figures: Figures) -> None:
    export_design(tmp_path, adder, netlist, CONSTRAINTS, PDK, figures, formats=["blif"])
    again = Netlist.from_blif((tmp_path / "adder.blif").read_text(), netlist)
    assert again.area_um2(PDK.library()) == pytest.approx(figures.area_um2)


def test_aiger_is_combinational_with_all_ports(
    tmp_path: Path, adder: Circuit, netlist: Netlist, figures: Figures
) -> None:
    export_design(tmp_path, adder, netlist, CONSTRAINTS, PDK, figures, formats=["aiger"])
    content = (tmp_path / "adder.aig").read_bytes()
    header = content.split(b"\n", 1)[0].split()
    assert (header[0], header[2:5]) == (b"aig", [b"16", b"0", b"9"])
    assert b"a[7]" in content
    assert b"cout" in content


@pytest.mark.parametrize("kind", ["incrementer", "priority_encoder", "leading_one", "gray_to_binary", "comparator"])
def test_other_kinds_and_their_names(tmp_path: Path, evaluator: Evaluator, kind: str) -> None:
    circuit = Circuit(kind, structure("brent-kung", 5))
    point = evaluator.evaluate(circuit, CONSTRAINTS).smallest
    netlist = evaluator.realize(circuit, CONSTRAINTS, point, circuit.default_module)
    figures = Figures(point.delay_ns, point.area_um2, "yosys")
    export = export_design(tmp_path, circuit, netlist, CONSTRAINTS, PDK, figures)
    assert f"module {kind}" in export.files["netlist"].read_text()
    assert netlist.area_um2(PDK.library()) == pytest.approx(point.area_um2)


def test_a_wrong_netlist_is_refused_and_nothing_written(
    tmp_path: Path, adder: Circuit, netlist: Netlist, figures: Figures
) -> None:
    swapped = {"NAND2_X1": "NOR2_X1"}
    gates = list(netlist.gates)
    place = next(i for i, gate in enumerate(gates) if gate.cell in swapped)
    gates[place] = gates[place]._replace(cell=swapped[gates[place].cell])
    with pytest.raises(ProofFailed):
        export_design(tmp_path / "out", adder, replace(netlist, gates=tuple(gates)), CONSTRAINTS, PDK, figures)
    assert list(tmp_path.iterdir()) == []


def test_a_netlist_of_another_graph_has_another_area(
    tmp_path: Path, evaluator: Evaluator, adder: Circuit, figures: Figures
) -> None:
    other = Circuit("adder", PrefixGraph(8))
    point = evaluator.evaluate(other, CONSTRAINTS).smallest
    netlist = evaluator.realize(other, CONSTRAINTS, point, "adder")
    with pytest.raises(PrefixrlError, match="netlist's area must be"):
        export_design(tmp_path / "out", adder, netlist, CONSTRAINTS, PDK, figures)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_anything_in_it_is_refused(
    tmp_path: Path, adder: Circuit, netlist: Netlist, figures: Figures
) -> None:
    (tmp_path / "adder.v").write_text("mine")
    with pytest.raises(InputError, match=rf"new or empty directory: {tmp_path}$"):
        export_design(tmp_path, adder, netlist, CONSTRAINTS, PDK, figures)
    assert [path.name for path in tmp_path.iterdir()] == ["adder.v"]
    with pytest.raises(InputError, match="new or empty directory"):
        check_folder(tmp_path / "adder.v")
    with pytest.raises(InputError, match="writable directory"):
        check_folder(tmp_path / "adder.v" / "below")


@pytest.mark.parametrize("module", ["adder; $finish", "module", "../adder", "", "a b", "NAND2_X1"])
def test_bad_module_names(tmp_path: Path, adder: Circuit, netlist: Netlist, figures: Figures, module: str) -> None:
    with pytest.raises(InputError):
        export_design(tmp_path / "out", adder, netlist, CONSTRAINTS, PDK, figures, module=module)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("into_existing", [False, True])
def test_a_disk_that_fills_up_leaves_nothing(
    tmp_path: Path,
    adder: Circuit,
    netlist: Netlist,
    figures: Figures,
    monkeypatch: pytest.MonkeyPatch,
    into_existing: bool,
) -> None:
    real = export_module.atomic_write
    written: list[Path] = []

    def failing(path: Path, content: bytes) -> None:
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        written.append(path)
        real(path, content)

    monkeypatch.setattr(export_module, "atomic_write", failing)
    folder = tmp_path / "deep" / "out"
    if into_existing:
        folder.mkdir(parents=True)
    with pytest.raises(InputError, match="No space left on device"):
        export_design(folder, adder, netlist, CONSTRAINTS, PDK, figures)
    assert len(written) == 3
    assert list((tmp_path / "deep").rglob("*")) == ([folder] if into_existing else [])


def test_formats() -> None:
    assert check_formats(["svg", " rtl", "svg", ""]) == ("rtl", "svg")
    with pytest.raises(InputError, match=r"a format must be one of rtl, .*\(did you mean vhdl\?\): vhdll$"):
        check_formats(["rtl", "vhdll"])
    with pytest.raises(InputError, match=r"at least one format .*: none$"):
        check_formats([])


def family(evaluator: Evaluator, *widths: int) -> list[Member]:
    members = []
    for width in widths:
        circuit = Circuit("adder", structure("brent-kung", width))
        point = evaluator.evaluate(circuit, CONSTRAINTS).smallest
        netlist = evaluator.realize(circuit, CONSTRAINTS, point, f"sum_{width}")
        figures = Figures(point.delay_ns, point.area_um2, "yosys", "1", point.recipe)
        members.append(Member(circuit, netlist, figures, CONSTRAINTS, PDK))
    return members


def test_a_family_behind_one_face(tmp_path: Path, evaluator: Evaluator) -> None:
    export = export_family(
        tmp_path / "out", family(evaluator, 4, 6), "sum", formats=["netlist", "wrapper", "yosys-choice"]
    )
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        *(f"sum_{width}{suffix}" for width in (4, 6) for suffix in (".v", ".netlist.v", ".sdc")),
        *("sum.v", "prefixrl_choice.v", "manifest.json"),
    }
    assert set(export.proofs) == {"rtl:4", "netlist:4", "rtl:6", "netlist:6", "wrapper", "yosys-choice"}
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["widths"] == [4, 6]
    claimed = {**manifest["files"], **manifest["designs"][0]["files"], **manifest["designs"][1]["files"]}
    assert claimed.keys() == names - {"manifest.json"}
    for name, digest in claimed.items():
        assert hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == digest


def test_a_family_with_one_wrong_member_writes_nothing(tmp_path: Path, evaluator: Evaluator) -> None:
    first, second = family(evaluator, 4, 6)
    place = next(i for i, gate in enumerate(second.netlist.gates) if gate.cell == "NAND2_X1")
    gates = list(second.netlist.gates)
    gates[place] = gates[place]._replace(cell="NOR2_X1")
    wrong = replace(second, netlist=replace(second.netlist, gates=tuple(gates)))
    with pytest.raises(ProofFailed):
        export_family(tmp_path / "out", [first, wrong], "sum", formats=["rtl", "wrapper"])
    assert list(tmp_path.iterdir()) == []


def test_a_pipeline_is_rtl_alone(tmp_path: Path, adder: Circuit, netlist: Netlist, figures: Figures) -> None:
    export = export_design(tmp_path, adder, netlist, CONSTRAINTS, PDK, figures, stages=2)
    assert {path.name for path in tmp_path.iterdir()} == {
        *("adder.v", "adder.json", "adder.svg", "adder_tb.v", "manifest.json"),
    }
    assert export.manifest["pipeline"] == {"stages": 2, "figures": "of the combinational netlist"}
    assert export.proofs["rtl"].method == "cec+latency"


def test_drawings_show_slack(tmp_path: Path, adder: Circuit, netlist: Netlist, figures: Figures) -> None:
    export_design(tmp_path, adder, netlist, CONSTRAINTS, PDK, figures, formats=["svg"])
    text = (tmp_path / "adder.svg").read_text()
    assert "slack 0 ns" in text
    assert 'class="critical"' in text
    assert "8-bit adder" in text
