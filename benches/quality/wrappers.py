#!/usr/bin/env python3
"""Whether a message keeps its label in other formats' envelopes.

usage: wrappers.py BINARY [classify's own flags ...]

Of the held-out logs beside this file, 200 messages that are labelled right bare are wrapped in ten ways, with a level that fits
their label where the format has one, and classified again.
"""
import csv
import json
import pathlib
import random
import subprocess
import sys
import tempfile

LEVELS = {"Error": "error", "Workflow Error": "error", "Critical Error": "fatal", "Security Alert": "warn", "Resource Usage": "warn",
          "Deprecation Warning": "warn"}
JAVA = {"info": "INFO ", "warn": "WARN ", "error": "ERROR", "fatal": "FATAL"}
TIME = "2026-01-14T09:12:01.410Z"
COLOURS = {"info": 32, "warn": 33, "error": 31, "fatal": 35}
WRAPPERS = {
    "syslog": lambda m, l: f"Jan 14 09:12:01 depot3 app[811]: {m}",
    "klog": lambda m, l: f"{l[0].upper()}0114 09:12:01.410881       1 server.go:88] {m}",
    "log4j": lambda m, l: f"2026-01-14 09:12:01,410 {JAVA[l]} [main] com.acme.depot.Service - {m}",
    "logfmt": lambda m, l: f"time={TIME} level={l} msg={json.dumps(m)}",
    "JSON": lambda m, l: json.dumps({"level": l, "ts": 1768381921.41, "msg": m}),
    "ECS JSON": lambda m, l: json.dumps({"@timestamp": TIME, "log.level": l.upper(), "message": m, "ecs.version": "1.2.0",
                                         "service.name": "depot", "process.thread.name": "main", "log.logger": "com.acme.depot.Service"}),
    "Docker JSON": lambda m, l: json.dumps({"log": m + "\n", "stream": "stdout", "time": TIME}),
    "CRI": lambda m, l: f"2026-01-14T09:12:01.410881002Z stdout F {m}",
    "ANSI": lambda m, l: f"\x1b[2m{TIME}\x1b[0m \x1b[{COLOURS[l]}m{l.upper():>5}\x1b[0m \x1b[2mdepot::service\x1b[0m\x1b[2m:\x1b[0m {m}",
    "compose": lambda m, l: f"depot-1  | {m}",
}


def classify(binary, rows, flags):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "in.csv")
        with open(path, "w", newline="") as file:
            csv.writer(file).writerows([["source", "log_message"], *rows])
        done = subprocess.run([binary, "classify", path, "--no-llm", "-q", *flags], check=True, capture_output=True, text=True)
        return [row["target_label"] for row in csv.DictReader(done.stdout.splitlines(keepends=True))]


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    binary, *flags = sys.argv[1:]
    rows = []
    for path in sorted(pathlib.Path(__file__).parent.glob("holdout/app-*.csv")):
        with open(path, newline="") as file:
            rows += [(r["source"], r["log_message"], r["target_label"]) for r in csv.DictReader(file)]
    random.Random(1).shuffle(rows)
    rows = rows[:400]
    bare = classify(binary, [row[:2] for row in rows], flags)
    right = [row for row, label in zip(rows, bare) if label == row[2]][:200]
    for name, wrap in WRAPPERS.items():
        wrapped = [(source, wrap(message, LEVELS.get(label, "info"))) for source, message, label in right]
        kept = sum(label == row[2] for label, row in zip(classify(binary, wrapped, flags), right))
        print(f"{name:12s} {kept} of {len(right)} ({kept / len(right):.3f})")


main()
