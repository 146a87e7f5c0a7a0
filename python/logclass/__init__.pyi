from os import PathLike
from typing import Any, Iterable, NamedTuple, Optional, Sequence, TypeVar, Union

import numpy

__version__: str

_Path = Union[str, "PathLike[str]"]
_Text = Union[str, bytes, None]
_Rows = TypeVar("_Rows")

class Error(Exception): ...
class UsageError(Error): ...

class Verdict(NamedTuple):
    label: str
    stage: str
    confidence: float
    reason: str

class Classifier:
    def __init__(
        self,
        config: Optional[_Path] = None,
        model: Optional[_Path] = None,
        verdicts: Optional[_Path] = None,
        explain: bool = False,
        threads: Optional[int] = None,
        *,
        rules: Union[str, Sequence[str]] = (),
        encoder: Optional[_Path] = None,
        min_confidence: Optional[float] = None,
        thorough: bool = False,
    ) -> None: ...
    @property
    def labels(self) -> list[str]: ...
    @property
    def encoded(self) -> int: ...
    def classify(
        self,
        rows: _Rows,
        *,
        message: Optional[str] = None,
        source: Any = None,
        severity: Any = None,
        label: Optional[str] = None,
    ) -> _Rows: ...
    def explain(
        self, messages: Iterable[_Text], *, source: Any = None, severity: Any = None
    ) -> list[Verdict]: ...
    def embed(self, messages: Iterable[_Text]) -> "numpy.ndarray[Any, numpy.dtype[numpy.float32]]": ...

def train(inputs: Union[_Path, Iterable[_Path]], output: _Path, **options: Any) -> str: ...
def learn(inputs: Union[_Path, Iterable[_Path]], output: _Path, **options: Any) -> str: ...
def evaluate(labelled: _Path, **options: Any) -> dict[str, Any]: ...
