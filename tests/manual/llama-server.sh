#!/usr/bin/env bash
# Speaks with a server not of our making: llama-cpp-python's, over a tiny model with random weights that is made on
# the spot, so nothing is downloaded but Python packages. What the model answers is noise; that the answers are
# labels all the same is the schema's work and ours.
#
# State: the GGUF is written and read back by `gguf`; the whole has not been run to its end yet, as llama-cpp-python
# comes as source and took about a quarter of an hour to build on two busy cores.
#
#   tests/manual/llama-server.sh [LOGCLASS]      a folder with a Python environment can be named in LLAMA_VENV
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
logclass=$(readlink -f "${1:-$here/../../target/release/logclass}")
work=$(mktemp -d)
server=
trap 'test -z "$server" || kill "$server"; rm -rf "$work"' EXIT

venv=${LLAMA_VENV:-$work/venv}
test -x "$venv/bin/python" || python3 -m venv "$venv"
"$venv/bin/python" -c 'import llama_cpp.server.app, gguf' 2>/dev/null || {
    CMAKE_ARGS="-DLLAVA_BUILD=OFF -DLLAMA_CURL=OFF" "$venv/bin/pip" install --quiet 'llama-cpp-python[server]' gguf
}
"$venv/bin/python" "$here/tiny_gguf.py" "$work/tiny.gguf"

port=$("$venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$venv/bin/python" -m llama_cpp.server --model "$work/tiny.gguf" --port "$port" --n_ctx 4096 --chat_format chatml \
    >"$work/server.log" 2>&1 &
server=$!
for _ in $(seq 100); do
    "$venv/bin/python" -c "import urllib.request as r; r.urlopen('http://127.0.0.1:$port/v1/models')" 2>/dev/null && break
    kill -0 "$server" || { cat "$work/server.log"; exit 1; }
    sleep 0.3
done

cat >"$work/logclass.toml" <<CONFIG
[llm]
provider = "llama.cpp"
base_url = "http://127.0.0.1:$port/v1"
concurrency = 1
[[route]]
source = "crm"
stages = ["llm"]
CONFIG
cd "$work"
"$logclass" llm check --config logclass.toml
{
    echo source,log_message
    for word in one two three four five six seven eight nine ten; do echo "crm,case $word was escalated"; done
} >in.csv
"$logclass" classify in.csv -o out.csv --config logclass.toml --llm-cache "$work/cache" --summary first.json
"$logclass" classify in.csv -o again.csv --config logclass.toml --llm-cache "$work/cache" --summary second.json
cmp out.csv again.csv
cat out.csv
