"""Answers questions about functions, pipelines and plates: in a runner, which may import a user's code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_never

from plateflow.errors import CompileError, PlateflowError, UserError
from plateflow.pipeline.compile import compile_plate, describe_plan
from plateflow.pipeline.compile_steps import check_steps
from plateflow.pipeline.describe import (
    NoFormError,
    describe_function,
    describe_own_functions,
    describe_pipeline,
    list_library,
)
from plateflow.pipeline.pipeline import MODULE, Pipeline, PipelineSource, SourceError, load_pipeline, load_source
from plateflow.pipeline.toml import SUFFIX
from plateflow.plate.detect import known_formats
from plateflow.plate.wells import canonical_well
from plateflow.service.opening import open_for
from plateflow.service.questions import (
    Answer,
    AskFormats,
    AskFunctions,
    AskImages,
    AskPipeline,
    Failed,
    Formats,
    FormatWords,
    Functions,
    Images,
    PipelineRead,
    Problem,
    Question,
    WellImage,
    decode_question,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from plateflow.pipeline.forms import FunctionForm, PipelineForm


def answer_payload(payload: bytes) -> Answer:
    """Answer an encoded question, in this process: what the user can mend is an answer too."""
    try:
        return answer(decode_question(payload))
    except (PlateflowError, OSError) as e:
        return Failed(reason=str(e) or type(e).__name__)


def answer(question: Question) -> Answer:
    """Answer a question, in this process.

    Raises
    ------
    UserError
        If there is no such function, plate or well.
    """
    match question:
        case AskFunctions():
            found = [describe_function(address) for address in question.addresses] or list_library()
            return Functions(functions=tuple(found))
        case AskFormats():
            return Formats(formats=tuple(FormatWords(each.name, each.looks_for) for each in known_formats()))
        case AskPipeline():
            return _read_pipeline(question)
        case AskImages():
            return _list_images(question)
    assert_never(question)


def _read_pipeline(question: AskPipeline) -> PipelineRead:
    try:
        pipeline = _load(question)
    except SourceError as e:
        return PipelineRead(form=None, functions=(), problems=(Problem(text=e.problem, line=e.line),))
    except UserError as e:
        return PipelineRead(form=None, functions=(), problems=(Problem(text=str(e)),))
    namespace = vars(sys.modules[MODULE])
    form, code_only = _form(pipeline, namespace)
    problems, told = _check(question, pipeline)
    return PipelineRead(
        form=form,
        functions=tuple(_functions(form, namespace)),
        problems=problems,
        code_only=code_only,
        told=told,
        step_names=pipeline.step_names,
    )


def _load(question: AskPipeline) -> Pipeline:
    if question.text is None:
        return load_pipeline(question.path)
    return load_source(PipelineSource(question.path, question.text.removeprefix("\ufeff")))


def _form(pipeline: Pipeline, namespace: Mapping[str, Any]) -> tuple[PipelineForm | None, str]:
    try:
        form = describe_pipeline(pipeline, namespace)
    except NoFormError as e:
        return None, str(e)
    if pipeline.source is not None and pipeline.source.path.endswith(SUFFIX):
        return None, "it is TOML, which is changed as text"
    chain = next((step.name for step in form.steps for branch in step.branches if branch.then), None)
    return (form, "") if chain is None else (None, f"step {chain!r} is a chain of functions")


def _functions(form: PipelineForm | None, namespace: Mapping[str, Any]) -> Iterable[FunctionForm]:
    found = {function.address: function for function in describe_own_functions(namespace)}
    for step in form.steps if form is not None else ():
        for branch in step.branches:
            if branch.function not in found:
                try:
                    found[branch.function] = describe_function(branch.function, namespace)
                except UserError:
                    continue  # its step says why, among the problems
    return found.values()


def _check(question: AskPipeline, pipeline: Pipeline) -> tuple[tuple[Problem, ...], str]:
    problems: list[Problem] = []
    told = ""
    try:
        check_steps(pipeline)
    except CompileError as e:
        problems += [Problem(text=text, step=_step_of(text, pipeline)) for text in e.problems]
    try:
        if question.plate is not None:
            plate = open_for(question, pipeline)
            told = "" if problems else describe_plan(compile_plate(plate, pipeline))
    except CompileError as e:
        problems += [Problem(text=text, step=_step_of(text, pipeline)) for text in e.problems]
    except UserError as e:
        problems.append(Problem(text=str(e)))
    return tuple(problems), told


def _step_of(problem: str, pipeline: Pipeline) -> str:
    # Compile's texts name it so, first of all or after the well.
    named = [name for name in pipeline.step_names if f"step {name!r}: " in problem]
    return min(named, key=lambda name: problem.index(f"step {name!r}: "), default="")


def _list_images(question: AskImages) -> Images:
    pipeline = load_pipeline(question.pipeline) if question.pipeline else None
    plate = open_for(question, pipeline)
    well = canonical_well(question.well) if question.well else next(iter(plate.wells))
    if well not in plate.wells:
        raise UserError(f"plate {Path(question.plate).name!r} has no well {question.well!r}")
    labels = {channel.name: channel.label for channel in plate.channels}
    return Images(
        images=tuple(
            WellImage(
                channel=record.channel,
                label=labels.get(record.channel, ""),
                site=record.site,
                z=record.z,
                timepoint=record.timepoint,
                path=record.path,
                missing=record.missing,
                part=record.part,
            )
            for record in plate.wells[well]
        )
    )
