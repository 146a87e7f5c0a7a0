"""The module and the command of the wheel, held against each other."""

import csv
import io
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time

import logclass
import pytest

MESSAGES = [
    "User 4711 logged out",
    "Backup of volume 7 finished",
    "ERROR: worker 3 crashed while reading block 9",
    "GET /index.html HTTP/1.1 200 512",
    "",
    None,
    "line one\nline two\ttab \"quoted\" \u2028 \x00 \r end",
    b"caf\xe9 was not found",
    "\ud800 half a pair",
    "x" * 1_000_000,
]


def command(*arguments, stdin=b""):
    return subprocess.run([sys.executable, "-m", "logclass", *arguments], input=stdin, capture_output=True, check=False)


def labels_of_the_command(messages, *flags):
    """Rows of `logclass classify` for these messages, header excluded."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["log_message"])
    for message in messages:
        if isinstance(message, bytes):
            message = message.decode("utf-8", "replace")
        writer.writerow([(message or "").encode("utf-8", "replace").decode() if message else ""])
    # A single empty cell is written as a quoted one, which is a record.
    ran = command("classify", "--no-source", "--quiet", "--only-label", *flags, stdin=table.getvalue().encode())
    assert ran.returncode == 0, ran.stderr
    return list(csv.reader(io.StringIO(ran.stdout.decode())))[1:]


@pytest.fixture(scope="module")
def classifier():
    return logclass.Classifier(explain=True)


def test_a_list_gets_the_labels_and_reasons_of_the_command(classifier):
    expected = labels_of_the_command(MESSAGES, "--explain")
    verdicts = classifier.explain(MESSAGES)
    assert classifier.classify(MESSAGES) == [row[0] for row in expected]
    # Half a pair is one unreadable character here and another text there; all the rest is the same to the last digit.
    for verdict, row in list(zip(verdicts, expected))[:8]:
        assert [verdict.label, verdict.stage, f"{verdict.confidence:.4f}", verdict.reason] == row
    assert verdicts[0].label == "User Action"
    assert verdicts[4] == ("Unclassified", "none", 0.0, "empty message")
    assert classifier.classify([]) == []
    assert logclass.Classifier().explain(MESSAGES) == verdicts


def test_every_kind_of_array_comes_back_as_its_kind(classifier):
    numpy = pytest.importorskip("numpy")
    pandas = pytest.importorskip("pandas")
    polars = pytest.importorskip("polars")
    pyarrow = pytest.importorskip("pyarrow")
    texts = [message for message in MESSAGES[:7] if message is not None]
    expected = classifier.classify(texts)
    for array in (numpy.array(texts), numpy.array(texts, dtype=object)):
        found = classifier.classify(array)
        assert isinstance(found, numpy.ndarray) and found.tolist() == expected
    series = pandas.Series(texts, index=range(10, 16))
    found = classifier.classify(series)
    assert isinstance(found, pandas.Series) and found.tolist() == expected
    assert found.index.tolist() == series.index.tolist()
    assert classifier.classify(pandas.Series([None, float("nan"), pandas.NA])).tolist() == ["Unclassified"] * 3
    found = classifier.classify(polars.Series(texts))
    assert isinstance(found, polars.Series) and found.to_list() == expected
    for kind in (
        pyarrow.string(),
        pyarrow.large_string(),
        pyarrow.binary(),
        pyarrow.large_binary(),
        pyarrow.string_view(),
        pyarrow.dictionary(pyarrow.int32(), pyarrow.string()),
    ):
        array = pyarrow.array(["zero", *texts, None], type=kind)[1:]
        found = classifier.classify(array)
        assert isinstance(found, pyarrow.Array) and found.to_pylist() == [*expected, "Unclassified"], kind
        chunked = pyarrow.chunked_array([array[:2], array[2:2], array[2:]])
        found = classifier.classify(chunked)
        assert [len(chunk) for chunk in found.chunks] == [2, 0, len(array) - 2]
        assert found.to_pylist() == [*expected, "Unclassified"]
    assert classifier.classify(pyarrow.nulls(3)).to_pylist() == ["Unclassified"] * 3
    assert classifier.classify(pyarrow.array([], pyarrow.string())).to_pylist() == []


def test_tables_come_back_with_their_columns_and_types_and_the_labels_appended(classifier):
    pyarrow = pytest.importorskip("pyarrow")
    pandas = pytest.importorskip("pandas")
    polars = pytest.importorskip("polars")
    plain = logclass.Classifier()
    texts = MESSAGES[:6]
    expected = plain.classify(texts)
    added = ["label_stage", "label_confidence", "label_reason"]
    schema = pyarrow.schema(
        [
            pyarrow.field("text", pyarrow.string(), metadata={"a": "b"}),
            pyarrow.field("app", pyarrow.string()),
            pyarrow.field("n", pyarrow.decimal128(9, 2)),
            pyarrow.field("tags", pyarrow.map_(pyarrow.string(), pyarrow.int8())),
        ],
        metadata={"made": "here"},
    )
    rows = [{"text": text, "app": None, "n": index, "tags": {"x": 1}} for index, text in enumerate(texts)]
    table = pyarrow.Table.from_pylist(rows, schema=schema)
    found = plain.classify(table, message="text", source="app")
    assert isinstance(found, pyarrow.Table)
    assert found.column("target_label").to_pylist() == expected
    assert found.drop_columns(["target_label"]).equals(table, check_metadata=True)
    batch = plain.classify(table.to_batches()[0], message="text")
    assert isinstance(batch, pyarrow.RecordBatch) and batch.column("target_label").to_pylist() == expected
    explained = classifier.classify(table, message="text", label="kind")
    assert explained.column_names == [*table.column_names, "kind", *added]
    empty = plain.classify(table.slice(0, 0), message="text")
    assert empty.num_rows == 0 and empty.schema.names[-1] == "target_label"
    frame = pandas.DataFrame({"log_message": texts, "n": range(6)}, index=list("abcdef"))
    found = plain.classify(frame)
    assert found["target_label"].tolist() == expected and found.index.tolist() == list("abcdef")
    assert "target_label" not in frame.columns
    assert classifier.classify(frame).columns.tolist() == ["log_message", "n", "target_label", *added]
    assert classifier.classify(frame[:0]).columns.tolist() == ["log_message", "n", "target_label", *added]
    found = classifier.classify(polars.DataFrame({"log_message": texts, "n": range(6)}))
    assert isinstance(found, polars.DataFrame) and found["target_label"].to_list() == expected
    assert found.columns == ["log_message", "n", "target_label", *added]
    for rows in (table, frame):
        with pytest.raises(logclass.UsageError, match='no column "nope"; the columns are "'):
            plain.classify(rows, message="nope")
    with pytest.raises(logclass.UsageError, match='there is a column "text" already'):
        plain.classify(table, message="text", label="text")


def test_source_and_severity_reach_rules_and_model(tmp_path):
    config = tmp_path / "logclass.toml"
    config.write_text('[[rule]]\nlabel = "Error"\nsource = "Crm"\npattern = "lead"\n[columns]\nmessage = "body"\n')
    classifier = logclass.Classifier(config=config)
    assert classifier.classify(["lead lost"], source=["Crm"]) == ["Error"]
    assert classifier.classify(["lead lost"], source="Crm") == ["Error"]
    assert classifier.explain(["lead lost"], source=["Web"])[0].stage != "rule"
    warned, plain = classifier.explain(["something odd"] * 2, severity=["error", None])
    assert warned.confidence != plain.confidence
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"body": ["lead lost"], "source": ["Crm"]})
    assert classifier.classify(frame)["target_label"].tolist() == ["Error"]
    with pytest.raises(logclass.UsageError, match="source: 2 values for 1 messages"):
        classifier.classify(["x"], source=["a", "b"])


def test_errors_are_exceptions_in_the_words_of_the_command(tmp_path):
    config = tmp_path / "bad.toml"
    config.write_text("min_confidence = 7\n")
    said = command("classify", "--config", str(config)).stderr.decode()
    with pytest.raises(logclass.UsageError) as raised:
        logclass.Classifier(config=config)
    assert f"logclass: {raised.value}\n" == said
    with pytest.raises(logclass.Error, match="missing.safetensors"):
        logclass.Classifier(model=tmp_path / "missing.safetensors")
    with pytest.raises(TypeError, match="message 1: expected str, bytes or None, got int"):
        logclass.Classifier().classify(["a", 1])
    with pytest.raises(logclass.UsageError, match="put it into a list"):
        logclass.Classifier().classify("one message")
    with pytest.raises(logclass.UsageError, match="threads"):
        logclass.Classifier(threads=0)
    with pytest.raises(logclass.Error, match="missing.csv"):
        logclass.evaluate(tmp_path / "missing.csv")
    with pytest.raises(logclass.UsageError, match="--no-such-flag"):
        logclass.evaluate(config, no_such_flag=True)


def test_verdicts_are_learned_and_travel(tmp_path):
    log = tmp_path / "a.csv"
    log.write_text("log_message\n" + "".join(f"lease {word} is late\n" for word in ("one", "two", "three")))
    path = logclass.learn(log, tmp_path / "a.verdicts", no_source=True, thorough=True)
    warm = logclass.Classifier(verdicts=path, thorough=True)
    cold = logclass.Classifier(thorough=True)
    messages = ["lease one is late", "lease three is late"]
    assert warm.classify(messages) == cold.classify(messages)
    assert (warm.encoded, cold.encoded) == (0, 2)
    with pytest.raises(logclass.UsageError, match="was made with other labels"):
        logclass.Classifier(verdicts=path, min_confidence=0.9)


def test_a_model_is_trained_and_evaluated(tmp_path):
    rows = [(f"order {index} {word}", label) for index in range(12) for word, label in
            (("paid in full by card", "Money"), ("shipped to the customer", "Parcel"))]
    labelled = tmp_path / "labelled.csv"
    words = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliett", "kilo", "lima"]
    with labelled.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["source", "log_message", "target_label"])
        for index, (message, label) in enumerate(rows):
            writer.writerow(["shop", f"{words[index // 2]} {message}", label])
    model = logclass.train(labelled, tmp_path / "mine.safetensors")
    classifier = logclass.Classifier(model=model, min_confidence=0.0)
    assert set(classifier.labels) == {"Unclassified", "Money", "Parcel"}
    figures = logclass.evaluate(labelled, model=model)
    assert figures["rows"] == 24, figures


def test_embeddings_are_unit_vectors_and_those_of_the_command(classifier, tmp_path):
    numpy = pytest.importorskip("numpy")
    vectors = classifier.embed(["User 4711 logged out", "Backup done"])
    assert vectors.shape == (2, 384) and vectors.dtype == numpy.float32
    assert numpy.allclose(numpy.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    log = tmp_path / "a.log"
    log.write_text("User 4711 logged out\nBackup done\n")
    ran = command("embed", str(log), "-o", str(tmp_path / "a.npy"), "--quiet")
    assert ran.returncode == 0, ran.stderr
    assert (numpy.load(tmp_path / "a.npy") == vectors).all()
    assert classifier.embed([]).shape == (0, 384)


def test_a_classifier_is_pickled_as_its_options(tmp_path):
    config = tmp_path / "logclass.toml"
    config.write_text('[[rule]]\nlabel = "Mine"\npattern = "ours"\n')
    classifier = pickle.loads(pickle.dumps(logclass.Classifier(config=config, threads=1)))
    assert classifier.classify(["this is ours"]) == ["Mine"]
    assert repr(classifier) == f"Classifier(config={str(config)!r}, threads=1)"


def label_in_another_process(classifier):
    return classifier.classify(["User 4711 logged out"] * 1_000)[-1]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_classifier_that_has_worked_works_behind_a_fork(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip("no such start")
    classifier = logclass.Classifier(threads=2)
    assert label_in_another_process(classifier) == "User Action"
    with multiprocessing.get_context(method).Pool(2) as pool:
        found = pool.map_async(label_in_another_process, [classifier] * 4).get(timeout=60)
    assert found == ["User Action"] * 4


def test_threads_share_a_classifier_and_python_goes_on():
    classifier = logclass.Classifier(thorough=True)
    messages = [f"{word} of shard {index % 7} was moved" for index in range(30_000) for word in ("lease", "row")]
    expected = classifier.classify(messages[:14]) * (len(messages) // 14)
    found, ticks = {}, 0
    threads = [
        threading.Thread(target=lambda key=key: found.update({key: classifier.classify(messages)})) for key in range(4)
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        ticks += 1
        time.sleep(0.001)
    assert ticks > 3
    assert all(labels[: len(expected)] == expected for labels in found.values())
    # Two wordings, and zero is told from other numbers.
    assert classifier.encoded == 4


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_ends_a_call_soon():
    # Thousands of templates of several hundred tokens each, which would take minutes.
    code = """
