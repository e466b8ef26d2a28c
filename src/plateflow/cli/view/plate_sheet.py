"""What was understood of a plate, in lines of text; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from plateflow.plate.wells import split_well, well_name
from plateflow.progress.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plateflow.plate.summary import ChannelSummary, MissingImage, PlateSummary

WHOLE, PARTLY, EMPTY, NOT_THERE = "#+x."
"""A well on the map: all its images are there, some, none; or it was not imaged."""
_MOST_SHOWN: Final = 8
_LABEL: Final = 10


def plate_sheet(plate: PlateSummary) -> list[str]:
    """Return all lines: what there is, what is missing or odd, and the map."""
    return [*_facts(plate), *_oddities(plate), "", *_map(plate)]


def _facts(plate: PlateSummary) -> Iterator[str]:
    yield _line("plate", f"{plate.name} ({plate.format})")
    yield _line("folder", plate.path)
    yield _line("wells", f"{counted(len(plate.wells), 'well')} of {plate.rows} x {plate.columns}")
    positions = ", with positions" if plate.has_positions else ""
    yield _line("sites", f"{_numbered(plate.sites, 'site')}{positions}")
    for number, channel in enumerate(plate.channels):
        yield _line("channels" if number == 0 else "", _channel(channel))
    yield _line("time", _numbered(plate.timepoints, "timepoint"))
    size = "unknown" if plate.pixel_size_um is None else f"{plate.pixel_size_um:.6g} um"
    yield _line("pixel", size)
    yield _line("images", f"{plate.images}" + (f", {plate.missing} missing" if plate.missing else ""))
    if plate.plate_map:
        yield _line("plate map", ", ".join(plate.plate_map))


def _channel(channel: ChannelSummary) -> str:
    name = f"{channel.name} {channel.label}".strip()
    planes = [z for z in channel.z if z > 0]
    parts = [f"{channel.shape[0]} x {channel.shape[1]} {channel.dtype}" if channel.shape else "no image can be read"]
    if planes:
        parts.append(_numbered(planes, "z plane"))
    if 0 in channel.z:
        parts.append(f"projection ({channel.projection or 'unknown'})")
    return f"{name}: {', '.join(parts)}"


def _oddities(plate: PlateSummary) -> Iterator[str]:
    for image in plate.missing_images[:_MOST_SHOWN]:
        yield _line("missing", _missing(image, plate.path))
    if plate.missing > _MOST_SHOWN:
        yield _line("", f".. and {plate.missing - _MOST_SHOWN} more")
    for channel in plate.channels:
        if channel.problem:
            yield _line("unreadable", channel.problem)
    for note in plate.notes:
        yield _line("note", note)


def _missing(image: MissingImage, folder: str) -> str:
    where = f"{image.well} s{image.site} c={image.channel} z{image.z} t{image.timepoint}"
    return f"{where}: {image.path.removeprefix(f'{folder}/')}" + (f" ({image.reason})" if image.reason else "")


def _map(plate: PlateSummary) -> Iterator[str]:
    """Draw the plate, a letter for each well; columns are numbered above, the tens above the ones."""
    numbers = range(1, plate.columns + 1)
    if plate.columns > 9:
        yield f"{'':4}{''.join(str(number // 10) if number >= 10 else ' ' for number in numbers)}"
    yield f"{'':4}{''.join(str(number % 10) for number in numbers)}"
    for row in range(1, plate.rows + 1):
        letters = split_well(well_name(row, 1))[0]
        yield f"{letters:>3} {''.join(_letter(plate, well_name(row, column)) for column in numbers)}"
    yield f"{'':4}{WHOLE} all images, {PARTLY} some missing, {EMPTY} all missing, {NOT_THERE} not imaged"


def _letter(plate: PlateSummary, name: str) -> str:
    well = plate.wells.get(name)
    if well is None:
        return NOT_THERE
    if not well.images:
        return EMPTY
    return PARTLY if well.missing else WHOLE


def _numbered(values: Sequence[int], what: str) -> str:
    count = counted(len(values), what)
    if not values or list(values) == list(range(1, len(values) + 1)):
        return count
    return f"{count} ({values[0]}{f'..{values[-1]}' if len(values) > 1 else ''})"


def _line(label: str, text: str) -> str:
    return f"{label:<{_LABEL}}  {text}".rstrip()
