#!/usr/bin/env python3
"""How right a labelled CSV is labelled: by logclass, and by `regex_baseline.py` for comparison.

usage: score.py LOGCLASS LABELLED.csv [CLASSIFY_OPTION...]

LABELLED.csv has the columns source, log_message, target_label and, where more than one label is right, also_ok (further right
labels, `|` between). A false alarm is a routine line that gets the label of a failure, an attack or a deprecation.
"""
import collections
import csv
import subprocess
import sys
import tempfile

from regex_baseline import ALARMS, label_of


def score(name, rows, labels):
    right = strict = quiet = alarms = 0
    hits, said, there = collections.Counter(), collections.Counter(), collections.Counter()
    for row, label in zip(rows, labels, strict=True):
        accepted = {row["target_label"], *filter(None, (row.get("also_ok") or "").split("|"))}
        strict += label == row["target_label"]
        right += label in accepted
        truth = label if label in accepted else row["target_label"]
        hits[truth] += label == truth
        there[truth] += 1
        said[label] += 1
        if not accepted & ALARMS:
            quiet += 1
            alarms += label in ALARMS
    f1 = [2 * hits[label] / (said[label] + there[label]) for label in there if label != "Unclassified"]
    print(
        f"{name:9} accuracy {right / len(rows):.3f} of {len(rows)} ({strict / len(rows):.3f} by the first label alone), "
        f"macro F1 {sum(f1) / len(f1):.3f}, false alarms {alarms} of {quiet} ({alarms / max(1, quiet):.3f})"
    )


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    with open(sys.argv[2], newline="") as file:
        rows = list(csv.DictReader(file))
    with tempfile.NamedTemporaryFile(suffix=".csv") as output:
        command = [sys.argv[1], "classify", sys.argv[2], "-o", output.name, "--overwrite", "--quiet", *sys.argv[3:]]
        subprocess.run([*command, "--label-column", "said"], check=True)
        with open(output.name, newline="") as file:
            labels = [row["said"] for row in csv.DictReader(file)]
    score("logclass", rows, labels)
    score("regex", rows, [label_of(row["log_message"]) for row in rows])


main()
