"""PDKs: the embedded one, and any Liberty file."""

from __future__ import annotations

import dataclasses
import gzip
import re
from pathlib import Path

import pytest

from prefixrl.errors import InputError
from prefixrl.synthesis.liberty import read_liberty_text
from prefixrl.synthesis.pdk import list_pdks, load_pdk


def test_nangate45_is_embedded_with_its_settings() -> None:
    pdk = load_pdk()
    assert pdk.name == "nangate45"
    assert (pdk.driving_cell, pdk.output_load_ff) == ("BUF_X1", 3.898)
    assert all(path.is_file() for path in (*pdk.liberty, *pdk.lef, *pdk.verilog))
    roles = ("INV", "BUF", "NAND2", "NOR2", "AOI21", "OAI21", "XOR2", "XNOR2")
    cells = [role.cell.name for role in map(pdk.library().role, roles) if role is not None]
    assert cells == [f"{role}_X1" for role in roles]
    assert "nangate45" in [description.name for description in list_pdks()]


def test_settings_can_be_replaced_and_are_checked() -> None:
    pdk = load_pdk("nangate45", driving_cell="INV_X2", output_load_ff=0.0)
    assert (pdk.driving_cell, pdk.output_load_ff) == ("INV_X2", 0.0)
    for cell in ("BUF_X99", "NAND2_X1", "DFF_X1", "BUF_X1; !ls"):
        with pytest.raises(InputError, match=f"driving cell.*: '{re.escape(cell)}'$"):
            load_pdk("nangate45", driving_cell=cell)
    for load in (-1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="output load"):
            load_pdk("nangate45", output_load_ff=load)


def test_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"nangate45.*: 'nangate54'$"):
        load_pdk("nangate54")


def test_any_liberty_file_with_guessed_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFIXRL_CACHE", str(tmp_path / "cache"))
    text = read_liberty_text(load_pdk().liberty[0])
    path = tmp_path / "my $(library) 1.lib.gz"
    path.write_bytes(gzip.compress(text.encode("latin-1")))
    pdk = load_pdk(path)
    assert pdk.driving_cell == "BUF_X1"
    assert pdk.output_load_ff == pytest.approx(3.898, abs=0.001), "the rule that gave Nangate45 its load"
    (plain,) = pdk.plain_liberty()
    assert plain.read_text() == text
    assert pdk.plain_liberty() == (plain,)


def test_library_without_nand_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "poor.lib"
    path.write_text(
        "library (poor) { cell (INV) { area : 1; pin (A) { direction : input; } "
        'pin (Y) { direction : output; function : "!A"; timing () { related_pin : "A"; } } } }'
    )
    with pytest.raises(InputError, match="NAND2"):
        load_pdk(path).library()


def test_content_hash_follows_the_content(tmp_path: Path) -> None:
    text = read_liberty_text(load_pdk().liberty[0])
    path = tmp_path / "one.lib"
    path.write_text(text)
    first = load_pdk(path)
    packed = tmp_path / "two.lib.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    assert load_pdk(packed).content_hash == first.content_hash
    assert dataclasses.replace(first, dont_use=("INV_X1",)).content_hash != first.content_hash
    before = first.content_hash
    path.write_text(text.replace("1.064000", "1.065000"))
    assert load_pdk(path).content_hash != before


def test_constraints_by_name_give_way_to_what_is_stated() -> None:
    named = load_pdk(constraints="paper")
    assert (named.driving_cell, named.output_load_ff) == ("BUF_X1", 10.0)
    assert load_pdk(output_load_ff=5.0, constraints="paper").output_load_ff == 5.0
    assert load_pdk(constraints="default") == load_pdk()
    with pytest.raises(InputError, match=r"must be default or paper \(did you mean paper\?\): 'papr'$"):
        load_pdk(constraints="papr")
