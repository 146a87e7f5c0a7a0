#!/usr/bin/env python3
"""What `logclass diff` finds in pairs of logs whose differences are known, and what it finds where there are none.

    benches/changes.py target/release/logclass --message-column Content logs/*.csv

Of each log (CSV, in the order of time), which is classified once, it compares

    halves    its first half with its second: a healthy log as it goes on
    odd/even  its odd rows with its even ones: two samples of one time
    new       the same, with 20 templates that the odd rows do not have, one row each, all over the even rows or in one place
    burst     the same, with a template ten times as frequent in the even rows: each of its rows ten times, or all that is added in one place

A change that was made is found if the comparison shows it. What is shown of the first two are false alarms, as templates and as the incidents that
they are told in. For `burst` every template with 10 to 60 odd rows and as many even ones is tried. Only the standard library is needed.
"""
import argparse
import collections
import csv
import json
import os
import random
import subprocess
import sys
import tempfile

WORDS = "amber birch cedar delta ember flint grove heron inlet jade kelp larch mango north olive pearl quartz raven slate thorn".split()


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("logclass")
    arguments.add_argument("logs", nargs="+")
    arguments.add_argument("--message-column", default="log_message")
    arguments.add_argument("--severity-column", default="Level", help="used where a log has it")
    arguments.add_argument("--show", action="store_true", help="print the false alarms")
    arguments = arguments.parse_args()
    print(f"{'':12}{'halves':>12}{'odd/even':>12}{'new, spread':>15}{'new, together':>15}{'burst, spread':>15}{'burst, together':>17}")
    sums = [0] * 12
    with tempfile.TemporaryDirectory() as folder:
        for path in arguments.logs:
            figures = measure(arguments, path, folder)
            sums = [one + other for one, other in zip(sums, figures)]
            line(os.path.basename(path).split(".")[0].split("_")[0], figures)
    line("all", sums)


def line(name, figures):
    alarms, found = figures[:4], figures[4:]
    halves, odd_even = (f"{alarms[i]} in {alarms[i + 1]}" for i in (0, 2))
    cells = [f"{found[i]}/{found[i + 1]}" for i in (0, 2, 4, 6)]
    print(f"{name:12}{halves:>12}{odd_even:>12}{cells[0]:>15}{cells[1]:>15}{cells[2]:>15}{cells[3]:>17}", flush=True)


def measure(arguments, path, folder):
    with open(path, newline="") as file:
        columns = next(csv.reader(file))
    flags = ["--message-column", arguments.message_column, "--no-source"]
    if arguments.severity_column in columns:
        flags += ["--severity-column", arguments.severity_column]
    labelled = os.path.join(folder, "labelled.csv")
    subprocess.run([arguments.logclass, "classify", path, *flags, "--add", "template", "-q", "-o", labelled], check=True)
    with open(labelled, newline="") as file:
        header, *rows = csv.reader(file)
    message, label, template = header.index(arguments.message_column), header.index("target_label"), header.index("template")

    def changes(old, new):
        sides = []
        for name, side in (("old.csv", old), ("new.csv", new)):
            sides.append(os.path.join(folder, name))
            with open(sides[-1], "w", newline="") as file:
                csv.writer(file).writerows([header[:template], *(row[:template] for row in side)])
        run = subprocess.run(
            [arguments.logclass, "diff", *sides, *flags, "--format", "json", "--limit", "100000", "-q"], check=True, capture_output=True
        )
        return json.loads(run.stdout)["changes"]

    half = len(rows) // 2
    odd, even = rows[::2], rows[1::2]
    figures = []
    for name, old, new in (("halves", rows[:half], rows[half:]), ("odd/even", odd, even)):
        found = changes(old, new)
        figures += [len(found), len({change["incident"] for change in found})]
        if arguments.show:
            for change in found:
                print(f"  {name}: {change['kind']} {change['old']} -> {change['new']}: {change['template'][:100]}")

    def row_of(text):
        row = [""] * len(header)
        row[message], row[label], row[template] = text, "Error", text
        return row

    strange = [row_of(f"the {word} valve cannot be reached from here") for word in WORDS]
    chance = random.Random(16)
    spread = list(even)
    for row in strange:
        spread.insert(chance.randrange(len(spread)), row)
    place = len(even) * 2 // 3
    for new in (spread, even[:place] + strange + even[place:]):
        found = {change["template"] for change in changes(odd, new) if change["kind"] == "new"}
        figures += [sum(row[template] in found for row in strange), len(strange)]
    counts = [collections.Counter(row[template] for row in side) for side in (odd, even)]
    tried = sorted(name for name in counts[0] if all(10 <= side[name] <= 60 for side in counts))
    hits = [0, 0]
    for name in tried:
        own = [row for row in even if row[template] == name]
        spread = [copy for row in even for copy in [row] * (10 if row[template] == name else 1)]
        for way, new in enumerate((spread, even[:place] + own * 9 + even[place:])):
            hits[way] += any(change["kind"] == "more" and change["template"] == name for change in changes(odd, new))
    return figures + [hits[0], len(tried), hits[1], len(tried)]


if __name__ == "__main__":
    sys.exit(main())