import itertools, logclass
words = ["lease", "shard", "row", "queue", "disk", "tenant", "cursor", "bucket", "socket", "volume"]
c = logclass.Classifier()
c.classify(["warm up"])
print("ready", flush=True)
try:
    c.classify([" ".join(words) * 30 + " " + " ".join(p) for p in itertools.permutations(words, 5)])
except KeyboardInterrupt:
    print("interrupted", c.classify(["User 4711 logged out"]), flush=True)
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "ready\n"
    time.sleep(2)
    begin = time.monotonic()
    child.send_signal(signal.SIGINT)
    assert child.stdout.readline() == "interrupted ['User Action']\n"
    assert time.monotonic() - begin < 20
    assert child.wait(timeout=20) == 0


def test_no_thread_is_started_at_import():
    code = "import logclass, os; c = logclass.Classifier(); print(len(os.listdir('/proc/self/task')))"
    if not os.path.isdir("/proc/self/task"):
        pytest.skip("no /proc")
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "1\n"


def test_the_command_is_the_one_of_the_binary(tmp_path):
    version = command("--version")
    assert version.returncode == 0 and version.stdout.startswith(f"logclass {logclass.__version__}\n".encode())
    refused = command("classify", "missing.csv")
    assert (refused.returncode, refused.stdout) == (1, b"")
    assert refused.stderr.startswith(b"logclass: missing.csv: ")
    assert command("classify", "--no-such-flag").returncode == 2
    labelled = command("classify", "--quiet", stdin=b"source,log_message\nApp,User 4711 logged out\n")
    assert labelled.stdout == b"source,log_message,target_label\nApp,User 4711 logged out,User Action\n"


def test_the_import_brings_no_library_that_is_not_used():
    heavy = ("typing", "numpy", "pandas", "polars", "pyarrow")
    code = f"import sys; sys.path[:] = {sys.path!r}; import logclass; print([one for one in {heavy} if one in sys.modules])"
    ran = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
