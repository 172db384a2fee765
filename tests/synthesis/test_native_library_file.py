"""The arrays of a library on disk are those that were made, or none."""

import numpy as np
import pytest

from prefixrl.synthesis.native import library_file
from prefixrl.synthesis.native.library_file import load_library, native_library_of, save_library
from prefixrl.synthesis.pdk import load_pdk

NATIVE = native_library_of(load_pdk())


def test_what_is_loaded_is_what_was_saved(tmp_path):
    save_library(NATIVE, tmp_path / "folder" / "library.native")
    loaded = load_library(tmp_path / "folder" / "library.native")
    assert loaded is not None
    assert (loaded.cells, loaded.orders, loaded.families) == (NATIVE.cells, NATIVE.orders, NATIVE.families)
    assert dict(loaded.roles) == dict(NATIVE.roles)
    for name, array in NATIVE.tables._asdict().items():
        found = getattr(loaded.tables, name)
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("place", [0, 40, 5_000, -1])
def test_a_flipped_bit_is_found_out(tmp_path, place):
    path = tmp_path / "library.native"
    save_library(NATIVE, path)
    content = bytearray(path.read_bytes())
    content[place] ^= 4
    path.write_bytes(content)
    assert load_library(path) is None


def test_a_file_cut_short_or_missing_is_none(tmp_path):
    path = tmp_path / "library.native"
    assert load_library(path) is None
    save_library(NATIVE, path)
    path.write_bytes(path.read_bytes()[:-100])
    assert load_library(path) is None


def test_a_folder_that_cannot_be_written_is_passed_by(tmp_path):
    (tmp_path / "file").write_text("no folder")
    save_library(NATIVE, tmp_path / "file" / "library.native")


def test_a_damaged_file_is_made_again(tmp_path, monkeypatch):
    monkeypatch.setattr(library_file, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(library_file, "_natives", {})
    pdk = load_pdk()
    native_library_of(pdk)
    (kept,) = (tmp_path / "liberty").glob("*.native")
    whole = kept.read_bytes()
    kept.write_bytes(whole[:1000])
    library_file._natives.clear()
    assert native_library_of(pdk).cells == NATIVE.cells
    assert kept.read_bytes() == whole
