"""Names that go into Verilog, BLIF and tool scripts: checked before they are written anywhere."""

from __future__ import annotations

import re

from prefixrl.errors import InputError

_SIMPLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_MAX_LENGTH = 1024

# Reserved words: IEEE 1364-2005 annex B and IEEE 1800-2017 annex B.
_VERILOG = """
always and assign automatic begin buf bufif0 bufif1 case casex casez cell cmos config deassign default defparam design
disable edge else end endcase endconfig endfunction endgenerate endmodule endprimitive endspecify endtable endtask
event for force forever fork function generate genvar highz0 highz1 if ifnone incdir include initial inout input
instance integer join large liblist library localparam macromodule medium module nand negedge nmos nor noshowcancelled
not notif0 notif1 or output parameter pmos posedge primitive pull0 pull1 pulldown pullup pulsestyle_onevent
pulsestyle_ondetect rcmos real realtime reg release repeat rnmos rpmos rtran rtranif0 rtranif1 scalared showcancelled
signed small specify specparam strong0 strong1 supply0 supply1 table task time tran tranif0 tranif1 tri tri0 tri1
triand trior trireg unsigned use uwire vectored wait wand weak0 weak1 while wire wor xnor xor
"""
_SYSTEM_VERILOG = """
accept_on alias always_comb always_ff always_latch assert assume before bind bins binsof bit break byte chandle
checker class clocking const constraint context continue cover covergroup coverpoint cross dist do endchecker endclass
endclocking endgroup endinterface endpackage endprogram endproperty endsequence enum eventually expect export extends
extern final first_match foreach forkjoin global iff ignore_bins illegal_bins implements implies import inside int
interconnect interface intersect join_any join_none let local logic longint matches modport nettype new nexttime null
package packed priority program property protected pure rand randc randcase randsequence ref reject_on restrict return
s_always s_eventually s_nexttime s_until s_until_with sequence shortint shortreal soft solve static string strong
struct super sync_accept_on sync_reject_on tagged this throughout timeprecision timeunit type typedef union unique
unique0 until until_with untyped var virtual void wait_order weak wildcard with within
"""
# Reserved words: IEEE 1076-2008, 15.10.
_VHDL = """
abs access after alias all and architecture array assert assume assume_guarantee attribute begin block body buffer bus
case component configuration constant context cover default disconnect downto else elsif end entity exit fairness file
for force function generate generic group guarded if impure in inertial inout is label library linkage literal loop map
mod nand new next nor not null of on open or others out package parameter port postponed procedure process property
protected pure range record register reject release rem report restrict restrict_guarantee return rol ror select
sequence severity shared signal sla sll sra srl strong subtype then to transport type unaffected units until use
variable vmode vprop vunit wait when while with xnor xor
"""
VHDL_WORDS = frozenset(_VHDL.split())
RESERVED_WORDS = frozenset(f"{_VERILOG} {_SYSTEM_VERILOG}".split())


def is_identifier(name: str) -> bool:
    """Whether a name is letters, digits and underscores, starts with no digit, and is no (System)Verilog keyword."""
    return _SIMPLE.match(name) is not None and len(name) <= _MAX_LENGTH and name not in RESERVED_WORDS


def check_identifier(name: str) -> str:
    """Return a module name that every tool takes as it is.

    :raises InputError: anything but letters, digits and underscores, a leading digit, or a keyword of Verilog or
        SystemVerilog
    """
    if name in RESERVED_WORDS:
        raise InputError(f"a module name must not be a Verilog or SystemVerilog keyword: {name!r}")
    if not is_identifier(name):
        raise InputError(f"a module name must be letters, digits and underscores, not starting with a digit: {name!r}")
    return name


def check_vhdl_identifier(name: str) -> str:
    """Return a name that is an identifier of Verilog and of VHDL, where case does not count.

    :raises InputError: as `check_identifier`; or a keyword of VHDL, an underscore at an end, or two in a row
    """
    check_identifier(name)
    if name.lower() in VHDL_WORDS:
        raise InputError(f"an entity name must not be a VHDL keyword: {name!r}")
    if name.startswith("_") or name.endswith("_") or "__" in name:
        raise InputError(f"an entity name must have no underscore at an end and no two in a row: {name!r}")
    return name
