#!/usr/bin/env bash
# Speaks with two servers not of our making, over a tiny model with random weights that is made on the spot, so nothing
# is downloaded but Python packages: llama.cpp's own llama-server, which answers by strict schemas, and
# llama-cpp-python's, which refuses them with status 500 and takes a schema beside json_object. What the model answers is
# noise; that the answers are labels all the same is the schema's work and ours.
#
# State: run to its end on 2026-11-24, in 42 s with everything built, with llama-cpp-python 0.3.36 and the llama-server
# 0.5.0-dev in its source, Python 3.11, a debug build of logclass. llama-server: 10 rows took 10 requests, each answered
# with a label at the first attempt, and none in a second run; answers that were cut off, a message longer than the
# context, a server killed for good among 324 rows (21 answers were kept, the others asked for in the next run) and a
# model that is not served (1 request) all ended as they should. llama-cpp-python: `llm check` found json_object_schema
# with 2 requests, and 10 rows took 11, each answered with a label. The builds take 8 and 11 minutes with one compiler at
# low priority; llama-cpp-python had been installed beforehand, with these flags; the script's own installation of it was
# stopped half-way.
#
#   tests/manual/llama-server.sh [LOGCLASS]
#
# LLAMA_VENV names a folder that keeps the Python environment and the llama-server, both of which are built from the
# source of llama-cpp-python. CMAKE_BUILD_PARALLEL_LEVEL says how many compilers may run at once.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
logclass=$(readlink -f "${1:-$here/../../target/release/logclass}")
work=$(mktemp -d)
server=
stop() {
    kill -9 "$server"
    wait "$server" 2>/dev/null || true
    server=
}
trap 'test -z "$server" || stop; rm -rf "$work"' EXIT

# --- what is spoken with

venv=$(readlink -m "${LLAMA_VENV:-$work/venv}")
test -x "$venv/bin/python" || python3 -m venv "$venv"
has_python_server() { "$venv/bin/python" -c 'import llama_cpp.server.app, gguf' 2>/dev/null; }
if ! has_python_server || ! test -x "$venv/bin/llama-server"; then
    "$venv/bin/pip" download --quiet --no-deps --no-binary llama-cpp-python --dest "$work" llama-cpp-python
    sdist=$(echo "$work"/llama_cpp_python-*.tar.gz)
    # What answers in a moment need not be fast.
    flags=(-DGGML_NATIVE=OFF -DLLAMA_CURL=OFF -DCMAKE_C_FLAGS_RELEASE=-O1 -DCMAKE_CXX_FLAGS_RELEASE=-O1)
    has_python_server ||
        CMAKE_ARGS="-DLLAVA_BUILD=OFF ${flags[*]}" "$venv/bin/pip" install --quiet "${sdist}[server]" gguf
    if ! test -x "$venv/bin/llama-server"; then
        "$venv/bin/pip" install --quiet cmake ninja
        tar -xzf "$sdist" -C "$work"
        {
            PATH=$venv/bin:$PATH cmake -G Ninja -S "${sdist%.tar.gz}/vendor/llama.cpp" -B "$work/build" \
                -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF -DGGML_OPENMP=OFF -DGGML_LLAMAFILE=OFF \
                -DLLAMA_OPENSSL=OFF -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_BUILD_TESTS=OFF "${flags[@]}" &&
                "$venv/bin/cmake" --build "$work/build" --target llama-server
        } >"$work/build.log" 2>&1 || { tail -n 40 "$work/build.log"; exit 1; }
        cp "$work/build/bin/llama-server" "$venv/bin/"
    fi
