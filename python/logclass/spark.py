"""Labels rows in Spark, on its workers.

>>> from logclass.spark import classify, register
>>> classify(spark.table("logs"), source="app").write.saveAsTable("labelled")
>>> register(spark)
>>> spark.sql("SELECT logclass(app, log_message) FROM logs")

Each Python worker holds one classifier for each set of options and keeps it between tasks.
Files (``verdicts``, ``model``, ``config``, rule packs) are read on the driver and shipped with ``addFile``.
Labels are those of ``logclass classify --no-llm``.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Optional, Union

from logclass import Classifier, UsageError

if TYPE_CHECKING:
    import pyarrow
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import DataType, StructType

__all__ = ["classify", "register"]

_Path = Union[str, "os.PathLike[str]"]

#: What ``explain`` adds behind the label.
_EXPLAINED = ("label_stage", "label_confidence", "label_reason")


class _File(NamedTuple):
    """A file that was shipped, by the name that it has on every worker."""

    name: str


class _Options(NamedTuple):
    """Those of a classifier. On the workers they are the key of the classifier that is made of them."""

    config: Optional[_File]
    model: Optional[_File]
    verdicts: Optional[_File]
    explain: bool
    threads: int
    rules: tuple[Union[str, _File], ...]
    encoder: Optional[str]
    min_confidence: Optional[float]


class _Column(NamedTuple):
    """A column's number, and the fields within it that lead to a text."""

    number: int
    fields: tuple[str, ...]


#: The classifiers of this worker: what one learned of a template serves later tasks as well.
_classifiers: dict[_Options, Classifier] = {}

#: Copies of shipped files, until the driver ends: an executor that joins late fetches them from here.
_shipped: Optional[tempfile.TemporaryDirectory[str]] = None


def classify(
    df: DataFrame,
    *,
    message: Optional[str] = None,
    source: Optional[str] = None,
    severity: Optional[str] = None,
    label: Optional[str] = None,
    explain: bool = False,
    config: Optional[_Path] = None,
    model: Optional[_Path] = None,
    verdicts: Optional[_Path] = None,
    rules: Union[str, Sequence[str]] = (),
    encoder: Optional[_Path] = None,
    min_confidence: Optional[float] = None,
    threads: int = 1,
) -> DataFrame:
    """``df`` with the column ``target_label`` appended, one row for each row, also for a streaming DataFrame.

    message, source, severity:
        names of columns of text or bytes, or of fields in structs (``log.body``). They default to
        ``log_message``, to ``source`` if there is such a column, and to none, or to what ``[columns]`` of the
        configuration says
    label:
        name of the column that is added
    explain:
        add ``label_stage``, ``label_confidence`` and ``label_reason`` as well
    config, model, verdicts, rules:
        as for :class:`logclass.Classifier`. Files are read here, now, and shipped to the workers
    encoder:
        a folder that is there on the driver and on every worker: it is not shipped
    threads:
        threads of one Python worker; Spark runs one worker for each task that runs at a time

    Raises :class:`logclass.UsageError` at once if a column is missing, is no text, or is there already, and
    :class:`logclass.Error` if a file does not do.
    """
    from pyspark.sql.types import FloatType, StringType, StructField, StructType

    options, classifier = _options(
        df.sparkSession, explain, config, model, verdicts, rules, encoder, min_confidence, threads
    )
    schema = df.schema
    exact = df.sparkSession.conf.get("spark.sql.caseSensitive", "false") == "true"
    names = classifier._names(_sensitive(schema.names, exact), message, source, severity, label)
    columns = tuple(
        None if names[argument] is None else _column(schema, names[argument], argument, exact)
        for argument in ("message", "source", "severity")
    )
    added = (names["label"], *(_EXPLAINED if explain else ()))
    present = {_folded(name, exact) for name in schema.names}
    for name in added:
        if _folded(name, exact) in present:
            raise UsageError(f'there is a column "{name}" already: name another with label=, or drop it')
    kinds = {"label_confidence": FloatType()}
    fields = [*schema.fields, *(StructField(name, kinds.get(name, StringType()), False) for name in added)]
    # Spark looks for the columns of such a function by name, and fails if one has a dot or occurs twice.
    numbers = [str(index) for index in range(len(fields))]
    numbered = [
        StructField(number, one.dataType, one.nullable, one.metadata) for number, one in zip(numbers, fields)
    ]
    rows = df.toDF(*numbers[: len(schema)])
    return rows.mapInArrow(partial(_labelled, options, columns, numbers), StructType(numbered)).toDF(
        *(one.name for one in fields)
    )


