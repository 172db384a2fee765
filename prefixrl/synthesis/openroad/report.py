"""What a run of OpenROAD says, believed only where it is complete and plausible.

The PREFIXRL lines that our scripts print come first; the slack of `report_checks` checks the slack in them, and takes
its place in a build that cannot be asked for it. The exit status is not looked at: builds exist that end with 0
after an error, and others that crash while they exit after all is done.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from prefixrl.errors import PrefixrlError

# A square of a centimetre, and a microsecond: far beyond any circuit of this project.
MAXIMUM_AREA_UM2 = 1e8
MAXIMUM_DELAY_NS = 1e3

_FIGURES = re.compile(r"^PREFIXRL figures (\w+) area (\S+) slack (\S+)\s*$", re.MULTILINE)
_UNITS = re.compile(r"^PREFIXRL units (.*)$", re.MULTILINE)
_OUR_ERROR = re.compile(r"^PREFIXRL error (\w+) (.*)$", re.MULTILINE)
_STAGE = re.compile(r"^PREFIXRL stage (\w+)\s*$", re.MULTILINE)
_DONE = re.compile(r"^PREFIXRL done\s*$", re.MULTILINE)
_TOOL_ERROR = re.compile(r"^\[(?:ERROR|CRITICAL) ([A-Z]+-\d+)\] (.*)$", re.MULTILINE)
_ARRIVAL = re.compile(r"^\s*(-?[\d.]+(?:e[-+]?\d+)?)\s+data arrival time\s*$", re.MULTILINE | re.IGNORECASE)
_SLACK = re.compile(r"^\s*(-?[\d.]+(?:e[-+]?\d+)?)\s+slack \((?:MET|VIOLATED)\)\s*$", re.MULTILINE | re.IGNORECASE)
_DESIGN_AREA = re.compile(r"^Design area ([\d.]+) u(?:m)?\^2 ", re.MULTILINE)
_STAGE_AREA = re.compile(r"^STAGE area ([\d.]+)\s*$", re.MULTILINE)
_NOT_REPAIRED = re.compile(r"^\[WARNING RSZ-0062\]", re.MULTILINE)


# What a larger core mends: cells without a legal place (36 and 33 in older builds, 38 in newer), or more of them or
# of pins than fit to begin with.
_NO_ROOM = re.compile(r"\b(?:DPL-00(?:33|36|38)|GPL-0301|PPL-0024)\b")
# Of the machine and not of the circuit.
_NO_RESOURCES = re.compile(
    r"bad_alloc|out of memory|allocate memory|unable to (?:re)?alloc|no space left|too many open files", re.IGNORECASE
)


class Refused(PrefixrlError):
    """OpenROAD said in its own words why it cannot do a run; doing it again would end the same."""

    @property
    def lacks_room(self) -> bool:
        """Whether the cells or pins did not fit the core."""
        return _NO_ROOM.search(str(self)) is not None


class Unbelievable(PrefixrlError):
    """A run ended without a complete, plausible result: a crash, a machine without memory or disk, or a program that is
    not what it seems.
    """


@dataclass(frozen=True)
class RunFigures:
    """What a complete run measured.

    :param area_um2: outlines of all cells together
    :param delay_ns: the clock less the worst slack; where outputs are required at the clock, the worst arrival
    :param slack_ns: worst slack
    :param placed_area_um2: area before repair
    :param placed_delay_ns: delay after placement, before repair; None where the build cannot tell it
    :param clock_met: False where OpenROAD says that it could not repair everything (RSZ-0062)
    """

    area_um2: float
    delay_ns: float
    slack_ns: float
    placed_area_um2: float
    placed_delay_ns: float | None
    clock_met: bool


@dataclass(frozen=True)
class NativeFigures:
    """What OpenROAD's own report commands printed last; None where they did not.

    :param area_um2: from the design area line, to whole um2 in current builds
    :param arrival_ns: data arrival time of the worst path
    """

    area_um2: float | None
    arrival_ns: float | None
    slack_ns: float | None


def read_report(log: str, clock_ns: float) -> RunFigures:
    """The figures of a run.

    :param clock_ns: the clock that was asked for
    :raises Refused: OpenROAD reported an error
    :raises Unbelievable: figures are missing, not finite, or contradict one another
    """
    _check_complete(log)
    _check_units(log)
    native = read_native_report(log)
    figures = {stage: (area, slack) for stage, area, slack in _FIGURES.findall(log)}
    if not {"placed", "final"} <= set(figures):
        raise Unbelievable("OpenROAD reported no figures")
    slack = _slack(figures["final"][1], native.slack_ns)
    if slack is None:
        raise Unbelievable("OpenROAD reported no slack")
    placed_slack = _slack(figures["placed"][1], None)
    return RunFigures(
        area_um2=_area(figures["final"][0]),
        delay_ns=_delay(clock_ns, slack),
        slack_ns=slack,
        placed_area_um2=_area(figures["placed"][0]),
        placed_delay_ns=None if placed_slack is None else _delay(clock_ns, placed_slack),
        clock_met=_NOT_REPAIRED.search(log) is None,
    )


def read_native_report(log: str) -> NativeFigures:
    """Area, arrival and slack from the lines of OpenROAD's own commands alone, the last of each.

    The area is taken from our early scripts' `STAGE area` line where there is one, which has more digits.
    """
    areas = _STAGE_AREA.findall(log) or _DESIGN_AREA.findall(log)
    arrivals = _ARRIVAL.findall(log)
    slacks = _SLACK.findall(log)
    # The arrival is printed twice, the second time negated below the required time.
    arrival = abs(float(arrivals[-1])) if arrivals else None
    return NativeFigures(float(areas[-1]) if areas else None, arrival, float(slacks[-1]) if slacks else None)


def refusal(log: str) -> str | None:
    """OpenROAD's own reason for ending a run, one line; None where it gave none."""
    ours = _OUR_ERROR.search(log)
    theirs = _TOOL_ERROR.findall(log)
    if ours is None and not theirs:
        return None
    stages = _STAGE.findall(log)
    stage = ours.group(1) if ours else (stages[-1] if stages else "start")
    reason = " ".join(theirs[-1]) if theirs else (ours.group(2) if ours else "")
    return f"OpenROAD failed at step {stage}: {reason.strip()[:300] or 'no reason'}"


