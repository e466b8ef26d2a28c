"""A pipeline: named steps in order, how its names map to a plate's channels, and the file that it is loaded from."""

from __future__ import annotations

import os
import sys
import traceback
import types
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from plateflow.errors import PipelineError, UserError
from plateflow.pipeline.nearest import did_you_mean
from plateflow.pipeline.options import PIPELINE, check_options
from plateflow.pipeline.settings import set_parameters
from plateflow.pipeline.source_file import decode_text, read_file
from plateflow.pipeline.step import FunctionStep
from plateflow.pipeline.step_checks import check_name
from plateflow.pipeline.toml import SUFFIX, TomlError, read_toml
from plateflow.progress.failure import describe
from plateflow.storage.regular import real_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

SequentialComponent: TypeAlias = Literal["site", "z", "timepoint"]
MODULE = "plateflow_pipeline"
"""``__name__`` of a pipeline file while it runs, so that ``if __name__ == "__main__"`` does not."""


@dataclass(frozen=True, slots=True)
class PipelineSource:
    """The file that a pipeline came from, as it was when it was read."""

    path: str
    text: str


class SourceError(PipelineError):
    """A pipeline file does not run.

    Attributes
    ----------
    line : int
        Where, from 1; 0 where that is not known.
    problem : str
        Why, without the file's name.
    """

    def __init__(self, path: str, line: int, problem: str) -> None:
        self.line = line
        self.problem = problem
        super().__init__(f"{path}:{line}: {problem}" if line else f"{path}: {problem}")


@dataclass(frozen=True, slots=True, init=False)
class Pipeline:
    """Steps to run over every well of a plate.

    Parameters
    ----------
    name
        Shown to people and in results.
    steps
        In order; two steps of one name get ``_2``, ``_3`` appended.
    channels
        The pipeline's own names for channels: ``{"DNA": "2"}``; the plate's number or, where unique, its label.
    filenames
        Regular expression with named groups, for plates that no vendor reader claims.
    metadata
        CSV of one row a well, absolute or in the plate's folder.
    sequential
        Components by whose values all steps are done, one value after the other: with ``"site"`` one site's images are
        in memory at a time.
    source
        The file that it is from.
    settings
        Parameters that are set anew, ``"find_nuclei.min_diameter=10"``.

    Raises
    ------
    PipelineError
        If there are no steps that are enabled, or something else than steps among them.
    """

    name: str
    listed: tuple[FunctionStep, ...]
    """As they were given, with those that are not enabled."""
    steps: tuple[FunctionStep, ...]
    """Those that run."""
    channels: dict[str, str]
    filenames: str | None
    metadata: str | None
    source: PipelineSource | None
    sequential: tuple[SequentialComponent, ...]
    settings: tuple[str, ...]
    """``STEP.PARAMETER=VALUE`` each: what is set for this run beside what the file says."""

    def __init__(
        self,
        name: str,
        steps: Iterable[FunctionStep],
        *,
        channels: Mapping[str, str] | None = None,
        filenames: str | None = None,
        metadata: str | None = None,
        sequential: SequentialComponent | Iterable[SequentialComponent] = (),
        source: PipelineSource | None = None,
        settings: Iterable[str] = (),
    ) -> None:
        check_name("pipeline", name)
        given = {
            "steps": steps,
            "channels": channels,
            "filenames": filenames,
            "metadata": metadata,
            "sequential": sequential,
        }
        check_options(f"pipeline {name!r}", PIPELINE, given)
        ordered = tuple(steps)
        for number, step in enumerate(ordered, start=1):
            if not isinstance(step, FunctionStep):
                raise PipelineError(f"pipeline {name!r}: step {number}, {step!r:.80}, is not a FunctionStep")
        enabled = tuple(step for step in ordered if step.enabled)
        if not enabled:
            others = f"; its {len(ordered)} are not enabled" if ordered else ""
            raise PipelineError(f"pipeline {name!r} needs at least one step{others}")
        for role in channels or ():
            check_name(f"pipeline {name!r}: channel", role)
        values = {
            **given,
            "name": name,
            "listed": ordered,
            "steps": enabled,
            "channels": {role: str(channel) for role, channel in (channels or {}).items()},
            "sequential": _check_sequential(name, sequential),
            "source": source,
            "settings": tuple(settings),
        }
        for field, value in values.items():
            object.__setattr__(self, field, value)
        if self.settings:
            object.__setattr__(self, "steps", tuple(set_parameters(self.step_names, enabled, self.settings)))

    @property
    def step_names(self) -> tuple[str, ...]:
        """Names of the steps that run, each once."""
        given = {step.name for step in self.steps}
        names: dict[str, None] = {}
        for step in self.steps:
            name = step.name
            numbers = count(2)
            while name in names or (name != step.name and name in given):
                name = f"{step.name}_{next(numbers)}"
            names[name] = None
        return tuple(names)

    def __reduce__(self) -> tuple[Callable[..., Pipeline], tuple[Any, ...]]:
        # A pipeline of a file crosses to a worker as that file's text: its functions have no importable home.
        if self.source is not None:
            return load_source, (self.source, self.settings)
        more = (self.filenames, self.metadata, self.sequential, self.settings)
        return _rebuild, (self.name, self.listed, self.channels, *more)


