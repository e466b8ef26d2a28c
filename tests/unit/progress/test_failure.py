"""Exceptions of every kind in words that an update can carry."""

from collections.abc import Callable

import pytest

from plateflow.errors import ImageError, InputError
from plateflow.pipeline.step_checks import NAME_LIMIT
from plateflow.progress.carried import ERROR_LIMIT
from plateflow.progress.failure import TRACEBACK_LIMIT, describe
from plateflow.progress.strict import LINE_LIMIT
from plateflow.progress.update import ProgressPhase, ProgressStatus, ProgressUpdate, encode


class TwoArgumentsError(Exception):
    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what} because {why}")


class BrokenTextError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class UnpicklableError(Exception):
    def __init__(self) -> None:
        self.hold = lambda: None
        super().__init__("held")


def raised(raise_it: Callable[[], object]) -> BaseException:
    try:
        raise_it()
    except BaseException as e:  # noqa: BLE001 - whatever it is, it is wanted
        return e
    raise AssertionError("nothing was raised")


def throw(error: BaseException) -> Callable[[], object]:
    def raise_it() -> None:
        raise error

    return raise_it


def recurse() -> None:
    recurse()


def chained() -> None:
    try:
        raise KeyError("inner")
    except KeyError as e:
        raise ValueError("outer") from e


@pytest.mark.parametrize(
    ("raise_it", "text"),
    [
        (throw(ValueError("too bright")), "ValueError: too bright"),
        (throw(ImageError("A.tif: is cut off")), "A.tif: is cut off"),
        (throw(ImageError("")), "plateflow.errors.ImageError"),
        (throw(TwoArgumentsError("a", "b")), "TwoArgumentsError: a because b"),
        (throw(BrokenTextError()), "BrokenTextError: <exception str() failed>"),
        (throw(UnpicklableError()), "UnpicklableError: held"),
        (throw(SystemExit(3)), "SystemExit: 3"),
        (throw(KeyboardInterrupt()), "KeyboardInterrupt"),
        (throw(MemoryError()), "MemoryError"),
        (recurse, "RecursionError: maximum recursion depth exceeded"),
        (throw(OSError(28, "No space left on device", "x.zarr")), "No space left on device: 'x.zarr'"),
        (throw(ValueError("\ud800")), "ValueError: \\ud800"),
    ],
)  # fmt: skip
def test_type_and_text(raise_it: Callable[[], object], text: str) -> None:
    failure = describe(raised(raise_it))
    assert failure.error.endswith(text) or failure.error.startswith(text)
    assert "Traceback (most recent call last)" in failure.traceback
    assert "raise_it" in failure.traceback or "recurse" in failure.traceback


def test_what_the_library_refuses_has_no_traceback() -> None:
    failure = describe(raised(throw(InputError("no column 'a'; there are: b"))))
    assert (failure.error, failure.traceback) == ("no column 'a'; there are: b", "")


def test_a_chain_of_exceptions_is_told_whole() -> None:
    failure = describe(raised(chained))
    assert failure.error == "ValueError: outer"
    assert "KeyError: 'inner'" in failure.traceback


@pytest.mark.parametrize(
    "character", ["x", "\0", "\ud800", "\U0001f52c"], ids=["plain", "control", "surrogate", "wide"]
)
def test_a_huge_message_fits_a_line_and_keeps_the_frames(character: str) -> None:
    failure = describe(raised(throw(ValueError(character * 1_000_000))))
    assert (len(failure.error), len(failure.traceback)) <= (ERROR_LIMIT, TRACEBACK_LIMIT)
    assert "raise_it" in failure.traceback
    update = ProgressUpdate.now(
        execution_id="e" * 32,
        plate_id="/" + "p" * 4000,
        axis_id="B06",
        step_name="s" * NAME_LIMIT,
        total_steps=1,
        phase=ProgressPhase.PATTERN_GROUP,
        status=ProgressStatus.ERROR,
        completed=0,
        total=1,
        error=failure.error,
        traceback=failure.traceback,
    )
    assert len(encode(update)) < LINE_LIMIT
