"""What people do to a pipeline, as pure functions from one form to the next.

Each gives a form that reads back the same from the text that is written for it: see tests/unit/gui/test_edits.py.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from plateflow.gui.editor.values import normal
from plateflow.pipeline.forms import BranchForm

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from plateflow.pipeline.forms import PipelineForm, StepForm

COMPONENTS: Final = ("site", "channel", "z", "timepoint")
NAMED_KINDS: Final = frozenset({"image", "stack", "labels", "label_stack", "frame"})
"""What has a name of its own when it comes out of a step; measurements of objects and images have not."""


def add_step(form: PipelineForm, row: int, step: StepForm) -> PipelineForm:
    """Put a step before the one that is there."""
    return replace(form, steps=(*form.steps[:row], step, *form.steps[row:]))


def remove_step(form: PipelineForm, row: int) -> PipelineForm:
    """Take a step out."""
    return replace(form, steps=(*form.steps[:row], *form.steps[row + 1 :]))


def move_step(form: PipelineForm, row: int, to: int) -> PipelineForm:
    """Move a step to where it is to stand then."""
    return add_step(remove_step(form, row), to, form.steps[row])


def duplicate_step(form: PipelineForm, row: int) -> PipelineForm:
    """Put a copy after a step; what comes out of it gets names of its own."""
    step = form.steps[row]
    taken = {name for each in form.steps for name in each.outputs}
    names: dict[str, str] = {}
    for name in dict.fromkeys([*step.outputs, *step.output_kinds]):
        names[name] = unique(name, {*taken, *names.values()})
    copy = replace(
        step,
        outputs=tuple(names[name] for name in step.outputs),
        output_kinds={names[name]: kind for name, kind in step.output_kinds.items()},
    )
    return add_step(form, row + 1, copy)


def change_step(form: PipelineForm, row: int, **changes: Any) -> PipelineForm:
    """Change fields of a step that need no more than that."""
    return _put(form, row, replace(form.steps[row], **changes))


def rename_step(form: PipelineForm, row: int, name: str) -> PipelineForm:
    """Rename a step; without a name it has its function's."""
    return change_step(form, row, name=name or function_name(form.steps[row].branches[0].function))


def set_outputs(form: PipelineForm, row: int, names: Collection[str]) -> PipelineForm:
    """Name what comes out; names that are left empty at the end are left out."""
    kept = list(names)
    while kept and not kept[-1]:
        kept.pop()
    return change_step(form, row, outputs=tuple(kept), output_kinds={})


def state_outputs(form: PipelineForm, row: int, kinds: Mapping[str, str]) -> PipelineForm:
    """Name what comes out, and say of which kind it is."""
    named = tuple(name for name, kind in kinds.items() if kind in NAMED_KINDS)
    return change_step(form, row, outputs=named, output_kinds=dict(kinds))


def set_variable(form: PipelineForm, row: int, component: str, *, variable: bool) -> PipelineForm:
    """Stack a component into one array, or do not; it cannot pick the function then."""
    step = form.steps[row]
    others = [each for each in step.variable_components if each != component]
    given = tuple([*others, component] if variable else others)
    if variable and step.group_by == component:
        form = set_group_by(form, row, None)
    return change_step(form, row, variable_components=given)


def set_group_by(form: PipelineForm, row: int, component: str | None) -> PipelineForm:
    """Pick the function by a component; without one, the first function stays."""
    step = form.steps[row]
    branches = step.branches if component is not None else (replace(step.branches[0], key=None),)
    variable = tuple(each for each in step.variable_components if each != component)
    return change_step(form, row, group_by=component, branches=branches, variable_components=variable)


def add_branch(form: PipelineForm, row: int, key: str) -> PipelineForm:
    """Give a value of the step's ``group_by`` a function: that of the first branch, to begin with."""
    step = form.steps[row]
    if any(branch.key == key for branch in step.branches):
        return form
    first = step.branches[0]
    if first.key is None:
        return change_step(form, row, branches=(replace(first, key=key),))
    return change_step(form, row, branches=(*step.branches, BranchForm(function=first.function, key=key)))


def remove_branch(form: PipelineForm, row: int, branch: int) -> PipelineForm:
    """Take a value's function out; the last one is for all values then."""
    step = form.steps[row]
    left = tuple(each for at, each in enumerate(step.branches) if at != branch)
    return change_step(form, row, branches=left or (replace(step.branches[branch], key=None),))


def set_function(form: PipelineForm, row: int, branch: int, address: str, takes: Collection[str]) -> PipelineForm:
    """Choose another function; of the parameters those stay that it takes, and a name that people gave."""
    step = form.steps[row]
    old = step.branches[branch]
    params = {name: value for name, value in old.params.items() if name in takes}
    changed = _put_branch(step, branch, replace(old, function=address, params=params))
    was_default = branch == 0 and step.name == function_name(old.function)
    return _put(form, row, replace(changed, name=function_name(address)) if was_default else changed)


def set_param(
    form: PipelineForm, row: int, branch: int, name: str, text: str | None, default: str | None
) -> PipelineForm:
    """Give a parameter, as a literal; None or its default is not written.

    Raises
    ------
    ValueError
        If it is no literal.
    """
    step = form.steps[row]
    old = step.branches[branch]
    given = None if text is None else normal(text)
    params = dict(old.params)
    if given is None or given == default:
        params.pop(name, None)
    else:
        params[name] = given
    return _put(form, row, _put_branch(step, branch, replace(old, params=params)))


def set_channels(form: PipelineForm, channels: Mapping[str, str]) -> PipelineForm:
    """Say which of the plate's channels each role is."""
    return replace(form, channels=dict(channels))


def function_name(address: str) -> str:
    """Return what a step of this function is called by default."""
    return address.rpartition(":")[2]


def unique(name: str, taken: Collection[str]) -> str:
    """Return a name that is not taken: itself, or with a number."""
    return next(each for n in count(1) if (each := name if n == 1 else f"{name}{n}") not in taken)


def _put(form: PipelineForm, row: int, step: StepForm) -> PipelineForm:
    return replace(form, steps=(*form.steps[:row], step, *form.steps[row + 1 :]))


def _put_branch(step: StepForm, branch: int, other: BranchForm) -> StepForm:
    return replace(step, branches=(*step.branches[:branch], other, *step.branches[branch + 1 :]))
