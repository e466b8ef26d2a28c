"""Functions over the tables of a whole plate: normalise to its controls, and tell how well these are told apart.

Steps over them come after the wells. The kinds in the signatures are read when a pipeline is compiled, so this module
keeps its annotations evaluated.
"""

import re
from collections.abc import Iterable
from typing import Literal, TypeAlias

import polars as pl

from plateflow.functions.kinds import Frame

Value: TypeAlias = str | float
Values: TypeAlias = str | float | tuple[str | float, ...]
PLATE = "Metadata_Plate"
WELL = "Metadata_Well"
_WHERE = re.compile(r"Metadata_.*|.*_Parent_.*")
"""Columns that say where a row is from, or name another one: nothing was measured there."""


def normalise_to_controls(
    cells: Frame,
    control_column: str = "",
    control_values: Values = (),
    method: Literal["standardize", "robustize", "mad_robustize"] = "standardize",
) -> Frame:
    """Express each measurement by how far it lies from the plate's control wells, in units of their spread.

    A step over the tables of the plate, after its wells::

        FunctionStep(normalise_to_controls, inputs="Nuclei", outputs="Normalised", variable_components="well",
                     control_column="Metadata_Compound", control_values="DMSO"),

    Parameters
    ----------
    cells : polars DataFrame
        One row an object (or site, or well).
    control_column : str
        The column that says which rows are controls: one of the plate map, ``Metadata_...``. Without one, all rows of
        the plate are.
    control_values : text, number, or several
        What stands there in the controls.
    method : str
        ``standardize``: (x - mean) / standard deviation. ``robustize``: (x - median) / interquartile range.
        ``mad_robustize``: (x - median) / (1.4826 x median absolute deviation).

    Returns
    -------
    polars DataFrame
        The same rows and columns; measurements as Float64. One that does not vary among the controls, or has no value
        there, is null.

    Raises
    ------
    ValueError
        If there is no such column, or no control.

    References
    ----------
    The methods of these names of pycytominer's normalize (Serrano et al. 2025, Nat Methods 22:677), which divides by 1
    or by 1e-18 where controls do not vary.
    """
    controls = cells.filter(_is_one_of(cells, control_column, control_values)) if control_column else cells
    scaled = []
    for name in _measured(cells):
        known = controls[name].cast(pl.Float64).drop_nulls().drop_nans()
        centre, spread = _centre_and_spread(known, method) if len(known) else (0.0, 0.0)
        values = (pl.col(name).cast(pl.Float64) - centre) / spread
        scaled.append(values if spread else pl.lit(None, pl.Float64).alias(name))
    return cells.with_columns(scaled)


