"""A program that passes for OpenROAD: it checks how it is called, replays the real logs with fitting figures, and
writes the netlist that it was given with some cells enlarged and a buffer more. It can be told to go wrong.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

DATA = Path(__file__).parent / "data" / "openroad"

_PROGRAM = r"""
import json, os, re, signal, sys, time
from pathlib import Path

scenario = json.loads(Path(__file__).with_name("scenario.json").read_text())
data, fault = Path(scenario["data"]), scenario["fault"]
if sys.argv[1:] == ["-version"]:
    print(scenario["version"])
    sys.exit(0)
if sys.argv[1:] != ["-exit", "-no_splash", "-no_init", "-threads", "1", "run.tcl"]:
    sys.exit("stand-in: called as " + " ".join(sys.argv))
order = re.search(r"foreach prefixrl_step \{(.*?)\}", Path("run.tcl").read_text()).group(1).split()
steps = {step: Path(step + ".tcl").read_text() for step in order}
load = steps["load"]
for name in re.findall(r"\w+\.(?:lef|lib)\b", load):
    Path(name).read_bytes()
clock = float(re.search(r"create_clock .*-period (\S+)", Path("constraints.sdc").read_text()).group(1))
Path(__file__).with_name("called").open("a").write(f"{clock:g}\n")
if clock >= scenario["faulty_below_ns"]:
    fault = ""

if fault == "hang":
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)
if fault == "no memory":
    print("PREFIXRL stage load\nPREFIXRL stage place\nPREFIXRL error place std::bad_alloc")
    sys.exit(1)
if fault == "silence":
    sys.exit(0)
if fault == "garbage":
    sys.stdout.buffer.write(os.urandom(100_000))
    sys.exit(0)
if fault == "endless":
    while True:
        print("x" * 1_000_000)
if fault == "crash" or (fault == "crash once" and clock < 1 and not Path(__file__).with_name("crashed").exists()):
    Path(__file__).with_name("crashed").touch()
    print("PREFIXRL stage load\nPREFIXRL stage place", flush=True)
    os.kill(os.getpid(), signal.SIGSEGV)

# What the real build made of a 32-bit Sklansky adder.
table = scenario["table"]
row = min(table, key=lambda row: abs(row[0] - min(clock, table[-1][0])))
delay, growth = row[2], row[1] / table[-1][1]

sizes = {}
for lef in Path(".").glob("*.lef"):
    cell = ""
    for line in lef.read_text().splitlines():
        if found := re.match(r"MACRO\s+(\S+)", line):
            cell = found.group(1)
        elif found := re.match(r"\s*SIZE\s+(\S+)\s+BY\s+(\S+)", line):
            sizes[cell] = float(found.group(1)) * float(found.group(2))
text = Path("netlist.v").read_text()
def area(text):
    return sum(sizes[cell] for cell in re.findall(r"^\s+([A-Z]\w*) \S+\s+\(", text, re.MULTILINE))
before = area(text)
for cell in re.findall(r"[A-Z0-9]+_X1", text):
    if area(text) >= before * growth:
        break
    text = text.replace(cell + " ", cell[:-1] + "2 ", 1)
text = re.sub(r"\.ZN\((\S+?)\)\);", r".ZN(net1));\n BUF_X1 \\max_cap1  (.A(net1),\n    .Z(\1));", text, count=1)
text = text.replace(";\n  wire ", ";\n wire net1;\n  wire ", 1)
if fault == "function":
    text = text.replace("NAND2_X1 ", "NOR2_X1 ", 1)
if fault == "ports":
    text = text.replace("cout", "carry")
if fault == "cell":
    text = text.replace("NAND2_X1 ", "EVIL_X1 ", 1)
