"""`logclass.spark` on a cluster of two workers, whose executors are processes of their own."""

import csv
import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import zipfile

import logclass
import pytest
from nasty import NASTY, NOT_UTF8

pytest.importorskip("pyspark", reason="pyspark is not installed (extra engines)")
pytest.importorskip("pyarrow")
if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
    pytest.skip("no Java, which Spark runs on", allow_module_level=True)

from logclass.spark import classify, register  # noqa: E402

TRANSFORM = "classify --format ndjson --quiet"


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    folder = tmp_path_factory.mktemp("spark")
    session = (
        SparkSession.builder.master("local-cluster[2,1,1024]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.warehouse.dir", str(folder / "warehouse"))
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", "2000")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


@pytest.fixture(scope="module")
def nasty(spark):
    rows = [(index, "app", message) for index, message in enumerate(NASTY)]
    return spark.createDataFrame(rows, "id int, source string, log_message string").cache()


@pytest.fixture(scope="module")
def logs(spark):
    """Some ten thousand rows of a few templates."""
    lines = [
        "User %d logged out",
        "ERROR worker %d crashed while reading block 9",
        "GET /items/%d HTTP/1.1 404 12",
        "Backup of volume %d finished",
        "Disk usage of node %d is at 97 percent",
        "",
    ]
    choice = " ".join(f"WHEN {index} THEN '{line}'" for index, line in enumerate(lines))
    message = f"format_string(CASE id % {len(lines)} {choice} END, id) AS log_message"
    return spark.range(0, 24_000, numPartitions=6).selectExpr("id", "'app' AS source", message)


def the_command(rows):
    """The labels of `logclass classify`, by id."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["id", "source", "log_message"])
    writer.writerows((row.id, row.source, row.log_message) for row in rows)
    ran = subprocess.run(
        [sys.executable, "-m", "logclass", "classify", "--quiet"],
        input=table.getvalue().encode(),
        capture_output=True,
        check=True,
    )
    return {
        int(row["id"]): row["target_label"]
        for row in csv.DictReader(io.StringIO(ran.stdout.decode(), newline=""))
    }


@pytest.fixture(scope="module")
def expected(logs):
    return the_command(logs.collect())


def labels(df, label="target_label"):
    """The labels by id, and a check that no id comes twice."""
    rows = df.select("id", label).collect()
    assert len({row.id for row in rows}) == len(rows)
    return {row.id: row[label] for row in rows}


def test_labels_are_those_of_the_command_by_id(logs, expected):
    assert len(expected) == 24_000 and len(set(expected.values())) > 3
    labelled = classify(logs)
    assert labelled.columns == ["id", "source", "log_message", "target_label"]
    assert labels(labelled) == expected


def test_nasty_rows_come_back_with_their_labels(spark, nasty):
    found = labels(classify(nasty))
    assert [found[index] for index in range(len(NASTY))] == logclass.Classifier().classify(NASTY)
    register(spark)
    nasty.createOrReplaceTempView("nasty")
    assert labels(spark.sql("SELECT id, logclass(source, log_message) AS label FROM nasty"), "label") == found
    # Bytes, and a string that holds what is no text.
    raw = spark.createDataFrame(
        [(0, NOT_UTF8), (1, None), (2, b"User 4711 logged out")], "id int, raw binary"
    )
    raw = raw.selectExpr("id", "raw", "CAST(raw AS string) AS text")
    in_bytes = labels(classify(raw, message="raw"))
    assert (in_bytes[1], in_bytes[2]) == ("Unclassified", "User Action") and len(in_bytes) == 3
    assert labels(classify(raw.select("id", "text"), message="text")) == in_bytes
    kept = classify(raw, message="raw").orderBy("id").collect()
    assert bytes(kept[0].raw) == NOT_UTF8


def test_every_type_comes_through_and_names_may_be_odd(spark):
    df = spark.sql(
        "SELECT 'User 1 logged out' AS `log.message`, 1 AS twice, 2 AS twice, "
        "named_struct('b', named_struct('Body', 'Backup done')) AS s, CAST(1.5 AS decimal(9, 2)) AS d, "
        "map('a', array(1)) AS m, timestamp'2026-03-02 08:00:23' AS t, CAST(NULL AS string) AS n"
    )
    labelled = classify(df, message="log.message", explain=True, label="kind")
    assert labelled.schema.fields[:-4] == df.schema.fields
    assert labelled.columns[-4:] == ["kind", "label_stage", "label_confidence", "label_reason"]
    row = labelled.collect()[0]
    assert row[:8] == df.collect()[0][:8] and row.kind == "User Action" and 0 < row.label_confidence <= 1
    assert (
        classify(df, message="s.b.body").collect()[0].target_label
        == logclass.Classifier().classify(["Backup done"])[0]
    )
    assert classify(df, message="n").collect()[0].target_label == "Unclassified"
    assert classify(df.where("1 = 0"), message="n").count() == 0


def test_schema_and_files_are_checked_when_the_query_is_planned(spark, nasty, tmp_path):
    cases = [
        (
            {"message": "nope"},
            'no column "nope"; the columns are "id", "source", "log_message": '
            "name the right one with message=",
        ),
        (
            {"message": "id"},
            'column "id" is int: expected string or binary, cast it or name another with message=',
        ),
        ({"label": "SOURCE"}, 'there is a column "SOURCE" already: name another with label=, or drop it'),
        ({"min_confidence": 3}, "min_confidence: expected a number from 0 to 1"),
    ]
    for options, said in cases:
        with pytest.raises(logclass.UsageError) as raised:
            classify(nasty, **options)
        assert str(raised.value) == said
    with pytest.raises(logclass.Error, match="none.verdicts"):
        classify(nasty, verdicts=tmp_path / "none.verdicts")
    with pytest.raises(logclass.UsageError, match='2 columns "log_message"'):
        classify(spark.sql("SELECT 'a' AS log_message, 'b' AS LOG_MESSAGE"))


def test_a_worker_keeps_its_classifier_between_tasks(logs):
    classify(logs).write.format("noop").mode("overwrite").save()

    def inside(batches):
        import pyarrow
        from logclass.spark import _classifiers

        for _ in batches:
            pass
        options = [
            one for one in _classifiers if one.config is None and one.verdicts is None and not one.explain
        ]
        ids = [(os.getpid(), id(_classifiers[one]), _classifiers[one].encoded) for one in options]
        columns = zip(*ids) if ids else [[], [], []]
        yield pyarrow.RecordBatch.from_arrays(
            [pyarrow.array(list(column), pyarrow.int64()) for column in columns],
            names=["pid", "it", "encoded"],
        )

    seen = logs.mapInArrow(inside, "pid long, it long, encoded long").collect()
    classify(logs).write.format("noop").mode("overwrite").save()
    again = logs.mapInArrow(inside, "pid long, it long, encoded long").collect()
    assert seen and set(again) <= set(seen), (seen, again)
    assert len(set(seen)) <= 2 and all(row.encoded < 20 for row in seen)


def test_verdicts_models_and_rules_are_shipped(spark, tmp_path):
    log = tmp_path / "a.csv"
    words = ["one", "two", "three"]
    log.write_text("log_message\n" + "".join(f"lease {word} is late\n" for word in words))
    verdicts = tmp_path / "a.verdicts"
    logclass.learn(log, verdicts, no_source=True)
    config = tmp_path / "my config.toml"
    rows = spark.createDataFrame(
        [(index, f"lease {word} is late") for index, word in enumerate(words)], "id int, log_message string"
    )
    plain = labels(classify(rows))
    warm = classify(rows, verdicts=verdicts)
    verdicts.unlink()
    assert labels(warm) == plain
    # The same name with other contents is another file.
    for label in ("Mine", "Yours"):
        config.write_text(f'[[rule]]\nlabel = "{label}"\npattern = "lease"\n')
        assert set(labels(classify(rows, config=config)).values()) == {label}
    register(spark, "mine", config=config)
    rows.createOrReplaceTempView("leases")
    assert labels(spark.sql("SELECT id, mine(log_message) AS label FROM leases"), "label") == dict.fromkeys(
        range(3), "Yours"
    )


def test_a_stream_of_files_is_labelled_once_each(spark, logs, expected, tmp_path):
    incoming, out = str(tmp_path / "in"), str(tmp_path / "out")
    logs.where("id < 6000").write.json(incoming)

    def run():
        stream = spark.readStream.schema(logs.schema).json(incoming)
        writing = classify(stream).writeStream.format("parquet").trigger(availableNow=True)
        writing.option("checkpointLocation", str(tmp_path / "checkpoint")).start(out).awaitTermination()

    run()
    assert spark.read.parquet(out).count() == 6_000
    logs.where("id >= 6000 AND id < 9000").write.mode("append").json(incoming)
    run()
    assert labels(spark.read.parquet(out)) == {key: label for key, label in expected.items() if key < 9_000}


@pytest.mark.parametrize("victim", ["worker", "executor"])
def test_rows_are_complete_although_a_process_is_killed_in_the_middle(
    spark, logs, expected, tmp_path, victim
):
    marker = str(tmp_path / "killed")

    def kill_once(batches):
        # In the Python worker in front of the one that labels; both are children of the executor's daemon.
        for number, batch in enumerate(batches):
            if number == 1:
                try:
                    os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
                except FileExistsError:
                    pass
                else:
                    daemon = os.getppid()
                    with open(f"/proc/{daemon}/stat") as stat:
                        executor = int(stat.read().rpartition(")")[2].split()[1])
                    with open(f"/proc/{daemon}/task/{daemon}/children") as children:
                        siblings = [
                            int(child) for child in children.read().split() if int(child) != os.getpid()
                        ]
                    for process in [executor] if victim == "executor" else siblings:
                        os.kill(process, signal.SIGKILL)
            yield batch

    out = str(tmp_path / "out")
    classify(logs.mapInArrow(kill_once, logs.schema)).write.parquet(out)
    assert os.path.exists(marker)
    written = spark.read.parquet(out)
    assert written.count() == 24_000
    assert labels(written) == expected


def transform(spark, view, command, options="map('ignoreNullFields', 'false')"):
    """Labels by id, from the recipe of docs/engines.md without Python."""
    return spark.sql(
        f"SELECT get_json_object(row, '$.id') AS id, get_json_object(row, '$.target_label') AS label FROM ("
        f"SELECT TRANSFORM(to_json(struct(id, source, log_message), {options})) "
        f"USING '{command}' AS (row STRING) FROM {view})"
    )


def test_without_python_transform_and_pipe_give_the_same_labels(spark, nasty, logs, expected, tmp_path):
    nasty.createOrReplaceTempView("nasty")
    logs.createOrReplaceTempView("logs")
    program = f"{sys.executable} -m logclass {TRANSFORM}"
    by_transform = {int(row.id): row.label for row in transform(spark, "nasty", program).collect()}
    assert by_transform == labels(classify(nasty))
    assert {int(row.id): row.label for row in transform(spark, "logs", program).collect()} == expected
    # A process that is killed in the middle fails its task, which runs again.
    dying = tmp_path / "dying"
    dying.write_text(
        f"#!/bin/sh\nif mkdir {tmp_path}/once 2>/dev/null; then head -n 100 | {program}; kill -9 $$; fi\n"
        f"exec {program}\n"
    )
    dying.chmod(0o755)
    assert {int(row.id): row.label for row in transform(spark, "logs", str(dying)).collect()} == expected
    assert (tmp_path / "once").exists()
    # The traps that the documentation names.
    with pytest.raises(Exception, match="status 1"):
        transform(spark, "nasty", program, "map('ignoreNullFields', 'true')").collect()
    tolerant = transform(
        spark, "nasty", f"{program} --on-bad-row unclassified", "map('ignoreNullFields', 'true')"
    )
    assert {int(row.id): row.label for row in tolerant.collect()} == by_transform
    lines = nasty.selectExpr(
        "to_json(struct(id, source, log_message), map('ignoreNullFields', 'false')) AS row"
    ).rdd.map(lambda row: row.row)
    piped = [json.loads(line) for line in lines.pipe(program, checkCode=True).collect()]
    assert {row["id"]: row["target_label"] for row in piped} == by_transform
    assert lines.pipe(f"{program} --no-such-flag").collect() == []
    with pytest.raises(Exception, match="No such process|exit|status|Pipe function"):
        lines.pipe(f"{program} --no-such-flag", checkCode=True).collect()


def test_the_package_is_shipped_without_installing_it(tmp_path):
    package = pathlib.Path(logclass.__file__).parent
    archive = tmp_path / "logclass.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(package.iterdir()):
            if path.is_file():
                file.write(path, f"logclass/{path.name}")
    code = f"""
from pyspark.sql import SparkSession
from logclass.spark import classify
spark = (SparkSession.builder.master("local-cluster[1,1,1024]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.archives", {str(archive)!r} + "#logclass_package")
    .config("spark.executorEnv.PYTHONPATH", "logclass_package").getOrCreate())
spark.sparkContext.setLogLevel("OFF")
df = spark.createDataFrame([("User 4711 logged out",)], "log_message string")
print([row.target_label for row in classify(df).collect()])
def where(batches):
    import logclass, pyarrow
    for batch in batches:
        yield pyarrow.RecordBatch.from_arrays([pyarrow.array([logclass.__file__])], names=["path"])
print(df.mapInArrow(where, "path string").collect()[0].path)
spark.stop()
"""
    environment = {**os.environ, "PYSPARK_PYTHON": sys.executable}
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
        env=environment,
    )
    assert ran.returncode == 0, ran.stderr[-3_000:]
    labelled, path = ran.stdout.splitlines()[-2:]
    assert labelled == "['User Action']"
    assert path.endswith("/logclass_package/logclass/__init__.py") and not path.startswith(str(package)), path
