# Makes a real OpenSTA stand in for OpenROAD: the timer, the constraints and the netlist writer are real (OpenROAD's are
# OpenSTA's); what needs a layout does nothing, or enlarges one real cell.
proc read_lef {file} {
  set channel [open $file]; set text [read $channel]; close $channel
  set name {}
  foreach line [split $text \n] {
    regexp {^MACRO\s+(\S+)\s*$} $line - name
    if {[regexp {^\s*SIZE\s+(\S+)\s+BY\s+(\S+)} $line - w h]} { set ::size($name) [list $w $h] }
  }
}
foreach name {set_dont_use initialize_floorplan make_tracks place_pin place_pins set_layer_rc global_placement
    estimate_parasitics repair_design detailed_placement check_placement report_design_area} {
  proc $name {args} {}
}
proc set_wire_rc {args} { catch {set_wire_load_mode top} }
proc repair_timing {args} {
  foreach cell [get_cells *] {
    if {[get_property $cell ref_name] eq "NAND2_X1"} {
      replace_cell $cell [get_lib_cells */NAND2_X2]
      return 1
    }
  }
}
namespace eval ord {
  proc get_db_block {} { return block }
  proc get_db_tech {} { return technology }
}
proc block {what args} {
  switch $what {
    getDbUnitsPerMicron { return 2000 }
    getInsts {
      set all {}
      foreach cell [get_cells *] { lappend all [cell_object [get_property $cell ref_name]] }
      return $all
    }
    findTrackGrid { return grid }
    default { return rectangle }
  }
}
proc dbu {um} { expr {round($um * 2000)} }
proc rectangle {side} { dbu [expr {$side in {xMax yMax} ? 40 : 0}] }
proc technology {what args} { return [expr {$what eq "findLayer" ? "layer" : 5}] }
proc layer {what} { dbu 0.07 }
proc grid {what} { set xs {}; for {set x 190} {$x < 80000} {incr x 380} { lappend xs $x }; return $xs }
# The database's objects are commands: one for all instances of a cell, one for the cell.
proc cell_object {cell} {
  proc instance_$cell {what} [list return master_$cell]
  proc master_$cell {what} "dbu \[lindex {$::size($cell)} \[dict get {getWidth 0 getHeight 1} \$what\]\]"
  return instance_$cell
}
