#!/usr/bin/env python3
"""What labelling costs in Spark: a job with and without it, on two executors with a core each.

    benches/spark.py FOLDER [ROWS]

makes ROWS rows (1,000,000) of the corpus' messages with other numbers in them, as Parquet in FOLDER. It times
jobs that read them, take them through Python and write them: `identity` changes nothing, `cold` is the first
job of an application that labels, `warm` the same again. Then an executor, a Python worker and, under
TRANSFORM, a child are killed in the middle. Every result is held against the labels of `logclass classify` by
id. Needs pyspark, pyarrow and the installed package. Beyond a million, messages repeat.
"""

import csv
import glob
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from typing import NamedTuple

import pyarrow
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet

CORPUS = pathlib.Path(__file__).parents[1] / "resources" / "corpus"
TEMPLATES = 2_000
FILES = 8
DISTINCT = 1_000_000
SCHEMA = "id long, source string, log_message string"


def make(folder, rows):
    """Parquet for Spark and CSV for the command, of the same rows."""
    chooser = random.Random(1)
    lines = []
    for path in sorted(CORPUS.glob("*/*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            lines += [(row["source"], row["log_message"]) for row in csv.DictReader(file)]
    lines = chooser.sample(lines, TEMPLATES)
    (folder / "in").mkdir(parents=True)
    per_file = min(rows, DISTINCT) // FILES
    tables = []
    with (folder / "in.csv").open("wb") as out:
        for number in range(rows // per_file):
            ids = list(range(number * per_file, (number + 1) * per_file))
            if number >= FILES:
                write(folder, number, tables[number % FILES].set_column(0, "id", [ids]), out)
                continue
            sources, messages = [], []
            for _ in range(per_file):
                source, message = lines[int(chooser.random() ** 2 * TEMPLATES)]
                sources.append(source)
                # Other numbers, so that most messages differ, but none that templates tell apart.
                messages.append(
                    re.sub(r"\b[1-9]\d{2,}\b", lambda _: str(chooser.randrange(600, 99_999)), message)
                )
            tables.append(pyarrow.table({"id": ids, "source": sources, "log_message": messages}))
            write(folder, number, tables[number], out)


def write(folder, number, table, out):
    """A file of Parquet, and the same rows behind those of the CSV."""
    pyarrow.parquet.write_table(table, folder / "in" / f"{number}.parquet", row_group_size=125_000)
    pyarrow.csv.write_csv(table, out, pyarrow.csv.WriteOptions(include_header=number == 0))


def the_command(folder):
    """The labels of the command line, in the order of the ids; and how long it took."""
    begin = time.monotonic()
    subprocess.run(
        [
            sys.executable,
            "-m",
            "logclass",
            "classify",
            "--quiet",
            folder / "in.csv",
            "-o",
            folder / "labelled.csv",
        ],
        check=True,
    )
    seconds = time.monotonic() - begin
    options = pyarrow.csv.ConvertOptions(include_columns=["id", "target_label"])
    parsing = pyarrow.csv.ParseOptions(newlines_in_values=True)
    table = pyarrow.csv.read_csv(folder / "labelled.csv", convert_options=options, parse_options=parsing)
    return table.sort_by("id").column("target_label").combine_chunks(), seconds


def check(folder, expected):
    """Holds a job's output against the command's labels: as many rows, as many ids, the same labels."""
    table = pyarrow.parquet.read_table(folder, columns=["id", "target_label"]).sort_by("id")
    assert table.num_rows == len(expected), (table.num_rows, len(expected))
    assert len(table.column("id").unique()) == len(expected)
    same = pyarrow.compute.equal(
        table.column("target_label").combine_chunks().cast("string"), expected.cast("string")
    )
    assert pyarrow.compute.all(same).as_py(), "labels differ"


def session():
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    spark = (
        SparkSession.builder.master("local-cluster[2,1,1024]")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.files.maxPartitionBytes", str(16 << 20))
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("OFF")
    return spark


def identity(df):
    """What any job through Python costs."""
    return df.mapInArrow(lambda batches: batches, df.schema)


def timed(job, out):
    """Seconds that the job takes, and core-seconds of executors and Python workers."""
    shutil.rmtree(out, ignore_errors=True)
    begin, before = time.monotonic(), core_seconds()
    job.write.parquet(str(out))
    return Cost(time.monotonic() - begin, core_seconds() - before)


class Cost(NamedTuple):
    """What a job takes."""

    seconds: float
    cores: float

    def __str__(self):
        return f"{self.seconds:.1f} s, {self.cores:.1f} core-seconds"

    def against(self, other):
        """The same, and how many times another one that is."""
        seconds, cores = self.seconds / other.seconds, self.cores / other.cores
        return f"{self} ({seconds:.2f} and {cores:.2f} times identity)"


def core_seconds():
    """Of every process below this one, and of those of theirs that have ended."""
    total = 0
    for process, _, _ in set(descendants(os.getpid())):
        try:
            fields = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(field) for field in fields[11:15])
    return total / os.sysconf("SC_CLK_TCK")


def median(job, out):
    """The cost of the middle one of three runs."""
    return sorted(timed(job, out) for _ in range(3))[1]


def descendants(process):
    """Every process below this one, with its command line."""
    found = []
    for path in glob.glob(f"/proc/{process}/task/*/children"):
        try:
            children = pathlib.Path(path).read_text().split()
        except OSError:
            continue
        for child in children:
            try:
                command = pathlib.Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                parent = int(pathlib.Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            found.append((int(child), parent, command))
            found += descendants(child)
    return found


def victim(kind):
    """An executor, a Python worker (a child of a daemon), or the child of a TRANSFORM."""
    below = descendants(os.getpid())
    daemons = {process for process, parent, command in below if "pyspark.daemon" in command}
    parents = {parent for _, parent, _ in below}
    matching = {
        "executor": [
            process
            for process, _, command in below
            if "CoarseGrainedExecutorBackend" in command and "java" in command
        ],
        "worker": [process for process, parent, _ in below if parent in daemons],
        "child": [
            process
            for process, _, command in below
            if "logclass classify" in command and process not in parents
        ],
    }[kind]
    return matching[0] if matching else None


def killed(kind, job, out, after):
    """Runs a job and kills one of its processes in the middle; returns whether there was one."""
    done = []

    def kill():
        # A child is there from the task's first moment.
        while not done and victim(kind) is None:
            time.sleep(0.05)
        time.sleep(after)
        while not done:
            if process := victim(kind):
                os.kill(process, signal.SIGKILL)
                done.append(process)
            time.sleep(0.05)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    cost = timed(job, out)
    happened = bool(done)
    done.append(None)
    killer.join()
    return happened, cost


def main():
    folder = pathlib.Path(sys.argv[1])
    rows = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    if not (folder / "in.csv").exists():
        make(folder, rows)
    expected, seconds = the_command(folder)
    print(f"{len(expected):,} rows; the command: {seconds:.1f} s", flush=True)
    verdicts = folder / "templates.verdicts"
    if not verdicts.exists():
        command = [sys.executable, "-m", "logclass", "learn", "--quiet", folder / "in.csv", "-o", verdicts]
        subprocess.run(command, check=True)

    from logclass.spark import classify

    out = folder / "out"
    spark = session()
    df = spark.read.schema(SCHEMA).parquet(str(folder / "in"))
    # So that executors, code generation and Python workers are there before anything is timed.
    timed(identity(df), out)
    plain = median(identity(df), out)
    print(f"identity: {plain}", flush=True)
    for name, options in [("with verdicts", {"verdicts": verdicts}), ("without verdicts", {})]:
        cold = timed(classify(df, **options), out)
        check(out, expected)
        warm = median(classify(df, **options), out)
        check(out, expected)
        print(f"{name}: cold {cold.against(plain)}, warm {warm.against(plain)}", flush=True)
    for kind in ("worker", "executor"):
        happened, cost = killed(kind, classify(df, verdicts=verdicts), out, warm.seconds / 3)
        check(out, expected)
        print(
            f"kill -9 of a {kind} ({'done' if happened else 'too late'}): {cost.seconds:.1f} s, all rows right",
            flush=True,
        )
    df.createOrReplaceTempView("logs")
    command = f"{sys.executable} -m logclass classify --format ndjson --quiet --verdicts {verdicts}"
    job = spark.sql(
        "SELECT CAST(get_json_object(row, '$.id') AS long) AS id, "
        "get_json_object(row, '$.target_label') AS target_label FROM (SELECT "
        f"TRANSFORM(to_json(struct(id, source, log_message))) USING '{command}' AS (row STRING) FROM logs)"
    )
    cost = timed(job, out)
    check(out, expected)
    print(f"TRANSFORM: {cost.against(plain)}", flush=True)
    happened, cost = killed("child", job, out, 1)
    check(out, expected)
    print(
        f"kill -9 of a child ({'done' if happened else 'too late'}): {cost.seconds:.1f} s, all rows right",
        flush=True,
    )
    spark.stop()


if __name__ == "__main__":
    main()
