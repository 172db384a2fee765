"""Shifters: to the left by a variable amount, to the right with what falls off gathered, and normalisation."""

from __future__ import annotations

from prefixrl.units.words import UnitModule, Word


def shift_left(module: UnitModule, word: Word, amount: Word, width: int) -> Word:
    """word * 2^amount in `width` bits; what is beyond them is lost."""
    for place in range(amount.width):
        step = 1 << place
        wide = word.extended(width) if word.width + step > width else word.extended(word.width + step)
        moved = word.raised(step)
        moved = moved[:width] if moved.width > wide.width else moved
        word = module.mux(amount[place], moved, wide)
    return word.extended(width) if word.width < width else word


def shift_right(module: UnitModule, word: Word, amount: Word) -> tuple[Word, Word]:
    """word / 2^amount rounded down, and whether anything but zeros fell off."""
    lost: list[Word] = []
    for place in range(amount.width):
        step = min(1 << place, word.width)
        lost.append(amount[place] & word[:step].any())
        word = module.mux(amount[place], word[step:].extended(word.width), word)
    return word, module.any_of(lost)


def extract(module: UnitModule, word: Word, index: Word, kept: int, point: int = 0) -> tuple[Word, Word]:
    """The bits from place `index` down, so that bit `index` comes out on top, and whether any bit below is set.

    Works as a shift to the right by `index` in a window that keeps `kept` bits: every stage narrows the word to the
    places that can still be the leading one, which takes far fewer multiplexers than a shift to the left.

    :param index: a place in the word, counted from `point`
    :param kept: bits that are kept, the leading one among them
    :param point: the lowest place that the leading one can have
    """
    spare = max(point - (kept - 1), 0)
    below: Word | None = word[spare:point] if point else None
    lost = [word[:spare].any()] if spare else []
    word = word[point:]
    for place in range(index.width - 1, -1, -1):
        step = 1 << place
        window = word if below is None else module.cat(word, below)
        low = 0 if below is None else below.width
        shifted, tail = _moved(module, window, low, step, kept - 1)
        stayed = module.cat(_fitted(word, step), _widened(module, below, min(low + step, kept - 1)))
        lost.append(index[place] & tail.any() if tail is not None else module.constant(0, 1))
        chosen = module.mux(index[place], shifted, stayed)
        new_low = min(low + step, kept - 1)
        below, word = (chosen[:new_low] if new_low else None), chosen[new_low:]
    assert word.width == 1
    low = 0 if below is None else below.width
    result = word if below is None else module.cat(word, below)
    return result.raised(kept - 1 - low), module.any_of(lost)


def _moved(module: UnitModule, window: Word, low: int, step: int, most: int) -> tuple[Word, Word | None]:
    """The window moved down by `step`: `step` places above the point, at most `most` below, and what falls off."""
    new_low = min(low + step, most)
    start = low + step - new_low
    piece = window[min(start, window.width) :].extended(max(step + new_low, window.width - start))
    return piece[: step + new_low], window[: min(start, window.width)] if start else None


def _fitted(word: Word, width: int) -> Word:
    """Cut or extended to a width; the bits that are cut are not needed."""
    return word[:width] if word.width > width else word.extended(width)


def _widened(module: UnitModule, below: Word | None, width: int) -> Word:
    """The bits below the point, with zeros under them."""
    if below is None:
        return module.constant(0, width)
    return below.raised(width - below.width)