def load_pipeline(path: str | Path, settings: Iterable[str] = ()) -> Pipeline:
    """Read a pipeline file, Python or TOML, and run it.

    Parameters
    ----------
    path
        Of the file.
    settings
        Parameters that are set anew, ``"find_nuclei.min_diameter=10"``.

    Raises
    ------
    PipelineError
        If it cannot be read, does not run, or sets no ``pipeline``; names the file and, where there is one, the line.
    """
    given = os.path.abspath(path)
    text = decode_text(given, read_file(given))
    source = PipelineSource(real_path(given), text)  # modules beside the file itself can be imported
    return load_source(source, settings)


def load_source(source: PipelineSource, settings: Iterable[str] = ()) -> Pipeline:
    """Run the text of a pipeline file; modules beside the file can be imported by it.

    Raises
    ------
    SourceError
        If it does not run.
    PipelineError
        If it sets no ``pipeline``.
    """
    module = types.ModuleType(MODULE)
    module.__file__ = source.path
    sys.modules[MODULE] = module
    folder = str(Path(source.path).parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    if source.path.endswith(SUFFIX):
        return _from_toml(source, settings)
    try:
        exec(compile(source.text, source.path, "exec"), module.__dict__)
    except SyntaxError as e:
        raise SourceError(source.path, e.lineno or 0, str(e.msg)) from e
    except UserError as e:
        raise SourceError(source.path, _line(e, source.path), str(e)) from e
    except BaseException as e:
        raise SourceError(source.path, _line(e, source.path), describe(e).error) from e
    return _with_source(module, source, settings)


def _from_toml(source: PipelineSource, settings: Iterable[str]) -> Pipeline:
    try:
        told = read_toml(source.text)
        steps = told.pop("steps")
        return Pipeline(told.pop("name"), steps, **told, source=source, settings=settings)
    except TomlError as e:
        raise SourceError(source.path, e.line, str(e)) from e
    except PipelineError as e:
        raise SourceError(source.path, 0, str(e)) from e


def _with_source(module: types.ModuleType, source: PipelineSource, settings: Iterable[str]) -> Pipeline:
    found = vars(module).get("pipeline")
    if not isinstance(found, Pipeline):
        what = "sets no 'pipeline'" if found is None else f"sets 'pipeline' to a {type(found).__name__}"
        raise PipelineError(f"{source.path} {what}; end it with pipeline = Pipeline(name, steps=[...])")
    return Pipeline(
        found.name,
        found.listed,
        channels=found.channels,
        filenames=found.filenames,
        metadata=found.metadata,
        sequential=found.sequential,
        source=source,
        settings=settings,
    )


def _line(error: BaseException, path: str) -> int:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    return (lines[-1] or 0) if lines else 0


def _rebuild(
    name: str,
    steps: tuple[FunctionStep, ...],
    channels: dict[str, str],
    filenames: str | None,
    metadata: str | None,
    sequential: tuple[SequentialComponent, ...],
    settings: tuple[str, ...],
) -> Pipeline:
    return Pipeline(
        name,
        steps,
        channels=channels,
        filenames=filenames,
        metadata=metadata,
        sequential=sequential,
        settings=settings,
    )


def _check_sequential(
    name: str, sequential: SequentialComponent | Iterable[SequentialComponent]
) -> tuple[SequentialComponent, ...]:
    found = (sequential,) if isinstance(sequential, str) else tuple(sequential)
    for component in found:
        if component not in get_args(SequentialComponent):
            known = get_args(SequentialComponent)
            near = did_you_mean(str(component), known)
            raise PipelineError(f"pipeline {name!r}: sequential= has no {component!r}{near}; {', '.join(known)}")
    return tuple(dict.fromkeys(found))
