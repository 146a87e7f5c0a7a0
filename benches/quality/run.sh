#!/usr/bin/env bash
# Quality of training and of the bundled model: corpus cross-validation by template and by kind of system, and the
# held-out logs. Run from the repository's root.
set -euo pipefail
logclass=${LOGCLASS:-target/release/logclass}
all=$(mktemp --suffix=.csv)
trap 'rm -f "$all"' EXIT
awk 'FNR == 1 && NR != 1 { next } { print }' resources/corpus/*/*.csv >"$all"
echo "== corpus, templates held out"; "$logclass" eval "$all" --cv 5
echo "== corpus, kinds of systems held out"; "$logclass" eval "$all" --cv 10 --group-column source
for file in benches/quality/holdout/app-*.csv; do echo "== $file"; "$logclass" eval "$file"; done
for file in benches/quality/holdout/noise*.csv; do
    echo "== text that is no log: $file"
    "$logclass" classify "$file" --overwrite --dry-run
done