def register(
    spark: SparkSession,
    name: str = "logclass",
    *,
    config: Optional[_Path] = None,
    model: Optional[_Path] = None,
    verdicts: Optional[_Path] = None,
    rules: Union[str, Sequence[str]] = (),
    encoder: Optional[_Path] = None,
    min_confidence: Optional[float] = None,
    threads: int = 1,
) -> None:
    """Makes the label a function of SQL.

    It takes ``(message)``, ``(source, message)`` or ``(source, message, severity)``, as text or bytes.
    Options are those of :func:`classify`. Needs Spark 4.1, which has Arrow UDFs.
    """
    try:
        from pyspark.sql.functions import ArrowUDFType, arrow_udf
    except ImportError:
        raise UsageError("register needs Spark 4.1 or later: use classify, which needs 3.3") from None
    options, _ = _options(spark, False, config, model, verdicts, rules, encoder, min_confidence, threads)
    with warnings.catch_warnings():
        # It would rather read the kind from annotations, and does not find those of a partial function.
        warnings.simplefilter("ignore", UserWarning)
        function = arrow_udf(partial(_labels, options), "string", ArrowUDFType.SCALAR)
    spark.udf.register(name, function)


def _labelled(
    options: _Options,
    columns: tuple[Optional[_Column], ...],
    names: Sequence[str],
    batches: Iterator[pyarrow.RecordBatch],
) -> Iterator[pyarrow.RecordBatch]:
    """On a worker: batches with their labels."""
    import pyarrow

    classifier = _classifier(options)
    for batch in batches:
        texts = [None if column is None else _text(batch, column) for column in columns]
        new = _classified(classifier, *texts)
        yield pyarrow.RecordBatch.from_arrays([*batch.columns, *new], names=list(names))


def _labels(options: _Options, *columns: pyarrow.Array) -> pyarrow.Array:
    """On a worker: the labels for an Arrow UDF."""
    if len(columns) > 3:
        raise UsageError(
            f"expected (message), (source, message) or (source, message, severity), got {len(columns)}"
        )
    source = columns[0] if len(columns) > 1 else None
    message = columns[min(len(columns) - 1, 1)]
    severity = columns[2] if len(columns) > 2 else None
    return _classified(_classifier(options), message, source, severity)[0]


def _classified(
    classifier: Classifier,
    message: pyarrow.Array,
    source: Optional[pyarrow.Array],
    severity: Optional[pyarrow.Array],
) -> list[pyarrow.Array]:
    """The label's column, and those that explain it."""
    import pyarrow

    given = {"message": message, "source": source, "severity": severity}
    given = {name: values for name, values in given.items() if values is not None}
    table = pyarrow.RecordBatch.from_arrays(list(given.values()), names=list(given))
    arguments = {name: name if name in given else None for name in ("message", "source", "severity")}
    return classifier.classify(table, label="label", **arguments).columns[len(given) :]


def _text(batch: pyarrow.RecordBatch, column: _Column) -> pyarrow.Array:
    values = batch.column(column.number)
    if column.fields:
        import pyarrow.compute

        # A field of a struct that is null is null, whatever lies under it.
        values = pyarrow.compute.struct_field(values, list(column.fields))
    return values


def _classifier(options: _Options) -> Classifier:
    """The classifier of this worker for ``options``."""
    from pyspark import SparkFiles

    def local(value: object) -> object:
        return SparkFiles.get(value.name) if isinstance(value, _File) else value

    if options not in _classifiers:
        given: dict[str, Any] = {name: local(value) for name, value in options._asdict().items()}
        given["rules"] = [local(rule) for rule in options.rules]
        _classifiers[options] = Classifier(**given)
    return _classifiers[options]