def score_assay(
    cells: Frame,
    control_column: str = "Metadata_Control",
    positive: Values = "positive",
    negative: Values = "negative",
    feature: str = "",
    by: tuple[str, ...] = (),
    well: Literal["mean", "median"] = "mean",
) -> Frame:
    """Tell how well a plate's positive controls are told from its negative ones: Z' factor and SSMD.

    A step over the tables of the plate, after its wells::

        FunctionStep(score_assay, inputs="Nuclei", outputs="Scores", variable_components="well",
                     control_column="Metadata_Control", positive=1, negative=-1, feature="Nuclei_Math_Ratio_GFP"),

    Parameters
    ----------
    cells : polars DataFrame
        One row an object (or site, or well).
    control_column : str
        The column that says which rows are controls: one of the plate map, ``Metadata_...``.
    positive : text, number, or several
        What stands there in the positive controls.
    negative : text, number, or several
        What stands there in the negative controls.
    feature : str
        The measurement, a column of it. Without one, all are scored.
    by : several texts
        Further columns, whose values are scored each by itself: ``["Metadata_Drug"]``.
    well : str
        What of a well's rows is its value.

    Returns
    -------
    polars DataFrame
        A row for each measurement (and value of `by`) with controls of both kinds: ``Metadata_Plate``, those columns,
        ``Feature``; ``Wells_``, ``Mean_`` and ``SD_Positive``, and the same of ``Negative`` (sample standard deviation
        over wells). ``ZPrime`` = 1 - 3 (SD of positive + SD of negative) / absolute difference of means: 1 is ideal,
        above 0.5 an excellent assay. ``SSMD`` = difference of means / root of the sum of both variances. Null below two
        wells of a kind.

    Raises
    ------
    ValueError
        If there is no such column, or no control of a kind.

    References
    ----------
    Zhang et al. 1999, J Biomol Screen 4:67; Zhang 2007, Genomics 89:552.
    """
    _require(cells, [*([feature] if feature else []), *by])
    features = [feature] if feature else _measured(cells)
    groups = list(dict.fromkeys([PLATE, *by]))
    of_kind = [
        _over_wells(cells.filter(_is_one_of(cells, control_column, values)), features, groups, well).rename(
            {name: f"{name}_{kind}" for name in ("Wells", "Mean", "SD")}
        )
        for kind, values in (("Positive", positive), ("Negative", negative))
    ]
    scores = of_kind[0].join(of_kind[1], on=[*groups, "Feature"], nulls_equal=True, maintain_order="left")
    difference = pl.col("Mean_Positive") - pl.col("Mean_Negative")
    spreads = pl.col("SD_Positive"), pl.col("SD_Negative")
    return scores.with_columns(
        (1 - 3 * (spreads[0] + spreads[1]) / difference.abs()).alias("ZPrime"),
        (difference / (spreads[0].pow(2) + spreads[1].pow(2)).sqrt()).alias("SSMD"),
    )


def _over_wells(cells: pl.DataFrame, features: list[str], groups: list[str], well: str) -> pl.DataFrame:
    columns = pl.col(features).cast(pl.Float64).fill_nan(None)
    by_well = cells.group_by([*groups, WELL], maintain_order=True)
    wells = by_well.agg(columns.mean() if well == "mean" else columns.median())
    values = wells.unpivot(features, index=groups, variable_name="Feature", value_name="Value").drop_nulls("Value")
    value = pl.col("Value")
    return values.group_by([*groups, "Feature"], maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("Wells"), value.mean().alias("Mean"), value.std(ddof=1).alias("SD")
    )


def _measured(cells: pl.DataFrame) -> list[str]:
    return [name for name, dtype in cells.schema.items() if dtype.is_numeric() and not _WHERE.fullmatch(name)]


def _is_one_of(cells: pl.DataFrame, column: str, values: Values) -> pl.Series:
    _require(cells, [column])
    wanted = values if isinstance(values, tuple) else (values,)
    found = _equal(cells[column], wanted)
    if not found.any():
        there = cells[column].unique(maintain_order=True).to_list()
        shown = ", ".join(map(repr, there[:10])) + (", ..." if len(there) > 10 else "")
        asked = " or ".join(map(repr, wanted)) or "a value that is asked for"
        raise ValueError(f"no row has {asked} in column {column!r}; there are: {shown}")
    return found


def _equal(column: pl.Series, wanted: Iterable[Value]) -> pl.Series:
    found = column.is_null() & column.is_not_null()
    for value in wanted:
        if isinstance(value, str) is (column.dtype == pl.String):
            found |= (column == value).fill_null(value=False)
    return found


def _require(cells: pl.DataFrame, columns: Iterable[str]) -> None:
    for column in columns:
        if column not in cells.columns:
            known = [name for name in cells.columns if name.startswith("Metadata_") == column.startswith("Metadata_")]
            raise ValueError(f"no column {column!r}; there are: {', '.join(known)}")


def _centre_and_spread(values: pl.Series, method: str) -> tuple[float | None, float | None]:
    if method == "standardize":
        return _number(values.mean()), _number(values.std(ddof=0))
    median = values.median()
    if method == "mad_robustize":
        return _number(median), 1.4826 * _number((values - median).abs().median())
    low, high = (values.quantile(share, interpolation="linear") for share in (0.25, 0.75))
    return _number(median), _number(high) - _number(low)


def _number(value: object) -> float:
    assert isinstance(value, float)  # of a column of floats that has some
    return value
