"""Labels log messages, offline, and says why.

>>> import logclass
>>> c = logclass.Classifier()
>>> c.classify(["User 4711 logged out"])
['User Action']

Rows may be lists, NumPy arrays, pandas, polars and pyarrow objects, and whatever else has an Arrow interface. Labels are those
of the command ``logclass classify`` for the same messages, without an LLM: a classifier never asks one.
"""

import os
import sys

# Not typing's NamedTuple: importing typing takes longer than everything else here.
from collections import namedtuple

from logclass._core import Core as _Core
from logclass._core import Error, UsageError, __version__

__all__ = ["Classifier", "Error", "UsageError", "Verdict", "__version__", "evaluate", "learn", "train"]


class Verdict(namedtuple("Verdict", ("label", "stage", "confidence", "reason"))):
    """What a message's label is, and why.

    label:
        one of the classifier's labels
    stage:
        ``rule``, ``model`` or ``none``
    confidence:
        a calibrated probability from 0 to 1; a rule's is 1
    reason:
        the rule's name, the training message most like this one, or why there is no label
    """

    __slots__ = ()


class Classifier:
    """Labels messages; what it learns of a template it knows in every later call.

    config:
        configuration file (``logclass.toml``); LOGCLASS_CONFIG where it is None
    model:
        model file made by ``train``; LOGCLASS_MODEL or else the bundled one where it is None
    verdicts:
        file of verdicts made by ``learn``, which spares the encoder for the templates in it
    explain:
        add ``label_stage``, ``label_confidence`` and ``label_reason`` to tables
    threads:
        threads to work on; one per processor where it is None
    rules, encoder, min_confidence, thorough:
        as ``--rules``, ``--encoder``, ``--min-confidence`` and ``--thorough`` of the command line

    Threads may share a classifier. It can be pickled, and used behind a fork: the other process builds its own from the same
    options, so the files must be there. Nothing is started before the first call.
    """

    def __init__(
        self,
        config=None,
        model=None,
        verdicts=None,
        explain=False,
        threads=None,
        *,
        rules=(),
        encoder=None,
        min_confidence=None,
        thorough=False,
    ):
        self._options = {
            "config": None if config is None else os.fspath(config),
            "model": None if model is None else os.fspath(model),
            "verdicts": None if verdicts is None else os.fspath(verdicts),
            "explain": bool(explain),
            "threads": threads,
            "rules": [rules] if isinstance(rules, str) else list(rules),
            "encoder": None if encoder is None else os.fspath(encoder),
            "min_confidence": min_confidence,
            "thorough": bool(thorough),
        }
        self._build()

    def _build(self):
        self._core, self._process = _Core(**self._options), os.getpid()

    def _live(self):
        # Threads do not outlive a fork, and a lock that one of them held would stay locked.
        if self._process != os.getpid():
            self._build()
        return self._core

    def __getstate__(self):
        return self._options

    def __setstate__(self, options):
        self._options = options
        self._build()

    def __repr__(self):
        given = {name: value for name, value in self._options.items() if value}
        return f"Classifier({', '.join(f'{name}={value!r}' for name, value in given.items())})"

    @property
    def labels(self):
        """Every label that a row can get."""
        return self._live().labels

    @property
    def encoded(self):
        """Templates that had to be encoded so far, because nothing was known of them and the lexical path was not sure."""
        return self._live().encoded

    def classify(self, rows, *, message=None, source=None, severity=None, label=None):
        """The labels of ``rows``, in their shape.

        A list gives a list, a NumPy array an array, a Series a Series, an Arrow array an Arrow array. A message is ``str`` or
        ``bytes``; one that is missing or empty is ``Unclassified``. ``source`` and ``severity`` are then one
        value for each message, or one for all of them.

        A table (a DataFrame, or anything in Arrow's tabular shape) comes back with the column ``target_label`` appended, and
        with the reasons if the classifier explains. ``message``, ``source``, ``severity`` and ``label`` are then names of columns. They
        default to ``log_message``, to ``source`` where the table has it, to none, and to ``target_label``, or what the configuration
        calls them.
        """
        core = self._live()
        kind = _kind(rows)
        if kind in ("pandas.DataFrame", "polars.DataFrame"):
            names = self._names(list(rows.columns), message, source, severity, label)
            return self._frame(core, rows, names, kind)
        if _is_arrow(rows) and kind != "polars.Series":
            if _is_table(rows):
                names = self._names(_column_names(rows), message, source, severity, label)
                return _like(rows, core.classify_arrow(rows, None, None, names), kind)
            length = len(rows) if hasattr(rows, "__len__") else None
            names = self._names([], message, None, None, label)
            sources, severities = (_arrow_values(value, length) for value in (source, severity))
            return _like(rows, core.classify_arrow(rows, sources, severities, names), kind)
        if message is not None or label is not None:
            raise UsageError("message= and label= name columns of a table")
        messages = _values(rows)
        sources, severities = (_values(value, len(messages)) for value in (source, severity))
        return _shaped(rows, core.classify_list(messages, sources, severities), kind)

    def explain(self, messages, *, source=None, severity=None):
        """A :class:`Verdict` for each of ``messages``: label, stage, confidence, reason."""
        core = self._live()
        if not self._options["explain"]:
            if getattr(self, "_explaining", (None, 0))[1] != os.getpid():
                self._explaining = (_Core(**{**self._options, "explain": True}), os.getpid())
            core = self._explaining[0]
        messages = _values(messages)
        sources, severities = (_values(value, len(messages)) for value in (source, severity))
        return [Verdict(*verdict) for verdict in core.explain_list(messages, sources, severities)]

    def embed(self, messages):
        """The sentence vectors of the templates of ``messages``: a NumPy array of 32-bit floats, a row for each."""
        import numpy

        vectors, dimensions = self._live().embed_list(_values(messages))
        return numpy.frombuffer(vectors, dtype=numpy.float32).reshape(-1, dimensions).copy()

    def _names(self, columns, message, source, severity, label):
        configured_source, configured_message, configured_label = self._core.columns
        if source is None:
            wanted = configured_source or "source"
            source = wanted if wanted in columns else None
        return {
            "message": message or configured_message or "log_message",
            "source": source,
            "severity": severity,
            "label": label or configured_label or "target_label",
        }

    def _frame(self, core, frame, names, kind):
        columns = [str(column) for column in frame.columns]
        for argument in ("message", "source", "severity"):
            name = names[argument]
            if name is not None and name not in columns:
                listed = ", ".join(f'"{column}"' for column in columns)
                raise UsageError(
                    f'no column "{name}"; the columns are {listed}: name the right one with {argument}='
                )
        new = [names["label"]]
        if self._options["explain"]:
            new += ["label_stage", "label_confidence", "label_reason"]
        for name in new:
            if name in columns:
                raise UsageError(f'there is a column "{name}" already: name another with label=, or drop it')
        parts = [None if names[part] is None else frame[names[part]] for part in ("message", "source", "severity")]
        if kind == "polars.DataFrame":
            import polars

            parts = [None if part is None else _polars_text(part) for part in parts]
            return frame.hstack(polars.DataFrame(core.added_columns(*parts, names["label"])))
        lists = [None if part is None else part.tolist() for part in parts]
        if not self._options["explain"]:
            return frame.assign(**{new[0]: core.classify_list(*lists)})
        verdicts = core.explain_list(*lists)
        added = zip(*verdicts) if verdicts else [[]] * len(new)
        return frame.assign(**{name: list(values) for name, values in zip(new, added)})


