"""Sign-off timing: OpenSTA, kept alive with the library read once, times one mapped netlist after another.

What it reads is exactly `Constraints.to_sdc`, in ns and fF. OpenSTA's exit status and silence prove nothing (it answers
an endless slack for a damaged library and links unknown cells as empty boxes), so the netlist is checked before it goes
in, names included, every output's figure is asked for one by one, and what comes back must agree with itself.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass

from prefixrl.circuits import Circuit
from prefixrl.circuits.cells import Cell, CellLibrary
from prefixrl.circuits.identifiers import check_identifier, is_identifier
from prefixrl.circuits.netlist import Gate, Netlist
from prefixrl.errors import InputError, ToolError
from prefixrl.synthesis.constraints import Constraints
from prefixrl.synthesis.curve import CurvePoint
from prefixrl.synthesis.evaluator import Evaluator
from prefixrl.synthesis.liberty import read_liberty_text
from prefixrl.synthesis.pdk import Pdk
from prefixrl.tools import ScratchFile, StaSession, require_tool

VERSION = 1
"""Rises whenever a figure could change (script, parsing, definition of the delay)."""

TIMEOUT_S = 60.0
# Far above any circuit of this project; OpenSTA answers 1e30 and 1e39 where it knows nothing.
MAXIMUM_DELAY_NS = 1000.0
# Any period does: the delay is the period less the slack.
_PERIOD_NS = 1.0
# Slacks come with 6 decimals or 7 digits, from single precision.
_AGREEMENT_NS = 3e-6
_AGREEMENT = 1e-6

_DEFAULT_WIRE_LOAD = re.compile(
    r"\bdefault_wire_load(?:_selection)?[ \t]*(?::[^;\n{}]*;?|\([^()\n]*\)[ \t]*;?)"  # attribute in either form
)
_TROUBLE = re.compile(r"^.*(?:\berror\b|black box|not found|not defined).*$", re.IGNORECASE | re.MULTILINE)
_END = re.compile(r"^@end (\S+) (\S+) (\S+)$", re.MULTILINE)
_CELLS = re.compile(r"^@cells (\d+)$", re.MULTILINE)
_PATH = re.compile(r"^@path\n(.*)^@done$", re.MULTILINE | re.DOTALL)
_REPORTED_ARRIVAL = re.compile(r"^\s*(-?\d+\.\d+)\s+data arrival time$", re.MULTILINE)
_REPORTED_SLACK = re.compile(r"^\s*(-?\d+\.\d+)\s+slack \((?:MET|VIOLATED)\)$", re.MULTILINE)

# OpenSTA 2.6 renamed -group_count and 2.4 or so made the variable about black boxes an option.
_PROCEDURES = """
proc prefixrl_link {module} {
  if {[info exists ::link_make_black_boxes]} {
    set ::link_make_black_boxes 0
    link_design $module
  } else {
    link_design -no_black_boxes $module
  }
}
proc prefixrl_paths {count} {
  if {[string match *-group_path_count* [info body ::sta::find_timing_paths_cmd]]} {
    return [find_timing_paths -path_delay max -group_path_count $count]
  }
  return [find_timing_paths -path_delay max -group_count $count]
}
"""

_REPORT = """
puts "@cells [llength [get_cells *]]"
foreach end [prefixrl_paths %d] {
  set last [lindex [get_property $end points] end]
  puts "@end [get_full_name [get_property $last pin]] [get_property $end slack] [get_property $last arrival]"
}
with_output_to_variable prefixrl_text {report_checks -path_delay max -digits 6 -fields {slew cap}}
puts "@path"
puts $prefixrl_text
puts "@done"
"""


@dataclass(frozen=True)
class SignoffTiming:
    """What OpenSTA says of a netlist under constraints.

    :param delay_ns: the shortest clock period that the netlist meets: the worst, over all outputs, of arrival and
        output delay; with all outputs required at the clock edge it is the worst arrival
    :param slack_ns: worst slack at a clock period of 1 ns
    :param arrival_ns: arrival at the output of the worst slack
    :param output: the output bit of the worst slack
    :param path: OpenSTA's own report of the path there, for people
    """

    delay_ns: float
    slack_ns: float
    arrival_ns: float
    output: str
    path: str


@dataclass(frozen=True)
class SignedPoint:
    """A point of an area-delay curve beside what OpenSTA says of its netlist.

    :param point: as the evaluator reported it
    :param timing: OpenSTA's word
    """

    point: CurvePoint
    timing: SignoffTiming

    @property
    def error_percent(self) -> float:
        """By how much the reported delay is above (positive) or below OpenSTA's."""
        return 100.0 * (self.point.delay_ns / self.timing.delay_ns - 1.0)


