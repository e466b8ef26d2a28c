"""Which images and objects a step may read, and what a new step begins with; no Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from plateflow.gui.editor.edits import NAMED_KINDS, unique
from plateflow.pipeline.forms import BranchForm, StepForm

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from plateflow.pipeline.forms import FunctionForm, PipelineForm

EVERY_CHANNEL: Final = "*"
OBJECT_KINDS: Final = frozenset({"labels", "label_stack"})
FRAME: Final = "frame"
"""A table of the whole plate."""
IMAGE_TABLE: Final = "Image"
_VERBS: Final = frozenset({"find", "make", "get", "segment", "detect", "grow", "keep", "label", "draw", "filter"})


class PlateChannel(NamedTuple):
    """A channel as the plate calls it."""

    name: str
    label: str = ""
    """What the vendor says is in it; "" where nothing."""

    @property
    def told(self) -> str:
        """Both, for people."""
        return f"{self.name} ({self.label})" if self.label else self.name


class Names(NamedTuple):
    """What a step may read."""

    images: tuple[str, ...]
    objects: tuple[str, ...]
    tables: tuple[str, ...] = ()
    """Of the plate, as steps before it make them."""

    def of(self, kind: str) -> tuple[str, ...]:
        """Return those that a parameter of a kind takes."""
        if kind == FRAME:
            return (*self.objects, IMAGE_TABLE, *self.tables)
        return self.objects if kind in OBJECT_KINDS else self.images


def names_before(
    form: PipelineForm, row: int, functions: Mapping[str, FunctionForm], channels: Sequence[PlateChannel] = ()
) -> Names:
    """Return what the steps before a row leave to be read.

    Parameters
    ----------
    form
        The pipeline.
    row
        Of the step that reads.
    functions
        Those that are known, by address.
    channels
        Those of the plate, where they are known: one without a name in the pipeline has the plate's.
    """
    given = set(form.channels.values())
    images = [*form.channels, *(channel.name for channel in channels if not given & set(channel))]
    objects: list[str] = []
    tables: list[str] = []
    for step in form.steps[:row]:
        if step.enabled:
            for name, kind in outputs_of(step, functions):
                images += [name] if kind not in OBJECT_KINDS | {FRAME} else []
                tables += [name] if kind == FRAME else []
                objects += [name] if kind in OBJECT_KINDS | {"?"} else []
    return Names(*(tuple(dict.fromkeys(names)) for names in (images, objects, tables)))


def outputs_of(step: StepForm, functions: Mapping[str, FunctionForm]) -> list[tuple[str, str]]:
    """Return the named things that come out of a step, with their kinds; "?" where the function is not known."""
    if step.output_kinds:
        return [(name, kind) for name, kind in step.output_kinds.items() if kind in NAMED_KINDS]
    function = functions.get(step.branches[0].function)
    if function is None:
        return [(name, "?") for name in step.outputs]
    return list(zip(step.outputs, named_kinds(function), strict=False))


def named_kinds(function: FunctionForm) -> list[str]:
    """Return the kinds that a function returns and that a step names, in order."""
    return [kind for kind in function.returns or ("image",) if kind in NAMED_KINDS]


def new_step(
    form: PipelineForm,
    row: int,
    function: FunctionForm,
    functions: Mapping[str, FunctionForm],
    channels: Sequence[PlateChannel] = (),
) -> StepForm:
    """Return a step of a function, to stand before a row, that reads and makes what is likely meant."""
    names = names_before(form, row, functions, channels)
    kinds = [data.kind for data in function.data]
    stacks = any(kind in ("stack", "label_stack") for kind in kinds)
    inputs = tuple(_inputs(kinds, names, together=stacks))
    taken = {name for step in form.steps for name in step.outputs} | set(names.images)
    return StepForm(
        name=function.name,
        branches=(BranchForm(function=function.address),),
        inputs=inputs,
        outputs=tuple(_outputs(function, inputs, kinds, taken)),
        variable_components=("well",) if FRAME in kinds else ("channel",) if stacks else (),
    )


def _inputs(kinds: Sequence[str], names: Names, *, together: bool) -> Iterable[str | tuple[str, ...]]:
    wanted = sum(kind in OBJECT_KINDS for kind in kinds)
    objects = list(names.objects[-wanted:]) if wanted else []
    objects += objects[-1:] * (wanted - len(objects))
    for kind in kinds:
        if kind in OBJECT_KINDS:
            yield objects.pop(0) if objects else ""
        elif kind == FRAME:
            yield names.objects[-1] if names.objects else IMAGE_TABLE
        elif kind == "images":
            yield names.images or EVERY_CHANNEL
        else:
            yield EVERY_CHANNEL if together or not names.images else names.images[0]


def _outputs(
    function: FunctionForm, inputs: Sequence[str | tuple[str, ...]], kinds: Sequence[str], taken: set[str]
) -> Iterable[str]:
    made = named_kinds(function)
    images = [given for given, kind in zip(inputs, kinds, strict=True) if kind not in OBJECT_KINDS]
    replaces = len(images) == 1 and isinstance(images[0], str) and not {"stack", FRAME} & {*kinds}
    if all(kind not in OBJECT_KINDS for kind in made) and replaces:
        return  # a correction of what it read
    for _ in made:
        name = unique(_title(function.name), taken)
        taken.add(name)
        yield name


def _title(name: str) -> str:
    words = [word for word in name.split("_") if word]
    said = words[1:] if len(words) > 1 and words[0] in _VERBS else words
    return "".join(word[:1].upper() + word[1:] for word in said) or "Result"
