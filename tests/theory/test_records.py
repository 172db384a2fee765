"""The published records agree with the theory that they come from."""

from __future__ import annotations

from prefixrl.theory.records import lower_bound, published_records, sergeev_size, widest_without_deficiency


def test_formulas_give_the_published_numbers() -> None:
    assert [sergeev_size(k) for k in range(3, 9)] == [12, 31, 74, 167, 364, 773]
    assert [widest_without_deficiency(d) for d in range(1, 13)] == [2, 4, 7, 12, 20, 33, 54, 88, 143, 232, 376, 609]


def test_no_record_is_below_its_bound_and_the_optimal_ones_are_on_it() -> None:
    assert len(published_records()) >= 20
    for (width, depth), record in published_records().items():
        assert (record.width, record.depth) == (width, depth)
        assert record.size >= lower_bound(width, depth)
        assert record.optimal == (record.size == lower_bound(width, depth))
