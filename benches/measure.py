#!/usr/bin/env python3
"""Runs commands in turn, and prints what they took as a table.

  measure.py run ROUNDS RESULTS    commands on stdin, one a line: NAME, a tab, the command
  measure.py table RESULTS         rows on stdin, one a line, its fields between bars:
      ratio  | what | goal | NAME of A | NAME of B      wall time of A by that of B
      growth | what | goal | NAME of A | NAME of B | N  log N of the same, for N times the work
      peak   | what | goal | NAME                       peak memory in MB
      count  | what | goal | measured | pass or miss    counted elsewhere

A round runs every command once, in the order given, so that a machine whose speed drifts
meanwhile is as slow for one as for the other; a ratio is taken within each round. One round
before is not counted. Commands are started without a shell; their output goes to /dev/null.
Needs Python 3.10 and nothing else.
"""

import math
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

# Linux counts kilobytes, macOS bytes.
PEAK_UNIT = 1 if sys.platform == "darwin" else 1024


def run_once(command):
    """Returns seconds from start to end, and the peak memory in bytes."""
    with tempfile.TemporaryFile() as complaints:
        begin = time.perf_counter()
        child = subprocess.Popen(
            shlex.split(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
        )
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - begin
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            complaints.seek(0)
            sys.stderr.buffer.write(complaints.read())
            sys.exit(f"measure.py: exit {child.returncode}: {command}")
        return seconds, usage.ru_maxrss * PEAK_UNIT


def run(rounds, results):
    commands = [line.rstrip("\n").split("\t", 1) for line in sys.stdin if line.strip()]
    with open(results, "w", encoding="utf-8") as out:
        for number in range(rounds + 1):
            for name, command in commands:
                seconds, peak = run_once(command)
                if number > 0:
                    out.write(f"{name}\t{seconds}\t{peak}\n")
            print(f"round {number} of {rounds}", file=sys.stderr)


def read(results):
    """Returns the seconds and the peaks of each command, round by round."""
    seconds, peaks = {}, {}
    with open(results, encoding="utf-8") as lines:
        for line in lines:
            name, second, peak = line.rstrip("\n").split("\t")
            seconds.setdefault(name, []).append(float(second))
            peaks.setdefault(name, []).append(int(peak))
    return seconds, peaks


def row(fields, seconds, peaks):
    kind, what, goal, *rest = fields
    if kind == "count":
        measured, verdict = rest
        return what, goal, measured, verdict
    if kind == "peak":
        values = [peak / 1e6 for peak in peaks[rest[0]]]
        form, unit = "{:.1f}", " MB"
    else:
        values = [a / b for a, b in zip(seconds[rest[0]], seconds[rest[1]], strict=True)]
        form, unit = "{:.2f}", " x"
    if kind == "growth":
        values = [math.log(value, int(rest[2])) for value in values]
        unit = ""
    median = statistics.median(values)
    spread = " to ".join(form.format(end) for end in (min(values), max(values)))
    measured = f"{form.format(median)}{unit} ({spread})"
    verdict = "pass" if median <= float(goal) else "miss"
    return what, f"<= {goal}{unit}", measured, verdict


def print_table(rows):
    widths = [max(len(cell) for cell in column) for column in zip(*rows)]
    for cells in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip())


def table(results):
    seconds, peaks = read(results)
    rows = [("WHAT", "GOAL", "MEASURED: MEDIAN (MIN TO MAX)", "VERDICT")]
    for line in sys.stdin:
        if line.strip():
            rows.append(row([field.strip() for field in line.split("|")], seconds, peaks))
    print_table(rows)
    print()
    times = [("COMMAND", "WALL: MEDIAN (MIN TO MAX)", "PEAK")]
    for name, values in seconds.items():
        milliseconds = [value * 1000 for value in values]
        times.append((
            name,
            f"{statistics.median(milliseconds):.0f} ms"
            f" ({min(milliseconds):.0f} to {max(milliseconds):.0f})",
            f"{statistics.median(peaks[name]) / 1e6:.1f} MB",
        ))
    print_table(times)


def main(arguments):
    match arguments:
        case ["run", rounds, results]:
            run(int(rounds), results)
        case ["table", results]:
            table(results)
        case _:
            sys.exit(__doc__)


main(sys.argv[1:])