def _check_complete(log: str) -> None:
    reason = refusal(log)
    if _DONE.search(log) is None or _OUR_ERROR.search(log) is not None:
        if reason is not None and _NO_RESOURCES.search(reason):
            raise Unbelievable(reason)
        if reason is not None:
            raise Refused(reason)
        stages = _STAGE.findall(log)
        raise Unbelievable(f"OpenROAD ended without a result at step {stages[-1] if stages else 'start'}")


def _check_units(log: str) -> None:
    """The scripts ask what a nanosecond, a femtofarad and a kiloohm are to OpenROAD: each must be 1."""
    match = _UNITS.search(log)
    if match is None:
        return
    values = [_number(word) for word in match.group(1).split()]
    if len(values) != 3 or any(value is None or not math.isclose(value, 1.0, rel_tol=1e-4) for value in values):
        raise Unbelievable(f"OpenROAD must count in ns, fF and kOhm: {match.group(1).strip()!r}")


def _slack(word: str, native_ns: float | None) -> float | None:
    """The slack of a PREFIXRL line, or of the worst path where the build could not tell; both must agree."""
    if word == "unknown":
        return native_ns
    slack = _number(word)
    if slack is None:
        raise Unbelievable(f"a slack must be a finite number: {word!r:.80}")
    if native_ns is not None and not math.isclose(native_ns, slack, rel_tol=1e-3, abs_tol=2e-4):
        raise Unbelievable(f"the slack of {slack} ns must be that of the worst path: {native_ns} ns")
    return slack


def _area(word: str) -> float:
    area = _number(word)
    if area is None or not 0 < area < MAXIMUM_AREA_UM2:
        raise Unbelievable(f"an area must be a number of um2 above 0: {word!r:.80}")
    return area


def _delay(clock_ns: float, slack_ns: float) -> float:
    delay = clock_ns - slack_ns
    if not 0 < delay < MAXIMUM_DELAY_NS:
        raise Unbelievable(f"a delay must be a number of ns above 0: {delay:g}")
    return delay


def _number(word: str) -> float | None:
    try:
        value = float(word)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
