"""Plots: real files in both formats, and one-line refusals."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from design_samples import CONTEXT, random_graph

from prefixrl.designs.front import FrontPoint
from prefixrl.designs.plots import plot_front
from prefixrl.errors import InputError, ToolMissing

GRAPH = random_graph(3)


def front(*pairs: tuple[float, float], structure: str = "") -> list[FrontPoint]:
    shape = (GRAPH.size, GRAPH.depth, GRAPH.max_fanout)
    return [FrontPoint(f"0123456789ab-{i}", d, a, *shape, GRAPH, "", structure) for i, (d, a) in enumerate(pairs)]


OURS = {"this run": front((0.28, 340.0), (0.3, 260.0), (0.45, 205.0))}
CLASSICAL = {
    "sklansky": front((0.29, 400.0), (0.5, 250.0), structure="sklansky"),
    "brent-kung": front((0.4, 240.0), (0.55, 215.0), structure="brent-kung"),
    "ripple-carry": front((9.0, 150.0), structure="ripple-carry"),
    "knowles-1-1-2": [],
}


def test_png_and_svg(tmp_path: Path) -> None:
    plot_front(tmp_path / "front.png", CONTEXT, OURS, CLASSICAL, reference=(0.6, 440.0))
    content = (tmp_path / "front.png").read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert int.from_bytes(content[16:20], "big") == 1280
    plot_front(tmp_path / "front.svg", CONTEXT, OURS, CLASSICAL, reference=(0.6, 440.0))
    root = ElementTree.parse(tmp_path / "front.svg").getroot()
    text = " ".join("".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text"))
    for expected in ("delay (ns)", "area (um²)", "32-bit adder, nangate45", "this run", "sklansky", "hypervolume"):
        assert expected in text
    assert "beyond it: ripple-carry" in text


def test_equal_fronts_give_equal_svg_files(tmp_path: Path) -> None:
    for name in ("one.svg", "two.svg"):
        plot_front(tmp_path / name, CONTEXT, OURS, CLASSICAL)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


@pytest.mark.parametrize("name", ["front.pdf", "front", "front.png.txt"])
def test_other_formats_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=rf"must be a \.png or \.svg file: .*{name}$"):
        plot_front(tmp_path / name, CONTEXT, OURS, CLASSICAL)


def test_nothing_to_draw(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one successful design"):
        plot_front(tmp_path / "front.png", CONTEXT, {"this run": []}, CLASSICAL)
    with pytest.raises(InputError, match="slower and larger than some design"):
        plot_front(tmp_path / "front.png", CONTEXT, OURS, CLASSICAL, reference=(0.1, 440.0))
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="writable place"):
        plot_front(tmp_path / "none" / "front.png", CONTEXT, OURS, CLASSICAL)


def test_missing_matplotlib_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ToolMissing, match=r"prefixrl\[reports\]"):
        plot_front(tmp_path / "front.png", CONTEXT, OURS, CLASSICAL)
