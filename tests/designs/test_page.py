"""The report page: complete and self-contained, and in a real browser it shows what is hovered over and clicked."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_samples import make_run

from prefixrl.designs.front import front_of, hypervolume
from prefixrl.designs.history import hypervolume_history, thinned_cloud
from prefixrl.designs.page import page_text, write_page
from prefixrl.designs.records import PointTable
from prefixrl.designs.report_benchmark import BROWSERS
from prefixrl.designs.source import common_classical, common_reference, open_source, open_sources
from prefixrl.designs.store import DesignStore
from prefixrl.errors import InputError


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("page") / "run </script>")


@pytest.fixture(scope="module")
def page(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    sources = open_sources([run])
    path = tmp_path_factory.mktemp("written") / "report.html"
    reference = common_reference(sources, common_classical(sources))
    write_page(path, sources, reference=reference, netlists=3, command="prefixrl pareto 'run </script>'")
    return path


def data_of(page: Path) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_the_page_has_everything_in_it(page: Path, run: Path) -> None:
    text = page.read_text()
    assert "{{" not in text.split("<script>")[0]
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:|//)""", text)
    assert "default-src 'none'" in text
    document, source = data_of(page), open_source(run)
    front = document["runs"][0]["front"]
    assert [entry["id"] for entry in front] == [point.id for point in source.front]
    assert sum("anatomy" in entry for entry in front) == len(document["anatomies"]) == 3
    assert {each["name"] for each in document["classical"]} == set(source.classical)
    for entry in front:
        assert [entry["d"], entry["a"]] in document["curves"][entry["curve"]]
        assert document["graphs"][entry["graph"]]["svg"].startswith("<svg")
    assert document["provenance"]["command"] == "prefixrl pareto 'run </script>'"
    assert "seed 0" in document["runs"][0]["summary"]
    assert document["savings"]
    assert document["runs"][0]["history"][-1][1] == pytest.approx(
        hypervolume(source.front, tuple(document["reference"])), rel=1e-6
    )


def test_history_is_the_hypervolume_of_every_beginning(run: Path) -> None:
    with DesignStore.open(run / "designs.sqlite") as store:
        table, designs = store.points(), list(store.designs())
        reference = (0.4, 90.0)
        found = dict(hypervolume_history(table, reference, checkpoints=8))
        assert max(found) == len(designs)
        for count, volume in found.items():
            first = {design.key for design in designs[:count]}
            points = [point for point in all_points(store) if point.id.partition("-")[0] in {key[:12] for key in first}]
            assert volume == pytest.approx(hypervolume(front_of(points), reference))
    cloud = thinned_cloud(table, reference)
    assert 0 < len(cloud) <= len(table)
    assert all(delay <= 0.4 and area <= 90.0 for delay, area in cloud)
    empty = PointTable(*(np.empty(0, dtype=np.int64),) * 2, *(np.empty(0),) * 2)
    assert hypervolume_history(empty, reference) == thinned_cloud(empty, reference) == []


def all_points(store: DesignStore) -> list:
    from prefixrl.designs.records import front_point

    return [front_point(design, place) for design in store.designs() for place in range(len(design.points))]


def test_places_and_fronts_that_cannot_be(run: Path, tmp_path: Path) -> None:
    sources = open_sources([run])
    with pytest.raises(InputError, match="in a directory that exists"):
        write_page(tmp_path / "none" / "report.html", sources, reference=(1.0, 1.0))
    shutil.copy(run / "front.json", tmp_path / "front.json")
    document = json.loads((tmp_path / "front.json").read_text())
    (tmp_path / "front.json").write_text(json.dumps({**document, "points": []}))
    with pytest.raises(InputError, match="at least one successful design"):
        write_page(tmp_path / "report.html", open_sources([tmp_path / "front.json"]), reference=(1.0, 1.0))
    assert [each.name for each in tmp_path.iterdir()] == ["front.json"]


def test_titles_are_text() -> None:
    assert "<title>&lt;b&gt; &amp; more</title>" in page_text({"title": "<b> & more"})


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, driven by playwright; the environment variable PREFIXRL_BROWSER names another one."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed (pip install playwright)"
    )
    chosen = os.environ.get("PREFIXRL_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if chosen is None:
        pytest.skip("no Chromium is installed (Debian: apt install chromium-headless-shell)")
    with playwright.sync_playwright() as driver:
        made = driver.chromium.launch(executable_path=chosen, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.mark.tools
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_a_browser(browser: Any, page: Path, scheme: str) -> None:
    tab = browser.new_page(viewport={"width": 1200, "height": 900}, color_scheme=scheme)
    complaints: list[str] = []
    requests: list[str] = []
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("request", lambda request: requests.append(request.url))
    tab.goto(page.as_uri())
    tab.wait_for_selector("html[data-ready=yes]", timeout=10_000)
    document = data_of(page)
    knee = document["knee"]
    assert tab.inner_text("#design-title") == f"Design {knee}"
    front = document["runs"][0]["front"]
    place = [entry["id"] for entry in front].index(knee)
    tab.keyboard.press("ArrowRight" if place + 1 < len(front) else "ArrowLeft")
    beside = front[place + 1 if place + 1 < len(front) else place - 1]
    assert tab.inner_text("#design-title") == f"Design {beside['id']}"
    dot = tab.locator("#front circle:not(#ring)").last
    box = dot.bounding_box()
    tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert "um²" in tab.inner_text("#tip")
    tab.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    shown = tab.inner_text("#tip").splitlines()[0]
    assert tab.inner_text("#design-title").removeprefix("Design ") == shown
    first = next(number for number, entry in enumerate(front) if "anatomy" in entry)
    for _ in range(len(front)):
        tab.keyboard.press("ArrowLeft")
    for _ in range(first):
        tab.keyboard.press("ArrowRight")
    assert tab.locator("#critical").count() == 1
    assert "cells" in tab.inner_text("#netlist")
    fills = tab.eval_on_selector_all("#graph [data-node] circle", "all => all.map(each => each.style.fill)")
    assert len({fill for fill in fills if fill.startswith("rgb")}) > 1
    colours = tab.evaluate("[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]")
    assert contrast(*colours) > 7
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert complaints == []
    assert all(url.startswith(("file:", "blob:", "data:")) for url in requests)
    tab.close()


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, contrast ratio of two `rgb(r, g, b)`."""

    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
