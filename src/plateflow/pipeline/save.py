"""Saving a pipeline to a file, Python or TOML, that loads to one which says the same."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from plateflow.errors import PipelineError
from plateflow.pipeline.code import write_code
from plateflow.pipeline.describe import describe_pipeline
from plateflow.pipeline.pipeline import MODULE
from plateflow.pipeline.toml import SUFFIX, write_toml
from plateflow.storage.atomic import write_atomic

if TYPE_CHECKING:
    from plateflow.pipeline.pipeline import Pipeline


def save_pipeline(pipeline: Pipeline, path: str | Path) -> None:
    """Write a pipeline to a file; the one that is loaded from it says the same.

    Equal are its name, ``channels``, ``filenames``, ``metadata`` and ``sequential``, and of each of its ``listed``
    steps all options, the functions by their addresses, and the parameters (tuples of TOML for lists). The two are not
    ``==``: the loaded one has that file as its ``source``, and functions as the file names them, by address in TOML.
    ``settings`` are of one run and are not written.

    Parameters
    ----------
    pipeline
        With functions of modules: those that stand in a pipeline's own file have no other home.
    path
        ``.toml`` for TOML, else Python. In a Python file that is there, the ``pipeline = ...`` is replaced and the rest
        stays.

    Raises
    ------
    PipelineError
        If it says what the file cannot hold.
    OSError
        If the file cannot be written.
    """
    target = Path(path)
    for step in pipeline.listed:
        for link in (link for branch in step.branches.values() for link in branch.chain):
            if getattr(link.func, "__module__", "") == MODULE:
                name = getattr(link.func, "__name__", repr(link.func))
                where = "stands in the pipeline's own file; move it to a module beside it"
                raise PipelineError(f"step {step.name!r}: function {name!r} {where}")
    form = describe_pipeline(pipeline, {"__name__": MODULE})
    if target.suffix == SUFFIX:
        text = write_toml(form)
    else:
        text = write_code(form, target.read_text(encoding="utf-8") if target.exists() else "")
    write_atomic(target, text.encode())