def train(inputs, output, **options):
    """Trains a model on labelled files and writes it to ``output``; returns its path.

    ``inputs`` is a path or several. Options are those of ``logclass train`` with underscores: ``precision=0.95``,
    ``group_column="program"``, ``prior="balanced"``.
    """
    _run("train", _paths(inputs), {**options, "output": os.fspath(output)})
    return os.fspath(output)


def learn(inputs, output, **options):
    """Writes a file of verdicts on the templates of logs, or adds to it; returns its path.

    Options are those of ``logclass learn``, with underscores: ``max_templates=100_000``, ``model="mine.safetensors"``.
    """
    _run("learn", _paths(inputs), {**options, "output": os.fspath(output)})
    return os.fspath(output)


def evaluate(labelled, **options):
    """The figures of ``logclass eval`` on a labelled file, as a dictionary.

    Options are those of ``logclass eval``, with underscores: ``model="mine.safetensors"``, ``cv=5``.
    """
    import json
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, "report.json")
        _run("eval", _paths(labelled), {**options, "json": report})
        with open(report, encoding="utf-8") as file:
            return json.load(file)


def _run(command, arguments, options):
    """Runs a command in a process of its own, which Ctrl-C ends, and raises what it says when it fails."""
    import subprocess

    flags = []
    for name, value in {"quiet": True, **options}.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            flags.append(flag)
        elif isinstance(value, (list, tuple)):
            flags += [f"{flag}={os.fspath(one) if isinstance(one, os.PathLike) else one}" for one in value]
        elif value is not None and value is not False:
            flags.append(f"{flag}={os.fspath(value) if isinstance(value, os.PathLike) else value}")
    ran = subprocess.run(
        [sys.executable, "-m", "logclass", command, *flags, "--", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if ran.returncode != 0:
        said = ran.stderr.strip().splitlines() or [f"logclass {command} ended with status {ran.returncode}"]
        told = [line for line in said if line.startswith(("logclass: ", "error: "))] or said
        words = told[-1].removeprefix("logclass: ").removeprefix("error: ") if told else ""
        raise (UsageError if ran.returncode == 2 else Error)(words)


def _paths(paths):
    one = isinstance(paths, (str, os.PathLike))
    return [os.fspath(path) for path in ([paths] if one else paths)]


def _kind(rows):
    """The library and the name of a type, without importing the library."""
    for one in type(rows).__mro__:
        library = one.__module__.partition(".")[0]
        if library in ("pandas", "polars", "pyarrow", "numpy"):
            name = one.__name__
            known = ("DataFrame", "Series", "Index", "Table", "RecordBatch", "Array", "ChunkedArray", "ndarray")
            if name in known:
                return f"{library}.{name}"
    return ""


def _is_arrow(rows):
    kind = _kind(rows)
    return not kind.startswith(("pandas.", "numpy.")) and (
        hasattr(rows, "__arrow_c_array__") or hasattr(rows, "__arrow_c_stream__")
    )


def _is_table(rows):
    return hasattr(rows, "schema") or hasattr(rows, "column_names")


def _column_names(table):
    names = getattr(table, "column_names", None)
    names = getattr(table.schema, "names", None) if names is None else names
    return list(names or [])


def _values(values, length=None):
    """A list of Python objects; one text stands for ``length`` of them."""
    if values is None:
        return None
    if isinstance(values, (str, bytes, bytearray)):
        if length is None:
            raise UsageError("expected messages in a list or an array, got a single one: put it into a list")
        return [values] * length
    for name in ("to_pylist", "to_list", "tolist"):
        convert = getattr(values, name, None)
        if convert is not None:
            return convert()
    return values if isinstance(values, (list, tuple)) else list(values)


def _arrow_values(values, length):
    """The same for rows that are an Arrow array."""
    if values is None or _is_arrow(values):
        return values
    import pyarrow

    if isinstance(values, (str, bytes)) and length is None:
        raise UsageError("one source for all rows needs rows that tell their number")
    return pyarrow.array(_values(values, length))


def _polars_text(series):
    """A Series as text: a column of something else has no messages."""
    import polars

    return series.cast(polars.String) if series.dtype in (polars.Categorical, polars.Enum, polars.Null) else series


def _shaped(rows, labels, kind):
    if kind == "numpy.ndarray":
        import numpy

        return numpy.array(labels, dtype=object)
    if kind == "pandas.Series":
        return type(rows)(labels, index=rows.index, name="target_label", dtype=object)
    if kind == "pandas.Index":
        import pandas

        return pandas.Index(labels, dtype=object)
    if kind == "polars.Series":
        import polars

        return polars.Series("target_label", labels, dtype=polars.String)
    return labels


def _like(rows, labelled, kind):
    """What came from an Arrow interface, in the library that the rows are of."""
    if kind.startswith("pyarrow."):
        import pyarrow

        convert = {
            "Table": pyarrow.table,
            "RecordBatch": pyarrow.record_batch,
            "Array": pyarrow.array,
            "ChunkedArray": pyarrow.chunked_array,
        }
        return convert[kind.partition(".")[2]](labelled)
    return labelled
