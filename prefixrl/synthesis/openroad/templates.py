"""The Tcl of a run: one template per step, filled in with checked names and numbers only.

The commands are those of OpenROAD builds from the middle of 2024 to August 2026. What differs between them is asked of
the build itself (`info commands`, `info body`) or tried with `catch`; what every build has is called plainly, so that
an error in it ends the run. Files lie in the folder that OpenROAD runs in, under plain names, so no path gets into Tcl.

Lines that begin with PREFIXRL are for `report`; each is written at once, for OpenROAD's own messages go to the same
stream through another buffer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from prefixrl.errors import InputError

STEPS = ("load", "floorplan", "pins", "place", "repair", "report")
SCRIPT = "run.tcl"
NETLIST = "netlist.v"
CONSTRAINTS = "constraints.sdc"
RESULT = "repaired.v"

RUN = """\
# Runs the steps of one physical evaluation, each a file beside this one.
proc prefixrl_mark {args} {
  puts "\\nPREFIXRL [join $args { }]"
  flush stdout
}

# Whether a command of this build knows an option.
proc prefixrl_knows {command option} {
  if {[info procs ::$command] eq ""} {
    return 0
  }
  return [string match "*$option*" "[info args ::$command] [info body ::$command]"]
}

# Area of all cells in um2, from their outlines.
proc prefixrl_area {} {
  set block [ord::get_db_block]
  set units [expr {double([$block getDbUnitsPerMicron])}]
  set area 0.0
  foreach instance [$block getInsts] {
    set master [$instance getMaster]
    set area [expr {$area + [$master getWidth] / $units * ([$master getHeight] / $units)}]
  }
  return $area
}

# Stage, area in um2, worst slack in ns. A build in which the slack cannot be asked for has it in report_checks.
proc prefixrl_figures {stage} {
  if {[catch {worst_slack -max} slack] && [catch {sta::time_sta_ui [sta::worst_slack_cmd max]} slack]} {
    set slack unknown
  }
  prefixrl_mark figures $stage area [format %.6f [prefixrl_area]] slack $slack
}

