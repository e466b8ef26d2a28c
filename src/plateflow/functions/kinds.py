"""What flows between functions: plain numpy arrays, dicts and polars tables, with a kind for the compiler to read.

A function needs no framework: its type hints say what flows. ``Image`` is a numpy array to every reader and type
checker, and a :class:`Kind` to the compiler. Dims are named in the order of the array's axes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray
from polars import DataFrame


class Kind(Enum):
    """The kinds of things that a function takes or returns."""

    IMAGE = "image"
    """One plane, ``(Y, X)``."""
    STACK = "stack"
    """The planes that agree on every component but the step's variable ones, ``(N, Y, X)``."""
    IMAGES = "images"
    """One plane of each named channel: ``{channel: (Y, X)}``."""
    LABELS = "labels"
    """Objects of one plane, ``(Y, X)`` int32; 0 is background, the values are the object numbers, gaps allowed."""
    LABEL_STACK = "label_stack"
    """Objects of several planes, ``(N, Y, X)`` int32."""
    TABLE = "table"
    """Measurements of objects: ``{column: (N,)}``, one row per object in ascending order of object number."""
    RECORD = "record"
    """Measurements of a site: ``{column: number}``."""
    PLANES = "planes"
    """Planes of the whole plate, ``(Y, X)`` each, one after the other; each is read when it is asked for."""
    FRAME = "frame"
    """A table of the whole plate: the rows of all wells that are done, with where each is from in ``Metadata_*``."""


class Unit(Enum):
    """What a parameter's number means, where a pipeline may say it otherwise."""

    LENGTH = "pixels"
    """A pipeline may give ``8`` or ``"8 px"``, or ``"2.6 um"`` on plates whose pixel size is known; the function gets
    pixels."""


Image: TypeAlias = Annotated[NDArray[Any], Kind.IMAGE]
Stack: TypeAlias = Annotated[NDArray[Any], Kind.STACK]
Images: TypeAlias = Annotated[dict[str, NDArray[Any]], Kind.IMAGES]
Labels: TypeAlias = Annotated[NDArray[np.int32], Kind.LABELS]
LabelStack: TypeAlias = Annotated[NDArray[np.int32], Kind.LABEL_STACK]
Table: TypeAlias = Annotated[dict[str, NDArray[Any]], Kind.TABLE]
Record: TypeAlias = Annotated[dict[str, float], Kind.RECORD]
Planes: TypeAlias = Annotated[Iterable[NDArray[Any]], Kind.PLANES]
Frame: TypeAlias = Annotated[DataFrame, Kind.FRAME]

Length: TypeAlias = Annotated[float, Unit.LENGTH, msgspec.Meta(ge=0)]
PositiveLength: TypeAlias = Annotated[float, Unit.LENGTH, msgspec.Meta(gt=0)]


@dataclass(frozen=True, slots=True)
class Info:
    """Where a call's images are from: given to a parameter of this type, whatever it is called, and by no pipeline."""

    plate: str = ""
    well: str = ""
    """ "B06"; "" in a step over the whole plate."""
    site: int | None = None
    """None where the call has several, as the others."""
    z: int | None = None
    timepoint: int | None = None
    component: str = ""
    """The value of the step's ``group_by``; "" without."""
    pixel_size_um: float | None = None
    """None where the plate does not tell."""
    positions_um: tuple[tuple[float, float] | None, ...] = ()
    """Of each plane of the first stack, or of the first image, where its field lies in the well: (y, x), y down; None
    where the plate does not tell."""
    metadata: Mapping[str, str | float] = field(default_factory=dict)
    """The well's row of the plate map."""