def _options(
    spark: SparkSession,
    explain: bool,
    config: Optional[_Path],
    model: Optional[_Path],
    verdicts: Optional[_Path],
    rules: Union[str, Sequence[str]],
    encoder: Optional[_Path],
    min_confidence: Optional[float],
    threads: int,
) -> tuple[_Options, Classifier]:
    """Options for the workers, and a classifier of the driver's own, so that errors are raised here."""
    # The driver's variables decide, as on its command line. Workers do not have them.
    config = config or os.environ.get("LOGCLASS_CONFIG") or None
    model = model or os.environ.get("LOGCLASS_MODEL") or None
    rules = [rules] if isinstance(rules, str) else [os.fspath(rule) for rule in rules]
    classifier = Classifier(
        config, model, verdicts, explain, threads, rules=rules, encoder=encoder, min_confidence=min_confidence
    )
    options = _Options(
        config=_ship(spark, config),
        model=_ship(spark, model),
        verdicts=_ship(spark, verdicts),
        explain=explain,
        threads=threads,
        rules=tuple(_ship(spark, rule) if os.path.isfile(rule) else rule for rule in rules),
        encoder=None if encoder is None else os.fspath(encoder),
        min_confidence=min_confidence,
    )
    return options, classifier


def _ship(spark: SparkSession, path: Optional[_Path]) -> Optional[_File]:
    """Sends a file to every worker.

    Its name says what is in it, since Spark never sends another file of the same name.
    """
    global _shipped
    if path is None:
        return None
    with open(path, "rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", os.path.basename(os.fspath(path)))
    name = f"logclass-{digest.hexdigest()[:16]}-{plain}"
    if _shipped is None:
        _shipped = tempfile.TemporaryDirectory(prefix="logclass-")
    copy = os.path.join(_shipped.name, name)
    if not os.path.exists(copy):
        shutil.copyfile(path, copy)
    if hasattr(spark, "_jsc"):
        spark.sparkContext.addFile(copy)
    else:  # Spark Connect has no context
        spark.addArtifacts(copy, file=True)
    return _File(name)


def _folded(name: str, exact: bool) -> str:
    return name if exact else name.lower()


def _sensitive(names: Sequence[str], exact: bool) -> list[str]:
    """The names of columns, and ``source`` as well where Spark would find it in another case."""
    found = [name for name in names if _folded(name, exact) == "source"]
    return [*names, "source"] if found else list(names)


def _column(schema: StructType, name: str, argument: str, exact: bool) -> _Column:
    """The column of this name, or the field of a struct by its path."""
    index, fields, kind = _found(schema, name, argument, exact)
    if kind.typeName() not in ("string", "binary", "char", "varchar", "void"):
        raise UsageError(
            f'column "{name}" is {kind.simpleString()}: expected string or binary, '
            f"cast it or name another with {argument}="
        )
    return _Column(index, fields)


def _found(
    schema: StructType, name: str, argument: str, exact: bool
) -> tuple[int, tuple[str, ...], DataType]:
    from pyspark.sql.types import StructType

    def position(struct: StructType, name: str) -> Optional[int]:
        at = [
            index for index, field in enumerate(struct.names) if _folded(field, exact) == _folded(name, exact)
        ]
        if len(at) > 1:
            raise UsageError(
                f'there are {len(at)} columns "{name}": rename one of them, or name another with {argument}='
            )
        return at[0] if at else None

    index = position(schema, name)
    if index is not None:
        return index, (), schema[index].dataType
    first, *path = name.split(".")
    index = position(schema, first)
    if index is not None and path:
        kind, fields = schema[index].dataType, []
        while path and isinstance(kind, StructType) and (at := position(kind, path[0])) is not None:
            fields.append(kind.names[at])
            kind = kind[at].dataType
            del path[0]
        if not path:
            return index, tuple(fields), kind
    listed = ", ".join(f'"{column}"' for column in schema.names)
    raise UsageError(f'no column "{name}"; the columns are {listed}: name the right one with {argument}=')
