"""Animations: a page with a frame for every step, a GIF with as many pictures."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from prefixrl.designs.animation import write_animation
from prefixrl.errors import InputError
from prefixrl.graphs import structure
from prefixrl.graphs.episodes import episode

STEPS = episode([structure("ripple-carry", 6), structure("sklansky", 6)])


def test_page(tmp_path: Path) -> None:
    write_animation(tmp_path / "episode.html", STEPS, title="<six>")
    text = (tmp_path / "episode.html").read_text()
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])  # type: ignore[index]
    assert len(data["frames"]) == len(STEPS)
    assert data["frames"][1]["caption"].startswith("step 1: ")
    assert "<title>&lt;six&gt;</title>" in text


def test_gif(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    write_animation(tmp_path / "episode.gif", STEPS)
    with image.open(tmp_path / "episode.gif") as picture:
        assert picture.n_frames == len(STEPS)


@pytest.mark.parametrize("name", ["episode.mp4", "none/episode.gif"])
def test_places_that_cannot_be(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError):
        write_animation(tmp_path / name, STEPS)
    assert list(tmp_path.iterdir()) == []
