"""The recipes of docs/engines.md, each in the engine that it is for."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time

import logclass
import pytest
from nasty import NASTY, NOT_UTF8

REPOSITORY = pathlib.Path(__file__).parents[2]
CLICKHOUSE = REPOSITORY / "resources" / "deploy" / "clickhouse"
ENGINES = (REPOSITORY / "docs" / "engines.md").read_text(encoding="utf-8")


def recipe(language, name):
    """The code block of docs/engines.md that stands behind the heading `name`."""
    found = re.search(rf"^## {name}\n.*?^```{language}\n(.*?)^```", ENGINES, re.MULTILINE | re.DOTALL)
    assert found, f"docs/engines.md has no recipe for {name}"
    return found[1]


@pytest.fixture(scope="module")
def expected():
    return logclass.Classifier().classify(NASTY)


@pytest.fixture(scope="module")
def parquet(tmp_path_factory):
    """A table of nasty rows, as a Parquet file: id, source, log_message."""
    pyarrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    path = tmp_path_factory.mktemp("engines") / "logs.parquet"
    columns = {"id": list(range(len(NASTY))), "source": ["app"] * len(NASTY), "log_message": NASTY}
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    return path


def test_duckdb_labels_every_row(parquet, expected):
    duckdb = pytest.importorskip("duckdb")
    variables = {}
    exec(recipe("python", "DuckDB").replace("logs.parquet", str(parquet)), variables)
    database = variables["con"]
    found = database.sql(f"SELECT id, logclass(source, log_message) FROM '{parquet}' ORDER BY id").fetchall()
    assert found == list(enumerate(expected))
    # A source that is null, and more rows than one of DuckDB's vectors holds.
    many = "SELECT i, logclass(NULL, 'User ' || i || ' logged out') AS label FROM range(10000) t(i)"
    counted = database.sql(
        f"SELECT count(*), count(DISTINCT i) FROM ({many}) WHERE label = 'User Action'"
    ).fetchall()
    assert counted == [(10_000, 10_000)]
    assert isinstance(database, duckdb.DuckDBPyConnection)


def test_polars_labels_every_row_eager_lazy_and_in_bytes(parquet, expected):
    polars = pytest.importorskip("polars")
    variables = {}
    exec(recipe("python", "Polars").replace("logs.parquet", str(parquet)), variables)
    labelled = variables["labelled"]
    assert labelled["target_label"].to_list() == expected
    assert labelled.columns == ["id", "source", "log_message", "target_label"]
    raw = polars.Series([NOT_UTF8, None, b"User 4711 logged out"])
    found = variables["c"].classify(raw).to_list()
    assert found[1:] == ["Unclassified", "User Action"] and len(found) == 3


def test_pandas_labels_every_row(parquet, expected):
    pytest.importorskip("pandas")
    variables = {}
    exec(recipe("python", "pandas").replace("logs.parquet", str(parquet)), variables)
    assert variables["labelled"]["target_label"].tolist() == expected


def test_daft_labels_every_row(parquet, expected):
    pytest.importorskip("daft", reason="daft is not installed (extra engines)")
    variables = {}
    exec(recipe("python", "Daft").replace("logs.parquet", str(parquet)), variables)
    assert variables["labelled"].sort("id").to_pydict()["target_label"] == expected


# --- ClickHouse, by chdb, in a process of its own: it takes signals and never gives its memory back.


def clickhouse(tmp_path, code):
    """Runs `code` where `query(sql)` asks ClickHouse; returns what it prints, line by line."""
    pytest.importorskip("chdb", reason="chdb is not installed (extra engines)")
    scripts = tmp_path / "user_scripts"
    scripts.mkdir()
    for name in ("logclass_function.xml", "logclass-restarted"):
        (scripts / name).write_bytes((CLICKHOUSE / name).read_bytes())
    program = scripts / "logclass"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m logclass "$@"\n')
    for name in ("logclass-restarted", "logclass"):
        (scripts / name).chmod(0o755)
    prelude = f"""
import chdb, os, signal, subprocess, time
chdb.g_udf_path = {str(scripts)!r}
from chdb.session import Session
session = Session({str(tmp_path / "database")!r})

def query(sql):
    return str(session.query(sql, "TSV")).rstrip("\\n").split("\\n")

def children(parent):
    found = subprocess.run(["pgrep", "-P", str(parent)], capture_output=True, text=True)
    return [int(child) for child in found.stdout.split()]

def workers():
    # The children of `logclass-restarted`, which is this process's own child.
    parents = children(os.getpid())
    return sorted(child for parent in parents for child in children(parent))

for statement in open({str(CLICKHOUSE / "logclass.sql")!r}).read().split(";"):
    if statement.strip():
        query(statement)
