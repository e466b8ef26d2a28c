"""``plateflow heatmap``: one measurement of a finished run, well by well, as a picture."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import msgspec

from plateflow.cli.exits import Exit
from plateflow.cli.out import print_json
from plateflow.errors import UserError
from plateflow.pipeline.nearest import did_you_mean
from plateflow.plate.wells import split_well, well_name
from plateflow.storage.atomic import write_atomic
from plateflow.storage.heat_map import Well, heat_map
from plateflow.storage.names import encode_name
from plateflow.storage.tables import WELLS_CSV

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = "heat_maps"
_ROWS = [split_well(well_name(row, 1))[0] for row in range(1, 33)]
_ROW_NUMBERS = {name: number for number, name in enumerate(_ROWS, start=1)}


def draw_heat_map(results: Path, feature: str | None, output: Path | None, *, json: bool) -> Exit:
    """Draw a column of a run's ``wells.csv``, or list the columns that can be drawn.

    Parameters
    ----------
    results
        Results folder.
    feature
        ``Mean_Nuclei_AreaShape_Area``, ``Nuclei_AreaShape_Area`` for short, ``Count_Nuclei``; None: list them.
    output
        The SVG; None: in ``heat_maps`` of the results.
    json
        One JSON object on stdout: feature, output, and the value of each well.

    Raises
    ------
    UserError
        If there are no results, or no such column; names the nearest.
    """
    rows = _read(results)
    columns = [name for name in rows[0] if _is_drawn(name, rows)] if rows else []
    if feature is None:
        for name in columns:
            print(msgspec.json.encode(name).decode() if json else name)
        return Exit.DONE
    column = _find(feature, columns)
    wells = {row["Metadata_Well"]: _well(row, column) for row in rows}
    if output is not None and output.suffix.lower() not in ("", ".svg"):
        raise UserError(f"{output}: a heat map is an SVG; name a file that ends so, or none")
    target = output or results / FOLDER / f"{encode_name(column)}.svg"
    target.parent.mkdir(parents=True, exist_ok=True)
    title = f"{column.removeprefix('Mean_')} · {rows[0]['Metadata_Plate']}"
    write_atomic(target, heat_map(title, wells, _ROWS, _plate_size(results)).encode())
    if json:
        values = {name: well.value for name, well in wells.items()}  # NaN and infinite ones are null in JSON
        print_json({"feature": column, "output": str(target), "wells": values})
    else:
        print(target)
    return Exit.DONE


class _PlateOfRun(msgspec.Struct):
    """What is wanted of a run's record."""

    plate_rows: int
    plate_columns: int


def _plate_size(results: Path) -> tuple[int, int] | None:
    try:
        plate = msgspec.json.decode((results / "run.json").read_bytes(), type=_PlateOfRun)
    except (OSError, msgspec.MsgspecError):  # a run that has not ended
        return None
    return plate.plate_rows, plate.plate_columns


def _read(results: Path) -> list[dict[str, str]]:
    try:
        with (results / WELLS_CSV).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except (FileNotFoundError, NotADirectoryError) as e:
        raise UserError(f"{results} has no {WELLS_CSV}; name the results folder of a run that has ended") from e


def _is_drawn(name: str, rows: list[dict[str, str]]) -> bool:
    if name in ("Metadata_Column", "Error", "Status"):
        return False
    values = [row[name] for row in rows if row[name]]
    return bool(values) and all(_number(value) is not None for value in values)


def _find(feature: str, columns: list[str]) -> str:
    for name in (feature, f"Mean_{feature}", f"Metadata_{feature}"):
        if name in columns:
            return name
    short = [name.removeprefix("Mean_") for name in columns]
    raise UserError(
        f"no well has {feature!r}{did_you_mean(feature, short)}; without a feature, `plateflow heatmap` lists them"
    )


def _well(row: dict[str, str], column: str) -> Well:
    letters, number = split_well(row["Metadata_Well"])
    value = _number(row[column]) if row[column] else None
    return Well(_ROW_NUMBERS[letters], int(number), value, failed=row["Status"] == "failed")


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
