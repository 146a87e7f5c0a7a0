#!/usr/bin/env bash
# schemathesis against the description that a server gives of itself: every check, bodies of CSV, forms, NDJSON and
# JSON. Needs `pip install schemathesis` (schemathesis on PATH, or named in SCHEMATHESIS).
#   tests/manual/schemathesis.sh [BINARY] [SECONDS]
# 24 November 2026, schemathesis 4.32.5, 150 s: 11,839 cases, 0 failures. One expectation is widened, see
# schemathesis.toml; the warning that most generated files are refused as data says the same.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
binary=${1:-$here/../../target/debug/logclass}
folder=$(mktemp -d)
trap 'kill "$server" 2>/dev/null; rm -rf "$folder"' EXIT
env -u LOGCLASS_TOKEN "$binary" serve --port 0 --max-concurrent 8 2>"$folder/log" &
server=$!
for _ in $(seq 100); do grep -q 'serving on' "$folder/log" && break; sleep 0.1; done
address=$(sed -n 's/.*serving on \(http:[^ ]*\) .*/\1/p' "$folder/log")
cp "$here"/schemathesis/* "$folder"
cd "$folder"
PYTHONPATH=$folder "${SCHEMATHESIS:-schemathesis}" --config-file schemathesis.toml run "$address/api/openapi.json" \
    --checks all --continue-on-failure --max-time "${2:-300}"
grep -c panicked log && exit 1
echo "no panic"