"""
    script = tmp_path / "run.py"
    script.write_text(prelude + textwrap.dedent(code))
    ran = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr[-3_000:]
    return ran.stdout.splitlines()


def test_clickhouse_labels_by_function_materialized_column_and_view(tmp_path):
    # Strings of ClickHouse are bytes; one that is no text stands where the others have a null.
    messages = [NOT_UTF8 if message is None else message.encode() for message in NASTY]
    values = ", ".join(f"('app', unhex('{message.hex()}'), {row})" for row, message in enumerate(messages))
    expected = logclass.Classifier().classify(NASTY)
    (tmp_path / "insert.sql").write_text(f"INSERT INTO logs (source, log_message, time) VALUES {values}")
    found = clickhouse(
        tmp_path,
        f"""
        query(open({str(tmp_path / "insert.sql")!r}).read())
        print(query("SELECT target_label FROM logs ORDER BY time"))
        print(query("SELECT label FROM labelled ORDER BY time"))
        print(query("SELECT logclass(source, log_message) FROM logs ORDER BY time"))
        print(query("SELECT logclass(NULL, NULL), logclass(NULL, 'User 4711 logged out')"))
        """,
    )
    assert found[:3] == [str(expected)] * 3
    assert found[3] == "['Unclassified\\tUser Action']"


def test_clickhouse_keeps_its_process_and_survives_that_it_is_killed(tmp_path):
    found = clickhouse(
        tmp_path,
        """
        many = ("SELECT count(), uniqExact(number) FROM (SELECT number, logclass('a', concat('User ', "
                "toString(number), ' logged out')) AS l FROM numbers(100000)) WHERE l = 'User Action'")
        seen = []
        for _ in range(3):
            print(query(many))
            seen.append(workers())
        assert len(seen[0]) == 1 and seen[0] == seen[1] == seen[2], seen
        for round in range(2):
            os.kill(workers()[0], signal.SIGKILL)
            time.sleep(0.3 * round)
            print(query(many))
        assert workers() != seen[0], workers()
        print(query("SELECT logclass('a', 'User 4711 logged out')"))
        """,
    )
    assert found == ["['100000\\t100000']"] * 5 + ["['User Action']"]


def test_a_process_that_is_killed_in_the_middle_of_a_record_gives_no_wrong_row(tmp_path):
    pytest.importorskip("chdb", reason="chdb is not installed (extra engines)")
    program = tmp_path / "logclass"
    # The first one dies after the first bytes of a record.
    program.write_text(
        f"#!/bin/sh\nif mkdir {tmp_path}/once 2>/dev/null; then head -c 30 >/dev/null; kill -9 $$; fi\n"
        f'exec "{sys.executable}" -m logclass "$@"\n'
    )
    restarted = tmp_path / "logclass-restarted"
    restarted.write_bytes((CLICKHOUSE / "logclass-restarted").read_bytes())
    program.chmod(0o755)
    restarted.chmod(0o755)
    flags = re.search(
        r"<command>logclass-restarted (.*)</command>", (CLICKHOUSE / "logclass_function.xml").read_text()
    )[1]
    child = subprocess.Popen(
        [restarted, *flags.split()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    row = b'{"source":"a","log_message":"User 4711 logged out"}\n'
    out, _ = child.communicate(row * 3, timeout=60)
    assert (out, child.returncode) == (b"", 1)
    # With nothing half read, it goes on.
    (tmp_path / "once").rmdir()
    program.write_text(program.read_text().replace("head -c 30 >/dev/null; ", ""))
    child = subprocess.Popen([restarted, *flags.split()], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    out, _ = child.communicate(row * 3, timeout=60)
    assert (out, child.returncode) == (b'{"result":"User Action"}\n' * 3, 0)


# --- Streams of operators: a log socket in, a file with labels out.

SYSLOG = [
    b"User 4711 logged out",
    b'worker "3" \\ crashed\tx',
    b"caf\xe9 \xff was not found",
    b"",
    b"one\ntwo",
    "a\u2028b".encode(),
]


@pytest.mark.parametrize("daemon", ["rsyslogd", "syslog-ng"])
def test_a_syslog_daemon_labels_every_message(tmp_path, daemon):
    found = shutil.which(daemon, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"{daemon} is not installed (apt-get install rsyslog, or syslog-ng-core)")
    program, out, log_socket = tmp_path / "logclass", tmp_path / "labelled.ndjson", tmp_path / "log"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m logclass "$@"\n')
    program.chmod(0o755)
    name = "rsyslog" if daemon == "rsyslogd" else "syslog-ng"
    deployed = (REPOSITORY / "resources" / "deploy" / f"{name}-logclass.conf").read_text()
    deployed = deployed.replace("/usr/local/bin/logclass", str(program)).replace(
        "/var/log/labelled.ndjson", str(out)
    )
    config, pid = tmp_path / "daemon.conf", tmp_path / "pid"
    if daemon == "rsyslogd":
        before = f'module(load="imuxsock" SysSock.Use="off")\ninput(type="imuxsock" Socket="{log_socket}")\n'
        command = [found, "-n", "-f", config, "-i", pid]
    else:
        before = f'@version: 3.38\nsource s_src {{ unix-dgram("{log_socket}"); }};\n'
        command = [
            found,
            "-F",
            "-f",
            config,
            "-R",
            tmp_path / "persist",
            "-p",
            pid,
            "-c",
            tmp_path / "control",
            "--no-caps",
        ]
    config.write_text(before + deployed)
    child = subprocess.Popen(command)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            wait_for(log_socket.exists)
            sender.connect(str(log_socket))
            for message in SYSLOG:
                sender.send(b"<11>Mar  2 08:00:23 app[12]: " + message)
        wait_for(lambda: out.exists() and out.read_bytes().count(b"\n") == len(SYSLOG))
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(timeout=30)
    # Not splitlines, which takes U+2028 for the end of a line.
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]]
    assert [row["target_label"] for row in rows][:1] == ["User Action"] and len(rows) == len(SYSLOG), rows
    assert rows[0]["source"] == "app" and rows[0]["log_message"].strip() == "User 4711 logged out"
    assert rows[3]["target_label"] == "Unclassified"


def wait_for(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "nothing came within half a minute"
        time.sleep(0.05)