class SignoffTimer:
    """Times netlists by a kept-alive OpenSTA; a few ms each. Wires have no capacitance and no resistance.

    :param pdk: its timing library, without the default wire load that OpenSTA would apply by itself
    :raises ToolMissing: this machine has no OpenSTA
    :raises InputError: the library cannot be read or mapped to
    """

    name = "opensta"

    def __init__(self, pdk: Pdk, timeout_s: float = TIMEOUT_S) -> None:
        self.pdk = pdk
        self._library = pdk.library()
        self._lock = threading.Lock()
        # By descriptors: a path may hold what Tcl would run, and may be gzip'd.
        self._libraries = [ScratchFile(without_default_wire_load(read_liberty_text(path))) for path in pdk.liberty]
        self._netlist = ScratchFile()
        self.session = StaSession(
            [_setup(self._libraries, pdk), _PROCEDURES],
            timeout_s=timeout_s,
            pass_fds=[file.descriptor for file in (*self._libraries, self._netlist)],
        )

    @property
    def version(self) -> str:
        """Own version and OpenSTA's."""
        return f"{VERSION}, OpenSTA {require_tool('sta').version}"

    def time(self, netlist: Netlist, circuit: Circuit, constraints: Constraints) -> SignoffTiming:
        """Time a netlist.

        :param circuit: what the netlist implements; the constraints refer to its ports
        :raises InputError: the netlist is none of this library (see `Netlist.check`), has names that are no
            identifiers or not the circuit's ports, or the library lacks the driving cell
        :raises ToolError: OpenSTA refused, died, hung, or reported what cannot be
        """
        timed_outputs = _checked(netlist, circuit, self._library)
        if constraints.driving_cell not in self._library:
            raise InputError(f"the driving cell must be a cell of {self.pdk.name}: {constraints.driving_cell!r}")
        with self._lock:
            output = self._run(netlist, constraints.to_sdc(circuit, _PERIOD_NS))
        return self._parsed(output, netlist, timed_outputs)

    def sign(
        self, evaluator: Evaluator, circuit: Circuit, constraints: Constraints, points: Iterable[CurvePoint]
    ) -> tuple[SignedPoint, ...]:
        """Make the netlists behind points of a curve again and time them.

        :param evaluator: the one that made the points, over the same PDK
        :raises EvaluationFailed: the evaluator has no netlists, or a point is not of this circuit and evaluator
        :raises ToolError: as `time`
        """
        signed = []
        for point in points:
            netlist = evaluator.realize(circuit, constraints, point, circuit.default_module)
            signed.append(SignedPoint(point, self.time(netlist, circuit, constraints)))
        return tuple(signed)

    def _run(self, netlist: Netlist, constraints: str) -> str:
        self.session.refresh()
        self._netlist.write(netlist.to_verilog())
        read = f"read_verilog {self._netlist.path}\nprefixrl_link {netlist.module}\n"
        return self.session.command(read + constraints + _REPORT % (len(netlist.output_nets) + 1))

    def _parsed(self, output: str, netlist: Netlist, timed_outputs: frozenset[str]) -> SignoffTiming:
        """The figures, where all of them are there, can be, and agree."""
        trouble = _TROUBLE.search(output)
        if trouble is not None:
            raise self._implausible(f"trouble: {trouble.group().strip()}", output)
        cells = _CELLS.findall(output)
        if cells != [str(len(netlist.gates))]:
            found = ", ".join(cells) or "no number of"
            raise self._implausible(f"{found} cells of a netlist of {len(netlist.gates)}", output)
        ends = {name: self._figures(slack, arrival, output) for name, slack, arrival in _END.findall(output)}
        if ends.keys() != timed_outputs:
            odd = min(ends.keys() ^ timed_outputs)
            raise self._implausible(
                f"{len(ends)} outputs where {len(timed_outputs)} depend on inputs, odd: {odd}", output
            )
        if not ends:
            return SignoffTiming(0.0, _PERIOD_NS, 0.0, "", "")
        worst = min(ends, key=lambda name: ends[name])
        slack_ns, arrival_ns = ends[worst]
        path = self._path(output, slack_ns, arrival_ns)
        return SignoffTiming(round(_PERIOD_NS - slack_ns, 6), slack_ns, arrival_ns, worst, path)

    def _figures(self, slack: str, arrival: str, output: str) -> tuple[float, float]:
        """Slack and arrival of one output, in ns."""
        try:
            slack_ns, arrival_ns = float(slack), float(arrival)
        except ValueError:
            raise self._implausible(f"a slack of {slack!r} and an arrival of {arrival!r}", output) from None
        # `not <=` refuses NaN, too.
        if not (abs(slack_ns) <= MAXIMUM_DELAY_NS and 0 < arrival_ns <= MAXIMUM_DELAY_NS):
            raise self._implausible(f"a slack of {slack} ns and an arrival of {arrival} ns", output)
        return slack_ns, arrival_ns

    def _path(self, output: str, slack_ns: float, arrival_ns: float) -> str:
        """The report of the worst path, which must tell the same slack and arrival."""
        match = _PATH.search(output)
        path = match.group(1).strip("\n") if match is not None else ""
        slacks = [float(figure) for figure in _REPORTED_SLACK.findall(path)]
        # The arrival comes twice, the second time negated below the required time.
        arrivals = [abs(float(figure)) for figure in _REPORTED_ARRIVAL.findall(path)]
        if len(slacks) != 1 or not arrivals:
            raise self._implausible("no path", output)
        for what, figures, expected in (("slack", slacks, slack_ns), ("arrival", arrivals, arrival_ns)):
            for figure in figures:
                if not math.isclose(figure, expected, rel_tol=_AGREEMENT, abs_tol=_AGREEMENT_NS):
                    raise self._implausible(f"a path of {what} {figure} ns where it is {expected} ns", output)
        return path

    def _implausible(self, reason: str, output: str) -> ToolError:
        return ToolError(f"OpenSTA reported {reason}", command=self.session.argv, tail=output[-2000:])

    def close(self) -> None:
        """End OpenSTA."""
        self.session.discard()
        for file in (*self._libraries, self._netlist):
            file.close()

    def __enter__(self) -> SignoffTimer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def without_default_wire_load(liberty: str) -> str:
    """A Liberty text without its default wire load, which OpenSTA applies unasked and other timers do not.

    Lines keep their numbers.
    """
    return _DEFAULT_WIRE_LOAD.sub("", liberty)


