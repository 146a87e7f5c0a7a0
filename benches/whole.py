#!/usr/bin/env python3
"""Whole processes: bulk classification beside a bare copy of the same file, in turns, and the start of a small run.

    cargo build --release --bin logclass --example grow_csv --example copy_csv
    benches/whole.py [--rounds N] [--against BINARY]... MESSAGE_COLUMN FILE.csv...

The files are real logs; a million and two million rows are grown from them in the temporary folder. Prints the median of the
rounds (7), the least and the most, of the time that passed and of the processor time, which says more where other work runs on the
machine. Other builds of logclass take their turns, too. Needs Python 3 on Linux or macOS, nothing else.
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
arguments.add_argument("--rounds", type=int, default=7)
arguments.add_argument("--against", action="append", default=[], metavar="BINARY")
arguments.add_argument("column")
arguments.add_argument("files", nargs="+")
arguments = arguments.parse_args()
release = pathlib.Path(__file__).resolve().parent.parent / "target" / "release"
logclass, examples = str(release / "logclass"), release / "examples"
folder = tempfile.TemporaryDirectory()
work = pathlib.Path(folder.name)


def run(*command):
    """Seconds, seconds of the processor, and the most memory in MiB, of a process."""
    start = time.perf_counter()
    child = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, command
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def show(name, values, unit):
    print(f"{name:56s} {statistics.median(values):8.3f} {unit}   ({min(values):.3f} to {max(values):.3f})", flush=True)


for rows in (1, 2):
    with open(work / f"{rows}.csv", "wb") as grown:
        subprocess.run([examples / "grow_csv", str(rows * 1_000_000), arguments.column, *arguments.files], stdout=grown, check=True)
megabytes = (work / "1.csv").stat().st_size / 1e6
print(f"a million rows: {megabytes:.0f} MB")
with open(work / "1.csv", newline="", encoding="utf-8", errors="surrogateescape") as grown, open(
    work / "ten.csv", "w", newline="", encoding="utf-8", errors="surrogateescape"
) as ten:
    csv.writer(ten).writerows(row for row, _ in zip(csv.reader(grown), range(11)))

binaries = {"": logclass, **{f"{pathlib.Path(path).name}: ": path for path in arguments.against}}
bulk, copies, memory = {}, {1: [], 2: []}, {name: [] for name in binaries}
for _ in range(arguments.rounds):
    for rows in (1, 2):
        copies[rows].append(run(examples / "copy_csv", work / f"{rows}.csv", work / "copy.csv"))
        for threads in (1, 2):
            for name, binary in binaries.items():
                took = run(binary, "classify", work / f"{rows}.csv", "-o", work / "out.csv", "--threads", threads)
                bulk.setdefault((name, threads, rows), []).append(took)
                memory[name].append(took[2])
for which, clock in enumerate(("", ", processor time")):
    copy = [took[which] for took in copies[1]]
    show(f"copy of a million rows{clock}", copy, "s")
    for name in binaries:
        for threads in (1, 2):
            what = f"{threads} thread{'s' if threads > 1 else ''}{clock}"
            first, both = ([took[which] for took in bulk[name, threads, rows]] for rows in (1, 2))
            second = [two - one for one, two in zip(first, both)]
            show(f"{name}first million, {what}", first, "s")
            show(f"{name}second million, {what}", second, "s")
            show(f"{name}second million to a copy, {what}", [took / bare for took, bare in zip(second, copy)], "times")
for name in binaries:
    show(f"{name}peak memory", memory[name], "MiB")
    show(f"{name}ten rows", [run(binaries[name], "classify", work / "ten.csv", "-o", work / "out.csv")[0] for _ in range(20)], "s")
show("--help", [run(logclass, "--help")[0] for _ in range(20)], "s")
show("completions", [run(logclass, "completions", "bash")[0] for _ in range(20)], "s")
