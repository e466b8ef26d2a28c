"""Pipelines and functions as data, for whoever must not import a user's code: a window, another machine.

Values of parameters travel as the text of a Python literal (`literals.py`), so that ``None``, ``1`` and ``1.0`` stay
what they are.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

ValueKind: TypeAlias = Literal["bool", "int", "float", "length", "text", "choice", "literal"]
"""``length``: a number of pixels, or a text such as ``"2.6 um"``.
``literal``: of a type that has no form of its own, given as a Python literal."""


SAMPLE = 200
"""Planes that each call of a step over the whole plate gets at most, by default."""


class ValueType(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a parameter may be."""

    kind: ValueKind
    told: str
    """The type in words: ``float >= 0, or None``."""
    optional: bool = False
    """Whether it may be None."""
    choices: tuple[str, ...] = ()
    """Literals, in the author's order; of kind ``choice`` only."""
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None


class ParameterForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One parameter that people set."""

    name: str
    type: ValueType
    default: str | None = None
    """A literal; None where the function has no default, so that a value must be given."""
    unit: str = ""
    """``pixels``, ``grey values``; "" where it has none, or its author does not tell."""
    doc: str = ""


class DataForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One parameter that a step's inputs fill."""

    name: str
    kind: str
    """Value of a :class:`~plateflow.functions.kinds.Kind`."""


class FunctionForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One function."""

    address: str
    """``package.module:name``; ``:name`` for one that stands in the pipeline's own file."""
    data: tuple[DataForm, ...]
    parameters: tuple[ParameterForm, ...]
    returns: tuple[str, ...] = ()
    """Values of :class:`~plateflow.functions.kinds.Kind`; () where hints do not tell."""
    takes_any: bool = False
    """Whether it takes parameters beyond those named."""
    summary: str = ""
    """The first line of its docstring."""
    doc: str = ""
    """The whole docstring."""
    result: str = ""
    """What it returns, in words."""
    references: str = ""
    """Where the algorithm is from; "" where its author does not tell."""

    @property
    def name(self) -> str:
        """What a step is called by default."""
        return self.address.rpartition(":")[2]


class BranchForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One function of a step with its parameters."""

    function: str
    """Its address."""
    params: dict[str, str] = {}
    """Literals by name; only those that are given."""
    key: str | None = None
    """The value of ``group_by`` that picks it; None without."""
    then: tuple[BranchForm, ...] = ()
    """Of a chain: the functions that each take what the one before returned."""


class StepForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One step, as :class:`~plateflow.pipeline.step.FunctionStep` has it."""

    name: str
    branches: tuple[BranchForm, ...]
    inputs: tuple[str | tuple[str, ...], ...] | None = None
    outputs: tuple[str, ...] = ()
    output_kinds: dict[str, str] = {}
    """Where the pipeline states them, for every output; else empty."""
    variable_components: tuple[str, ...] = ()
    group_by: str | None = None
    where: dict[str, tuple[str | int, ...]] = {}
    source: str = "previous"
    keep: bool | None = None
    sample: int = SAMPLE
    enabled: bool = True


class PipelineForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A pipeline."""

    name: str
    steps: tuple[StepForm, ...]
    channels: dict[str, str] = {}
    filenames: str | None = None
    metadata: str | None = None
    sequential: tuple[str, ...] = ()