def _setup(libraries: list[ScratchFile], pdk: Pdk) -> str:
    """The script that reads the libraries; OpenSTA skips what it cannot read, so the cells are counted."""
    cells = sum(len(library.cells) for library in pdk.liberty_libraries())
    return "\n".join(
        [
            *(f"read_liberty {file.path}" for file in libraries),
            "set_cmd_units -time ns -capacitance fF",
            "set prefixrl_cells [llength [get_lib_cells */*]]",
            f'if {{$prefixrl_cells != {cells}}} {{error "$prefixrl_cells of {cells} cells could be read"}}',
        ]
    )


def _checked(netlist: Netlist, circuit: Circuit, library: CellLibrary) -> frozenset[str]:
    """The outputs that depend on an input.

    :raises InputError: the netlist makes no sense, or a name in it is not what a tool script can take
    """
    if (netlist.inputs, netlist.outputs) != (circuit.inputs, circuit.outputs):
        raise InputError(f"a netlist must have the ports of its circuit ({circuit.kind}): {netlist.module!r}")
    check_identifier(netlist.module)
    ports = {*netlist.input_nets, *netlist.output_nets}
    odd = next(
        (gate.output for gate in netlist.gates if gate.output not in ports and not is_identifier(gate.output)), None
    )
    if odd is not None:
        raise InputError(f"a net must be named by letters, digits and '_', and by no keyword: {odd!r}")
    constants: dict[str, int] = {}
    for gate in netlist.check(library):
        value = _constant(gate, library[gate.cell], constants)
        if value is not None:
            constants[gate.output] = value
    return frozenset(net for net in netlist.output_nets if net not in constants)


def _constant(gate: Gate, cell: Cell, constants: dict[str, int]) -> int | None:
    """What a gate's output always is, given the nets that are constant; None where it can be either."""
    nets = dict(gate.inputs)
    known = [(bit, constants[nets[pin]]) for bit, pin in enumerate(cell.inputs) if nets[pin] in constants]
    if not known and cell.inputs:
        return None
    rows = [row for row in range(1 << len(cell.inputs)) if all(row >> bit & 1 == value for bit, value in known)]
    values = {cell.truth_table >> row & 1 for row in rows}
    return values.pop() if len(values) == 1 else None
