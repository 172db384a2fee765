# Stands in for OpenROAD's commands under tclsh, so that the generated scripts really run. It is strict about options:
# what a build does not have is an error. `prefixrl_build` is "new" (August 2026) or "old" (middle of 2024);
# `prefixrl_fault` names what goes wrong. Every call is printed as a CALL line.
proc call {args} { puts "CALL $args" }
proc utl_error {code text} { puts "\[ERROR $code\] $text"; error $code }

# Checks options as OpenROAD does: keys take a value, flags none.
proc options {command words keys flags} {
  set values {}
  for {set i 0} {$i < [llength $words]} {incr i} {
    set word [lindex $words $i]
    if {$word in $keys} {
      incr i
      if {$i >= [llength $words]} { utl_error STA-0404 "$command $word missing value." }
      dict set values $word [lindex $words $i]
    } elseif {$word in $flags} {
      dict set values $word 1
    } elseif {[string match -* $word] && ![string is double $word]} {
      utl_error STA-0405 "$command $word is not a known keyword or flag."
    } else {
      dict set values _ $word
    }
  }
  return $values
}

set state(cells) {}
set state(pins) {}
proc read_lef {file} {
  call read_lef $file
  set name {}
  set channel [open $file]; set text [read $channel]; close $channel
  foreach line [split $text \n] {
    regexp {^MACRO\s+(\S+)\s*$} $line - name
    if {[regexp {^\s*SIZE\s+(\S+)\s+BY\s+(\S+)} $line - w h]} { set ::size($name) [list $w $h] }
  }
}
proc read_liberty {file} { call read_liberty $file; close [open $file] }
proc read_verilog {file} {
  call read_verilog $file
  set channel [open $file]; set ::netlist [read $channel]; close $channel
  set ::state(cells) {}
  foreach {- cell} [regexp -all -inline -line {^\s+([A-Z]\w*) \w+ \(\.} $::netlist] { lappend ::state(cells) $cell }
}
proc link_design {module} {
  call link_design $module
  if {![regexp "module $module\\M" $::netlist]} { utl_error ORD-2013 "failed to link $module" }
}
proc set_cmd_units {args} {
  call set_cmd_units {*}$args
  options set_cmd_units $args {-time -capacitance -resistance -distance -voltage -current -power} {}
}
namespace eval sta {
  proc time_sta_ui {x} { expr {$x * 1e9} }
  proc capacitance_sta_ui {x} { expr {$x * ($::prefixrl_fault eq "units" ? 1e12 : 1e15)} }
  proc resistance_sta_ui {x} { expr {$x * 1e-3} }
  if {$prefixrl_build eq "old"} { proc worst_slack_cmd {minmax} { expr {$::state(slack) * 1e-9} } }
}
proc set_dont_use {cells} { call set_dont_use $cells; if {$cells eq "TAPCELL_X1"} { puts "\[WARNING STA-0122\] cell 'TAPCELL_X1' not found." } }
proc create_clock {args} {
  call create_clock {*}$args
  set ::state(period) [dict get [options create_clock $args {-name -period} {}] -period]
}
proc all_inputs {args} { options all_inputs $args {} {-no_clocks}; return inputs }
proc all_outputs {} { return outputs }
proc get_ports {name} { return $name }
foreach name {set_input_delay set_output_delay set_driving_cell set_load} {
  proc $name {args} "call $name {*}\$args"
}
proc read_sdc {file} { call read_sdc $file; uplevel #0 [list source $file] }
proc initialize_floorplan {args} {
  call initialize_floorplan {*}$args
  set o [options initialize_floorplan $args {-site -utilization -aspect_ratio -core_space} {}]
  set core [expr {[total] / [dict get $o -utilization] * 100}]
  set width [expr {sqrt($core / [dict get $o -aspect_ratio])}]
  set space [dict get $o -core_space]
  set ::state(core) [list $space $space [expr {$space + $width}] [expr {$space + $core / $width}]]
  set ::state(die) [list 0 0 [expr {2 * $space + $width}] [expr {2 * $space + $core / $width}]]
}
proc make_tracks {args} { call make_tracks {*}$args }
proc total {} { set a 0.0; foreach c $::state(cells) { lassign $::size($c) w h; set a [expr {$a + $w * $h}] }; return $a }

# The database, as objects that are commands; 2000 units per um.
proc dbu {um} { expr {round($um * 2000)} }
namespace eval ord {
  proc get_db_block {} { return block }
  proc get_db_tech {} { return technology }
}
proc block {what args} {
  switch $what {
    getDbUnitsPerMicron { return 2000 }
    getDieArea { return {rectangle die} }
    getCoreArea { return {rectangle core} }
    findTrackGrid { return grid }
    getInsts { return [lmap c $::state(cells) { list instance $c }] }
    default { error "block $what" }
  }
}
proc rectangle {which side} { dbu [lindex $::state($which) [dict get {xMin 0 yMin 1 xMax 2 yMax 3} $side]] }
proc instance {cell what} { return [list master $cell] }
proc master {cell what} { dbu [lindex $::size($cell) [dict get {getWidth 0 getHeight 1} $what]] }
# The grid is not stated, as in some LEF files; `place_pin` would then divide by 0.
set state(grid) 0
proc technology {what args} {
  switch $what {
    findLayer { return [list layer [lindex $args 0]] }
    getManufacturingGrid { return $::state(grid) }
    setManufacturingGrid { set ::state(grid) [lindex $args 0] }
    default { error "technology $what" }
  }
}
proc layer {name what} { dbu [expr {$what eq "getPitch" ? 0.19 : 0.07}] }
proc grid {what} {
  if {$::prefixrl_fault eq "tracks"} { return _e0f1_p_std__vectorT_int_t }
  set xs {}
  for {set x 190} {$x < [dbu [lindex $::state(die) 2]]} {incr x 380} { lappend xs $x }
  return $xs
}
# `[block getDieArea]` gives a list such as {rectangle die}, which is called as one command.
proc unknown {name args} {
  if {[llength $name] > 1} { return [uplevel 1 [concat $name $args]] }
  return -code error "invalid command name \"$name\""
}

proc place_pin {args} {
  set o [options place_pin $args {-pin_name -layer -location -pin_size} {-force_to_die_boundary -placed_status}]
  foreach pair [list [dict get $o -location] [dict get $o -pin_size]] {
    if {[llength $pair] != 2} { utl_error PPL-0068 "-location is not a list of 2 values." }
  }
  if {$::state(grid) % $::state(grid)} { error "the manufacturing grid" }
  if {$::prefixrl_fault eq "pins"} { utl_error PPL-0034 "Pin has dimension less than the min width." }
  puts "PIN [dict get $o -pin_name] [dict get $o -location] [dict get $o -pin_size]"
}
proc place_pins {args} {
  call place_pins {*}$args
  options place_pins $args {-hor_layers -ver_layers -random_seed -corner_avoidance -min_distance} {-random -annealing}
}
proc set_layer_rc {args} { call set_layer_rc {*}$args; options set_layer_rc $args {-layer -resistance -capacitance} {} }
proc set_wire_rc {args} { call set_wire_rc {*}$args; options set_wire_rc $args {-layer -resistance -capacitance} {-signal -clock} }
if {$prefixrl_fault ne "density"} {
  namespace eval gpl { proc get_global_placement_uniform_density {args} { return 0.61 } }
}
proc global_placement {args} {
  call global_placement {*}$args
  options global_placement $args {-density} {-skip_io}
}
proc estimate_parasitics {args} {
  call estimate_parasitics {*}$args
  options estimate_parasitics $args {-spef_file} {-placement}
  set ::state(slack) [expr {$::state(period) - 0.5}]
}
if {$prefixrl_build eq "new"} {
  proc worst_slack {args} { options worst_slack $args {-scene} {-min -max}; return $::state(slack) }
  proc repair_timing {args} {
    call repair_timing {*}$args
    options repair_timing $args {-setup_margin} {-setup -hold -skip_last_gasp}
    repaired
  }
} else {
  proc repair_timing {args} {
    call repair_timing {*}$args
    options repair_timing $args {-setup_margin} {-setup -hold}
    repaired
  }
}
proc repaired {} {
  if {$::prefixrl_fault eq "full"} { utl_error RSZ-0025 "max utilization reached." }
  if {$::prefixrl_fault eq "repair"} { utl_error RSZ-9999 "something else." }
  set ::netlist [regsub {NAND2_X1} $::netlist NAND2_X2]
  set place [lsearch $::state(cells) NAND2_X1]
  if {$place >= 0} { lset ::state(cells) $place NAND2_X2 }
  return 1
}
proc repair_design {args} { call repair_design {*}$args }
if {$prefixrl_build eq "new"} {
  proc detailed_placement {args} { legalize $args {-use_diamond_legalizer} }
} else {
  proc detailed_placement {args} { legalize $args {} }
}
proc legalize {words flags} {
  call detailed_placement {*}$words
  options detailed_placement $words {-max_displacement} $flags
  if {$::prefixrl_fault eq "overfull"} { utl_error DPL-0038 "Utilization greater than 100%, impossible to legalize" }
  set ::state(legal) [expr {$::prefixrl_fault ne "never legal" && ($words ne "" || $::prefixrl_fault ne "illegal")}]
  if {!$::state(legal)} {
    puts "\[WARNING DPL-0701\] NegotiationLegalizer did not fully converge. Violations remain: 3"
  }
}
proc check_placement {args} {
  call check_placement {*}$args
  options check_placement $args {} {-verbose}
  if {!$::state(legal)} { utl_error DPL-0033 "detailed placement checks failed during check placement." }
}
proc report_worst_slack {args} { puts "worst slack max [format %.2f $::state(slack)]" }
proc report_design_area {} { puts "Design area [format %.0f [total]] um^2 45% utilization." }
proc report_checks {args} {
  options report_checks $args {-path_delay -digits} {}
  puts [format "%14.6f   data arrival time" [expr {$::state(period) - $::state(slack)}]]
  puts [format "%14.6f   data arrival time" [expr {$::state(slack) - $::state(period)}]]
  puts [format "%14.6f   slack (%s)" $::state(slack) [expr {$::state(slack) < 0 ? "VIOLATED" : "MET"}]]
}
proc write_verilog {file} { call write_verilog $file; set c [open $file w]; puts -nonewline $c $::netlist; close $c }