if fault == "cut":
    text = text[: len(text) // 2]

def mark(*words):
    print("\nPREFIXRL", *words, flush=True)
def say(lines, marks):
    for line in lines:
        for beginning, replacement in marks:
            if line.startswith(beginning):
                replacement()
                break
        else:
            if "data arrival time" in line:
                line = f"{-delay if line.lstrip().startswith('-') else delay:18.6f}   data arrival time"
            elif "slack (" in line:
                line = f"{clock - delay:18.6f}   slack ({'MET' if delay <= clock else 'VIOLATED'})"
            print(line)

slack = {"nan": "nan", "inf": "1e+30", "lie": str(clock - delay - 0.1), "unknown": "unknown"}.get(fault, clock - delay)
final = {"no area": 0.0, "area": area(text) * 2, "nan area": float("nan")}.get(fault, area(text))
for step in ("load", "floorplan", "pins", "place"):
    mark("stage", step)
    if step == "load":
        mark("units", "1.0", "1.0", "1.0")
def repair_begins():
    mark("figures placed area", f"{before:.6f} slack {clock - 0.55}")
    mark("stage repair")
placed = ("STAGE placed", repair_begins)
utilization = float(re.search(r"-utilization (\S+)", steps["floorplan"]).group(1))
if clock < scenario["overfull_below_ns"] and utilization > scenario["overfull_above_percent"]:
    lines = (data / "brentkung32-0.31-overfull.log").read_text().splitlines()[:-1]
    say(lines, [placed])
    if not scenario["quiet_error"]:
        mark("error repair DPL-0038")
    sys.exit(scenario["error_status"])
log = "sklansky32-1.0" if clock > 0.5 else "sklansky32-0.40" if delay <= clock else "sklansky32-0.31"
lines = (data / f"{log}.log").read_text().splitlines()
end = lambda: mark("figures final area", f"{final:.6f} slack {slack}")
say(lines, [placed, ("STAGE area", lambda: mark("stage report")), ("STAGE final", end)])
if fault != "no netlist":
    Path("repaired.v").write_bytes(text.encode("utf-16") if fault == "utf-16" else text.encode())
if fault != "no end":
    mark("done")
if fault == "crash at exit":
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGSEGV)
"""


def table() -> list[tuple[float, float, float]]:
    """(clock in ns, um2, ns) that a real build measured on the placed 32-bit Sklansky adder, by rising clock."""
    return measured("sklansky", 32)


def measured(structure: str, width: int) -> list[tuple[float, float, float]]:
    """The rows of one structure, placed, that did not fail."""
    rows = [line.split(",") for line in (DATA / "repair_timing.csv").read_text().splitlines()]
    chosen = [row for row in rows if row[:3] == [structure, str(width), "placed"] and row[4]]
    return sorted((float(clock), float(area), float(delay)) for _, _, _, clock, area, delay, _ in chosen)


def write_stand_in(folder: Path, fault: str = "", **scenario: object) -> Path:
    """Write the program; returns its path.

    :param fault: what goes wrong, "" for nothing
    :param scenario: `version`, `faulty_below_ns` (the fault is for lower clocks only), `overfull_below_ns` and
        `overfull_above_percent` (clock and utilisation), `error_status`, `quiet_error` (no line of our own after the
        error)
    """
    folder.mkdir(parents=True, exist_ok=True)
    described = {
        "version": "26Q3-100-gstandin",
        "fault": fault,
        "data": str(DATA),
        "table": table(),
        "faulty_below_ns": 1e9,
        "overfull_below_ns": 0.0,
        "overfull_above_percent": 0.0,
        "error_status": 1,
        "quiet_error": False,
    }
    (folder / "scenario.json").write_text(json.dumps(described | scenario))
    program = folder / "openroad"
    program.write_text(f"#!{sys.executable} -IS\n{_PROGRAM}")
    program.chmod(0o755)
    return program


def clocks_called(folder: Path) -> list[float]:
    """The clocks in ns that the program was asked for."""
    called = folder / "called"
    return [float(line) for line in called.read_text().splitlines()] if called.exists() else []