# No step follows one that failed, also in a program whose `exit` waits for the end of the file.
set prefixrl_failed 0
foreach prefixrl_step {@steps@} {
  if {$prefixrl_failed} {
    break
  }
  prefixrl_mark stage $prefixrl_step
  set prefixrl_channel [open $prefixrl_step.tcl]
  set prefixrl_script [read $prefixrl_channel]
  close $prefixrl_channel
  if {[catch {uplevel #0 $prefixrl_script} prefixrl_message]} {
    prefixrl_mark error $prefixrl_step [lindex [split $prefixrl_message "\\n"] 0]
    set prefixrl_failed 1
  }
}
if {!$prefixrl_failed} {
  prefixrl_mark done
}
exit $prefixrl_failed
"""

LOAD = """\
foreach file {@lefs@} {
  read_lef $file
}
foreach file {@liberties@} {
  read_liberty $file
}
read_verilog netlist.v
link_design @module@
# The units of all figures below and of the constraints, whatever those of the library.
set_cmd_units -time ns -capacitance fF -resistance kohm -distance um
catch {prefixrl_mark units [sta::time_sta_ui 1e-9] [sta::capacitance_sta_ui 1e-15] [sta::resistance_sta_ui 1e3]}
foreach cell {@dont_use@} {
  if {[catch {set_dont_use $cell} message]} {
    prefixrl_mark note set_dont_use $cell: $message
  }
}
read_sdc constraints.sdc
"""

FLOORPLAN = """\
initialize_floorplan -site @site@ -utilization @utilization@ -aspect_ratio @aspect_ratio@ -core_space @core_space@
make_tracks
"""

DATAPATH_PINS = """\
# Coordinates of the vertical tracks strictly between two others, rising. A build that does not hand out its tracks as
# a list has the pitch.
proc prefixrl_tracks {layer low high} {
  set failed [catch {lsort -integer -unique [[[ord::get_db_block] findTrackGrid $layer] getGridX]} all]
  if {$failed || [llength $all] < 2} {
    set pitch [$layer getPitch]
    set all {}
    for {set x [expr {$low + $pitch}]} {$x < $high} {incr x $pitch} {
      lappend all $x
    }
  }
  set tracks {}
  foreach x $all {
    if {$x > $low && $x < $high} {
      lappend tracks $x
    }
  }
  return $tracks
}

# Bit i beside bit i: every pin has its place along an edge, from 0 (left) to 1 (right), and takes the track there.
# Neighbours that want one track are moved on; where more pins than tracks are left, the run ends.
proc prefixrl_place_pins {edge pins} {
  set block [ord::get_db_block]
  set technology [ord::get_db_tech]
  set layer [$technology findLayer @vertical@]
  # `place_pin` divides by the manufacturing grid, which a LEF need not state.
  if {[$technology getManufacturingGrid] < 1} {
    $technology setManufacturingGrid 1
  }
  set units [expr {double([$block getDbUnitsPerMicron])}]
  set die [$block getDieArea]
  set core [$block getCoreArea]
  set tracks [prefixrl_tracks $layer [$core xMin] [$core xMax]]
  set count [llength $tracks]
  set left [expr {[llength $pins] / 2}]
  if {$left > $count} {
    error "$left pins do not fit the $count tracks of the $edge edge"
  }
  set width [$layer getWidth]
  set length [expr {4 * $width}]
  set y [expr {$edge eq "top" ? [$die yMax] - $length / 2 : [$die yMin] + $length / 2}]
  set next 0
  foreach {name place} $pins {
    incr left -1
    set slot [expr {int($place * $count)}]
    set slot [expr {$slot < $next ? $next : $slot}]
    set slot [expr {$slot > $count - 1 - $left ? $count - 1 - $left : $slot}]
    set next [expr {$slot + 1}]
    # The small addend keeps a conversion that cuts off from losing a unit.
    set x [expr {([lindex $tracks $slot] + 0.1) / $units}]
    place_pin -pin_name $name -layer @vertical@ -location [list $x [expr {($y + 0.1) / $units}]] \\
      -pin_size [list [expr {($width + 0.1) / $units}] [expr {($length + 0.1) / $units}]]
  }
}
prefixrl_place_pins top {
@top@
}
prefixrl_place_pins bottom {
@bottom@
}
"""

FREE_PINS = """\
place_pins -hor_layers @horizontal@ -ver_layers @vertical@
"""

PLACE = """\
# kOhm per um, fF per um
foreach {layer resistance capacitance} {
@layer_rc@
} {
  set_layer_rc -layer $layer -resistance $resistance -capacitance $capacitance
}
set_wire_rc -signal @signal_wires@
# Older builds end with GPL-0302 where newer ones raise a density that is too low.
if {[catch {gpl::get_global_placement_uniform_density} uniform]} {
  set core [[ord::get_db_block] getCoreArea]
  set units [expr {double([[ord::get_db_block] getDbUnitsPerMicron])}]
  set core_area [expr {([$core xMax] - [$core xMin]) / $units * (([$core yMax] - [$core yMin]) / $units)}]
  set uniform [expr {1.1 * [prefixrl_area] / $core_area}]
}
set density [expr {$uniform + 0.02 > @density@ ? $uniform + 0.02 : @density@}]
set density [expr {$density > 1.0 ? 1.0 : $density}]
prefixrl_mark note density [format %.4f $density]
global_placement -density $density
estimate_parasitics -placement
prefixrl_figures placed
"""

REPAIR = """\
repair_design
set options {-setup}
if {@skip_last_gasp@ && [prefixrl_knows repair_timing -skip_last_gasp]} {
  lappend options -skip_last_gasp
}
# RSZ-0025 says that the core is full: what was repaired until then stands.
if {[catch {repair_timing {*}$options} message]} {
  prefixrl_mark note repair_timing $message
  if {![string match *RSZ-0025* $message]} {
    error $message
  }
}
detailed_placement
# Builds of 2026 only warn of cells that still overlap (DPL-0701); their older legalizer may find places for them.
if {[catch {check_placement} message]} {
  prefixrl_mark note check_placement $message
  if {[prefixrl_knows detailed_placement -use_diamond_legalizer]} {
    detailed_placement -use_diamond_legalizer
  }
  check_placement
}
estimate_parasitics -placement
"""

REPORT = """\
catch {report_worst_slack -max}
catch {report_design_area}
report_checks -path_delay max -digits 6
write_verilog repaired.v
prefixrl_figures final
"""

_FIELD = re.compile(r"@([a-z_]+)@")
# What may stand in Tcl without quotes: names, shell patterns, numbers, bus bits, and lists of these.
_PLAIN = re.compile(r"[A-Za-z0-9_.*?+\- {}\n]*")
_BUS_BIT = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]*\[[0-9]+\]\}")


def fill(template: str, values: Mapping[str, str]) -> str:
    """A template with its `@fields@` replaced.

    :raises InputError: a value that could be more than names and numbers
    """

    def value(match: re.Match[str]) -> str:
        text = values[match.group(1)]
        if _PLAIN.fullmatch(_BUS_BIT.sub("", text)) is None:
            raise InputError(f"a name that goes into a script must be letters, digits, '_', '.' and '-': {text!r:.200}")
        return text

    return _FIELD.sub(value, template)
