#!/usr/bin/env python3
"""What a page of regular expressions make of a labelled CSV: the baseline that a model has to beat.

usage: regex_baseline.py LABELLED.csv    columns log_message, target_label, and perhaps also_ok (further right labels, `|` between)

The first expression that is found gives the label; where none is, the level in the line decides, and else it is routine.
"""
import csv
import re
import sys

RULES = [
    ("Deprecation Warning", r"(?i)\bdeprecat(ed|ion)\b|no longer supported|will be removed in"),
    ("Security Alert", r"(?i)authentication fail|failed password|invalid user|login fail|access denied|permission denied|unauthori[sz]ed"),
    ("Security Alert", r"(?i)\b(attack|intrusion|malware|virus|brute.?force|exploit|injection)\b|\bblocked\b|\bdeny\b|\bdenied\b|\bbanned?\b"),
    ("HTTP Status", r"\"(GET|POST|PUT|DELETE|HEAD|PATCH|OPTIONS) [^\"]*\" \d{3}\b|\b(GET|POST|PUT|DELETE|HEAD|PATCH) /\S* .*\b[1-5]\d\d\b"),
    ("Critical Error", r"(?i)kernel panic|out of memory|oom-kill|segfault|\bcorrupt|data loss|cannot start|failed to start|no space left"),
    ("Critical Error", r"(?i)\b(FATAL|PANIC|EMERG|CRITICAL)\b"),
    ("Workflow Error", r"(?i)\b(payment|order|invoice|approval|ticket|lead|refund)\b.*\b(fail|declin|reject|stuck|abort|error)"),
    ("User Action", r"(?i)accepted (password|publickey)|session opened|logged (in|out|on|off)|\buser \S+ (created|deleted|changed|updated|logged)"),
    ("User Action", r"COMMAND=|USER_CMD|\bLOGIN:? "),
    ("Resource Usage", r"(?i)\b(cpu|memory|heap|disk) (usage|utili[sz]ation)|\bGC\b|slow query|took too long|\bquota\b|threshold|watermark"),
    ("Error", r"(?i)\b(exception|traceback|error:|failed to|failure|timed? ?out|refused|unreachable|unable to|cannot|could not)\b"),
    ("Error", r"\b(ERROR|ERR|SEVERE)\b|\[error\]|level=error|\"level\":\"error\""),
]
ALARMS = {"Security Alert", "Critical Error", "Error", "Deprecation Warning", "Workflow Error"}
COMPILED = [(label, re.compile(pattern)) for label, pattern in RULES]


def label_of(message):
    return next((label for label, pattern in COMPILED if pattern.search(message)), "System Notification")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    rows = right = quiet = alarms = 0
    with open(sys.argv[1], newline="") as file:
        for row in csv.DictReader(file):
            accepted = {row["target_label"], *filter(None, (row.get("also_ok") or "").split("|"))}
            label = label_of(row["log_message"])
            rows += 1
            right += label in accepted
            if not accepted & ALARMS:
                quiet += 1
                alarms += label in ALARMS
    print(f"accuracy {right / rows:.3f} of {rows}, false alarms {alarms} of {quiet} ({alarms / max(1, quiet):.3f})")


if __name__ == "__main__":
    main()
