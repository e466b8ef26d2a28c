"""A well's tables: one row per object, or per image, with where it is before what was measured."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from plateflow.functions.kinds import Kind
from plateflow.plate.pattern_groups import Address, sort_key
from plateflow.plate.wells import split_well

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from plateflow.execution.well_data import WellData
    from plateflow.pipeline.plan import AxisPlan, PlatePlan, Ref, Shape


IDENTITY = re.compile(r"Parent_.+|Children_.+_Count")
"""Columns of objects that are whole numbers; all others are floats, whatever a function returns in one well."""


@dataclass(frozen=True, slots=True)
class Columns:
    """A table and the kinds of its columns."""

    where: dict[str, Sequence[Any]]
    features: dict[str, Any]
    """``(N,)`` each; None is null."""
    integers: frozenset[str]
    texts: frozenset[str]

    @property
    def all(self) -> dict[str, Any]:
        """All columns, where before what."""
        return {**self.where, **self.features}

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.where["Metadata_Well"])


def object_tables(plan: PlatePlan, axis: AxisPlan, data: WellData) -> dict[str, Columns]:
    """Return the table of each kind of object, its rows by place and number; features as ``Nuclei_<column>``."""
    refs = plan.shapes[axis.shape].labels
    return {name: _object_table(plan, axis, data, list(same)) for name, same in groupby(refs, lambda ref: ref.name)}


def image_table(plan: PlatePlan, axis: AxisPlan, data: WellData) -> Columns:
    """Return the table of one row per site (and z, timepoint where labels have them): counts, and records of steps."""
    labels = plan.shapes[axis.shape].labels
    places = sorted({ref.address for ref in labels} | set(data.records), key=sort_key)
    found = {(ref.name, ref.address): len(data.numbers[ref]) for ref in labels}
    counts: dict[str, Sequence[int | None]] = {
        f"Count_{name}": [found.get((name, place)) for place in places]
        for name in dict.fromkeys(ref.name for shape in plan.shapes for ref in shape.labels)
    }
    columns = dict.fromkeys(column for record in data.records.values() for column in record)
    records = {
        column: np.array([data.records.get(place, {}).get(column, np.nan) for place in places], float)
        for column in columns
    }
    everywhere = {address for shape in plan.shapes for address in _image_places(shape)}
    where = _where(plan, axis, [(place, 1) for place in places], everywhere)
    integers = frozenset({*_integers(where), *counts})
    return Columns(where, {**counts, **records}, integers, _texts(plan))


def _object_table(plan: PlatePlan, axis: AxisPlan, data: WellData, refs: list[Ref]) -> Columns:
    everywhere = {ref.address for shape in plan.shapes for ref in shape.labels if ref.name == refs[0].name}
    where = _where(plan, axis, [(ref.address, len(data.numbers[ref])) for ref in refs], everywhere)
    where["Metadata_ObjectNumber"] = np.concatenate([data.numbers[ref] for ref in refs]).tolist()
    columns = dict.fromkeys(column for ref in refs for column in data.tables[ref])
    features = {
        f"{refs[0].name}_{column}": np.concatenate([_feature(data, ref, column) for ref in refs]) for column in columns
    }
    whole = {f"{refs[0].name}_{column}" for column in columns if IDENTITY.fullmatch(column)}
    told = {name: _whole(values) if name in whole else values for name, values in features.items()}
    return Columns(where, told, _integers(where) | whole, _texts(plan))


def _feature(data: WellData, ref: Ref, column: str) -> NDArray[np.float64]:
    values = data.tables[ref].get(column)
    return np.full(len(data.numbers[ref]), np.nan) if values is None else np.asarray(values, float)


def _whole(values: NDArray[np.float64]) -> list[int | None]:
    return [None if np.isnan(value) else int(value) for value in values]


def _image_places(shape: Shape) -> set[Address]:
    groups = chain.from_iterable(step.groups for step in shape.steps)
    recorded = {group.address for group in groups if any(output.kind is Kind.RECORD for output in group.outputs)}
    return recorded | {ref.address for ref in shape.labels}


def _where(
    plan: PlatePlan, axis: AxisPlan, places: list[tuple[Address, int]], everywhere: set[Address]
) -> dict[str, Sequence[Any]]:
    # Which columns there are follows from the plate, not from this well, so that all parts of a table have the same.
    rows = sum(count for _, count in places)
    row, column = split_well(axis.axis_id)
    where: dict[str, Sequence[Any]] = {
        "Metadata_Plate": [plan.plate.name] * rows,
        "Metadata_Well": [axis.axis_id] * rows,
        "Metadata_Row": [row] * rows,
        "Metadata_Column": [int(column)] * rows,
        "Metadata_Site": [place.site for place, count in places for _ in range(count)],
    }
    for name, at in (("Z", 1), ("T", 2)):
        if len({place[at] for place in everywhere}) > 1:
            where[f"Metadata_{name}"] = [place[at] for place, count in places for _ in range(count)]
    for name in plan.plate.map_columns:
        where[f"Metadata_{name}"] = [axis.metadata.get(name)] * rows
    return where


def _integers(where: dict[str, Sequence[Any]]) -> frozenset[str]:
    names = ("Column", "Site", "Z", "T", "ObjectNumber")
    return frozenset(f"Metadata_{name}" for name in names if f"Metadata_{name}" in where)


def _texts(plan: PlatePlan) -> frozenset[str]:
    texts = [name for name, is_text in plan.plate.map_columns.items() if is_text]
    return frozenset(f"Metadata_{name}" for name in ("Plate", "Well", "Row", *texts))
