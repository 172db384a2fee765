"""Small Liberty libraries made from a few cells of Nangate45, and ways to write them differently."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from prefixrl.circuits import Circuit
from prefixrl.graphs.structures import structure
from prefixrl.synthesis.constraints import Constraints
from prefixrl.synthesis.curve import AreaDelayCurve
from prefixrl.synthesis.liberty_timing import TimedLibrary, liberty_text
from prefixrl.synthesis.pdk import Pdk, load_pdk
from prefixrl.synthesis.yosys import YosysEvaluator

ROLES = ("INV", "BUF", "NAND2", "NOR2", "AOI21", "OAI21", "XOR2", "XNOR2")
CELLS = tuple(f"{role}_X{size}" for role in ROLES for size in (1, 2))
CIRCUIT = Circuit("adder", structure("sklansky", 8))
CONSTRAINTS = Constraints("BUF_X1", 3.898)


@lru_cache(maxsize=8)
def small_library(cells: tuple[str, ...] = CELLS) -> str:
    """Liberty text in ns and fF with some cells of Nangate45, and thresholds, which some OpenSTA insist on."""
    timed = load_pdk().timed_cells()
    text = liberty_text([TimedLibrary({name: timed[name] for name in cells}, "")])
    levels = {"input_threshold": 50, "output_threshold": 50, "slew_lower_threshold": 30, "slew_upper_threshold": 70}
    lines = [f"  {name}_pct_{edge} : {level};" for name, level in levels.items() for edge in ("rise", "fall")]
    begin = '  time_unit : "1ns";\n'
    assert begin in text
    return text.replace(begin, begin + "\n".join(lines) + "\n", 1)


def split(parts: int) -> list[str]:
    """The small library as several."""
    return [small_library(CELLS[part::parts]) for part in range(parts)]


def in_units(text: str, time: tuple[float, str], capacitance: tuple[float, str]) -> str:
    """The library with all figures in other units.

    :param time: nanoseconds of the unit, and how it is stated
    :param capacitance: femtofarads of the unit, and how it is stated
    """

    def scaled(unit: float) -> object:
        def replaced(match: re.Match[str]) -> str:
            numbers = (f"{float(word) / unit:.12g}" for word in match.group(2).split(","))
            return match.group(1) + ", ".join(numbers) + match.group(3)

        return replaced

    text = re.sub(r'(index_1 \(")([^"]*)(")', scaled(time[0]), text)  # type: ignore[call-overload]
    text = re.sub(r'(^ +")([^"]*)(")', scaled(time[0]), text, flags=re.MULTILINE)  # type: ignore[call-overload]
    text = re.sub(r'(index_2 \(")([^"]*)(")', scaled(capacitance[0]), text)  # type: ignore[call-overload]
    text = re.sub(r"(capacitance : )([\d.e+-]+)(;)", scaled(capacitance[0]), text)  # type: ignore[call-overload]
    text = text.replace('time_unit : "1ns"', f"time_unit : {time[1]}")
    return text.replace("capacitive_load_unit (1, ff)", f"capacitive_load_unit ({capacitance[1]})")


def written(folder: Path, texts: Iterable[str | bytes]) -> list[Path]:
    """Files with these contents."""
    paths = []
    for number, text in enumerate(texts):
        path = folder / f"library{number}.lib"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        paths.append(path)
    return paths


def curve_on(pdk: Pdk, constraints: Constraints = CONSTRAINTS) -> AreaDelayCurve:
    """The curve of an 8-bit Sklansky adder."""
    evaluator = YosysEvaluator(pdk)
    try:
        return evaluator.evaluate(CIRCUIT, constraints)
    finally:
        evaluator.close()
