"""Faults that tests put into a worker process, by its environment: ``kill:well=B06:step=2:attempt=1``."""

from __future__ import annotations

import ctypes
import os
import re
import signal
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from plateflow.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

FAULT = "PLATEFLOW_FAULT"
"""Environment variable with the fault: ``KIND[:well=WELL][:step=N][:attempt=N]``."""
EXIT_CODE = 3


class InjectedError(Exception):
    """The fault of kind ``raise``."""


class Fault(NamedTuple):
    """What is to happen, and where: as a pattern group of a step begins."""

    kind: str
    well: str | None = None
    """Or ``plate:<step name>``; None: in each."""
    step: int | None = None
    """Its number, from 1; None: the first one."""
    attempt: int | None = None
    """From 1; None: in each."""

    def strike(self, well: str, step: int, attempt: int) -> None:
        """Do it, if this is the place.

        Parameters
        ----------
        well
            Its name.
        step
            Number of the step, from 1.
        attempt
            Of the well, from 1.

        Raises
        ------
        InjectedError
            Where the fault is to raise.
        """
        is_here = well == (self.well or well) and attempt == (self.attempt or attempt) and step == (self.step or 1)
        if is_here:
            _KINDS[self.kind]()


def read_fault(text: str) -> Fault | None:
    """Read what the environment variable holds; None where it is empty.

    Raises
    ------
    UserError
        If it is no fault.
    """
    if not text:
        return None
    try:
        return _parse(*re.split(":(?=well=|step=|attempt=)", text))  # a step over the whole plate is plate:NAME
    except (KeyError, ValueError) as e:
        kinds = "|".join(_KINDS)
        raise UserError(f"{FAULT}={text} is no fault; write {kinds}[:well=WELL][:step=N][:attempt=N]") from e


def _parse(kind: str, *places: str) -> Fault:
    if kind not in _KINDS:
        raise KeyError(kind)
    given = {name: value for name, _, value in (place.partition("=") for place in places)}
    well, numbers = given.pop("well", None), {name: int(value) for name, value in given.items()}
    fault = Fault(kind, well, numbers.pop("step", None), numbers.pop("attempt", None))
    if numbers:
        raise KeyError(*numbers)
    return fault


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _exit() -> NoReturn:
    os._exit(EXIT_CODE)


def _crash() -> None:
    ctypes.string_at(0)


def _hang() -> None:
    ctypes.PyDLL(None).pause()  # in C, with the interpreter's lock


def _stop() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _raise() -> NoReturn:
    raise InjectedError("asked for by the environment")


_KINDS: dict[str, Callable[[], None]] = {
    "kill": _kill,
    "exit": _exit,
    "segv": _crash,
    "hang": _hang,
    "stop": _stop,
    "raise": _raise,
}
