"""Tables fit 80 columns and say what the front says; the JSON object has exactly the fields that are promised."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from design_samples import CONTEXT, random_graph
from rich.console import Console
from rich.table import Table

from prefixrl.designs.front import FrontPoint, hypervolume
from prefixrl.designs.report import classical_table, failures_table, front_document, front_table
from prefixrl.graphs.files import read_graph


def front(*pairs: tuple[float, float], structure: str = "") -> list[FrontPoint]:
    graph = random_graph(3)
    return [
        FrontPoint(f"0123456789ab-{i}", delay, area, graph.size, graph.depth, graph.max_fanout, graph, "", structure)
        for i, (delay, area) in enumerate(pairs)
    ]


OURS = front((0.2812345, 1341.5), (0.3, 260.11), (11.4, 205.0))
CLASSICAL = {
    "sparse-kogge-stone-4": front((0.29, 400.0), (0.5, 250.0), structure="sparse-kogge-stone-4"),
    "brent-kung": front((0.4, 240.0), structure="brent-kung"),
    "ladner-fischer-2": [],
}


def printed(table: Table) -> str:
    console = Console(width=80, record=True, force_terminal=False, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(table)
    console.file.close()
    return console.export_text()


def test_front_table_compares_with_the_best_structure_that_is_as_fast() -> None:
    text = printed(front_table(OURS, CLASSICAL, "32-bit adder"))
    rows = [line.split() for line in text.splitlines()]
    assert max(map(len, text.splitlines())) <= 80
    shape = [str(OURS[0].size), str(OURS[0].depth), str(OURS[0].max_fanout)]
    assert rows[2] == ["0123456789ab-0", "0.2812", "1341.50", *shape, "none", "as", "fast"]
    assert rows[3] == ["0123456789ab-1", "0.3000", "260.11", *shape, "35.0", "sparse-kogge-stone-4"]
    assert rows[4] == ["0123456789ab-2", "11.4000", "205.00", *shape, "14.6", "brent-kung"]


def test_front_table_alone() -> None:
    text = printed(front_table(OURS))
    assert "saved" not in text
    assert len(text.splitlines()) == 4


def test_classical_table_by_smallest_area_with_failures_marked() -> None:
    text = printed(classical_table(CLASSICAL))
    assert max(map(len, text.splitlines())) <= 80
    names = [line.split()[0] for line in text.splitlines()[2:]]
    assert names == ["brent-kung", "sparse-kogge-stone-4", "ladner-fischer-2"]
    assert text.splitlines()[3].split()[4:] == ["0.2900", "400.00", "250.00", "0.5000"]
    assert text.splitlines()[4].split()[1:] == ["failed"]


def test_failures_table_folds_long_reasons() -> None:
    text = printed(failures_table({"x" * 200: 12345, "time-out after 60 s": 2}))
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("x") == 200
    assert "12345" in text


def test_brackets_in_a_reason_are_text() -> None:
    assert "[/bold] a[3]" in printed(failures_table({"[/bold] a[3]": 1}))


def test_document_has_the_promised_fields() -> None:
    document = json.loads(json.dumps(front_document(CONTEXT, OURS, (12.0, 1500.0)), allow_nan=False))
    assert list(document) == [
        "circuit",
        "width",
        "pdk",
        "evaluator",
        "constraints",
        "reference_point",
        "hypervolume",
        "points",
    ]
    assert document["constraints"] == {"driving_cell": "BUF_X1", "output_load_ff": 3.898}
    assert document["reference_point"] == {"delay_ns": 12.0, "area_um2": 1500.0}
    assert document["hypervolume"] == pytest.approx(hypervolume(OURS, (12.0, 1500.0)))
    point = document["points"][0]
    assert list(point) == ["id", "delay_ns", "area_um2", "size", "depth", "max_fanout", "graph"]
    assert (point["delay_ns"], point["area_um2"]) == (0.2812345, 1341.5)
    assert read_graph(json.dumps(point["graph"])) == OURS[0].graph


def test_document_lists_points_by_rising_delay() -> None:
    document = front_document(replace(CONTEXT, width=32), OURS[::-1], (12.0, 1500.0))
    assert [point["delay_ns"] for point in document["points"]] == [0.2812345, 0.3, 11.4]  # type: ignore[attr-defined]