fi
cd "$work"
"$venv/bin/python" "$here/tiny_gguf.py" tiny.gguf
port=$("$venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')

# Starts a server, and waits until it is ready.
start() {
    "$@" >server.log 2>&1 &
    server=$!
    for _ in $(seq 200); do
        "$venv/bin/python" -c "import urllib.request as r; r.urlopen('http://127.0.0.1:$port/v1/models')" 2>/dev/null &&
            return
        kill -0 "$server" || break
        sleep 0.3
    done
    cat server.log
    exit 1
}
start_llama_server() {
    start "$venv/bin/llama-server" --model tiny.gguf --port "$port" --ctx-size 8192 --parallel 2 --threads 1 \
        --no-ui --offline
}

# --- what is asked

# The configuration, with these lines in [llm].
configure() {
    printf '%s\n' '[llm]' 'provider = "llama.cpp"' "base_url = \"http://127.0.0.1:$port/v1\"" "$@" \
        '[[route]]' 'source = "crm"' 'stages = ["llm"]' >logclass.toml
}
# Classifies INPUT.csv with the answers in CACHE to OUTPUT.csv and OUTPUT.json.
classify() {
    "$logclass" classify "$1.csv" -o "$3.csv" --config logclass.toml --llm-cache "$2" --summary "$3.json"
}
# Runs a command that has to end with this status.
ends() {
    local expected=$1 status=0
    shift
    "$@" || status=$?
    test "$status" = "$expected" || { echo "exit status $status, not $expected: $*" >&2; exit 1; }
}
# What has to hold of the part of a run's summary that is about the LLM.
holds() {
    "$venv/bin/python" - "$@" <<'PYTHON'
import json, sys
llm = json.load(open(sys.argv[1] + ".json"))["llm"]
for condition in sys.argv[2:]:
    assert eval(condition), f"{sys.argv[1]}: not {condition}: {llm}"
PYTHON
}
# Every row of INPUT.csv is in OUTPUT.csv, with a label; where OTHER.csv has one of the LLM too, it is the same.
loses_nothing() {
    "$venv/bin/python" - "$@" <<'PYTHON'
import csv, sys
rows, done, *others = ([*csv.DictReader(open(name + ".csv"))] for name in sys.argv[1:])
labels = {"Critical Error", "Deprecation Warning", "Error", "HTTP Status", "Resource Usage", "Security Alert",
          "System Notification", "User Action", "Workflow Error", "Unclassified"}
assert [row["log_message"] for row in rows] == [row["log_message"] for row in done]
assert all(row["target_label"] in labels for row in done)
for other in others:
    pairs = [(a["target_label"], b["target_label"]) for a, b in zip(done, other, strict=True)]
    assert all(a == b for a, b in pairs if "Unclassified" not in (a, b))
PYTHON
}
kept() { "$logclass" llm cache info --llm-cache "$1" | sed -n 's/^answers *//p'; }

words=(one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen)
{
    echo source,log_message
    for word in "${words[@]:0:10}"; do echo "crm,case $word was escalated"; done
} >ten.csv
{
    echo source,log_message
    for word in "${words[@]}"; do
        for other in "${words[@]}"; do echo "crm,case $word of $other was escalated"; done
    done
} >many.csv
{
    echo source,log_message
    echo crm,a short one
    echo "crm,$(for _ in $(seq 60); do echo -n "${words[*]} "; done)"
    echo crm,another short one
} >long.csv

# --- llama.cpp's own: strict schemas

"$venv/bin/llama-server" --version 2>&1 | head -n 1
start_llama_server
configure
"$logclass" llm check --config logclass.toml | tee check.txt
grep -q '^answers   json_schema$' check.txt

echo '-- every answer is a label at the first attempt, and a second run asks nothing'
ends 0 classify ten cache first
holds first 'llm["requests"] == 10' 'llm["retries"] == 0' 'llm["unanswered_rows"] == 0'
ends 0 classify ten cache second
holds second 'llm["requests"] == 0' 'llm["from_cache"] == 10'
cmp first.csv second.csv
loses_nothing ten first
cat first.csv

echo '-- answers that are cut off are asked for once more, with room for four times the tokens'
configure 'max_answer_tokens = 16'
ends 0 classify ten off roomier
holds roomier 'llm["requests"] == 20' 'llm["unanswered_rows"] == 0'
configure 'max_answer_tokens = 4'
ends 3 classify ten off cut
holds cut 'llm["unanswered"] == {"invalid_answer": 10}' '"cut off" in llm["first_failure"]'
loses_nothing ten cut

echo '-- a message that is longer than the context has no answer, the others have'
configure 'concurrency = 1' 'max_message_chars = 20000'
ends 3 classify long off long-done
holds long-done 'llm["unanswered"] == {"failed": 1}' '"max_message_chars" in llm["first_failure"]'
loses_nothing long long-done

echo '-- the server dies in the middle'
configure
classify many many-cache dead &
run=$!
for _ in $(seq 600); do
    test "$(kept many-cache)" -lt 20 || break
    sleep 0.1
done
stop
ends 3 wait "$run"
holds dead 'llm["unanswered_rows"] > 0' '"switched_off" in llm'
loses_nothing many dead
before=$(kept many-cache)
test "$before" -ge 20
start_llama_server
ends 0 classify many many-cache alive
holds alive "llm['from_cache'] == $before" "llm['requests'] - llm['retries'] == $((${#words[@]} ** 2 - before))" \
    'llm["unanswered_rows"] == 0'
loses_nothing many alive dead
stop

echo '-- a model that is not served; with one model the server answers by any name, with a folder of them it looks'
mkdir models
cp tiny.gguf models/
start "$venv/bin/llama-server" --models-dir models --port "$port" --no-ui --offline
configure 'model = "large"'
ends 1 "$logclass" llm check --config logclass.toml | tee check.txt
grep -q '^serves    tiny$' check.txt
ends 3 classify ten off not-served
holds not-served 'llm["requests"] == 1' '"set another model" in llm["switched_off"]'
loses_nothing ten not-served
stop

# --- llama-cpp-python's: no json_schema, which it refuses with status 500, but a schema beside json_object

"$venv/bin/python" -c 'import llama_cpp; print("llama-cpp-python", llama_cpp.__version__)'
start "$venv/bin/python" -m llama_cpp.server --model tiny.gguf --port "$port" --n_ctx 4096 --chat_format chatml
configure 'concurrency = 1'
"$logclass" llm check --config logclass.toml | tee check.txt
grep -q '^answers   json_object_schema$' check.txt
ends 0 classify ten off python
holds python 'llm["answer_format"] == "json_object_schema"' 'llm["requests"] == 11' 'llm["unanswered_rows"] == 0'
loses_nothing ten python
cat python.csv
stop
echo 'all of it holds'
