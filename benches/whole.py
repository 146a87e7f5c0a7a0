#!/usr/bin/env python3
"""Whole processes: bulk classification beside a bare copy of the same file, in turns, and the start of a small run.

    cargo build --release --bin logclass --example grow_csv --example copy_csv
    benches/whole.py [--rounds N] MESSAGE_COLUMN FILE.csv...

The files are real logs; a million and two million rows are grown from them in the temporary folder. Prints the median of the
rounds (5), the least and the most. Needs Python 3 on Linux or macOS, nothing else.
"""
import argparse
import csv
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

arguments = argparse.ArgumentParser()
arguments.add_argument("--rounds", type=int, default=5)
arguments.add_argument("column")
arguments.add_argument("files", nargs="+")
arguments = arguments.parse_args()
release = pathlib.Path(__file__).resolve().parent.parent / "target" / "release"
logclass, examples = str(release / "logclass"), release / "examples"
folder = tempfile.TemporaryDirectory()
work = pathlib.Path(folder.name)


def run(*command):
    """Seconds, and the most memory in MiB, of a process."""
    start = time.perf_counter()
    child = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, command
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def show(name, values, unit):
    print(f"{name:44s} {statistics.median(values):8.3f} {unit}   ({min(values):.3f} to {max(values):.3f})", flush=True)


for rows in (1, 2):
    with open(work / f"{rows}.csv", "wb") as grown:
        subprocess.run([examples / "grow_csv", str(rows * 1_000_000), arguments.column, *arguments.files], stdout=grown, check=True)
megabytes = (work / "1.csv").stat().st_size / 1e6
print(f"a million rows: {megabytes:.0f} MB")
with open(work / "1.csv", newline="", encoding="utf-8", errors="surrogateescape") as grown, open(
    work / "ten.csv", "w", newline="", encoding="utf-8", errors="surrogateescape"
) as ten:
    csv.writer(ten).writerows(row for row, _ in zip(csv.reader(grown), range(11)))

bulk, copies, memory = {}, {1: [], 2: []}, []
for _ in range(arguments.rounds):
    for rows in (1, 2):
        copies[rows].append(run(examples / "copy_csv", work / f"{rows}.csv", work / "copy.csv")[0])
        for threads in (1, 2):
            seconds, peak = run(logclass, "classify", work / f"{rows}.csv", "-o", work / "out.csv", "--threads", threads)
            bulk.setdefault((threads, rows), []).append(seconds)
            memory.append(peak)
show("copy of a million rows", copies[1], "s")
for threads in (1, 2):
    name = f"{threads} thread{'s' if threads > 1 else ''}"
    second = [two - one for one, two in zip(bulk[threads, 1], bulk[threads, 2])]
    show(f"first million, {name}", bulk[threads, 1], "s")
    show(f"second million, {name}", second, "s")
    show(f"second million to a copy, {name}", [took / copy for took, copy in zip(second, copies[1])], "times")
show("peak memory", memory, "MiB")
show("ten rows", [run(logclass, "classify", work / "ten.csv", "-o", work / "out.csv")[0] for _ in range(20)], "s")
show("--help", [run(logclass, "--help")[0] for _ in range(20)], "s")
show("completions", [run(logclass, "completions", "bash")[0] for _ in range(20)], "s")
