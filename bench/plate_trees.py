"""Plates of empty files, as large as asked for, each as one microscope writes them."""

from __future__ import annotations

import os
from itertools import islice, product
from typing import TYPE_CHECKING, Final

import numpy as np
import tifffile

from plateflow.plate.wells import parse_well, well_name
from plateflow.storage.tiff import encode_plane

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROWS, COLUMNS, CHANNELS = 32, 48, 4
NAMES: Final = r"p_(?P<well>[A-Z]{1,2}\d\d)_s(?P<site>\d+)_w(?P<channel>\d)\.TIF"
_BTS: Final = 'xmlns:bts="http://www.yokogawa.co.jp/BTS/BTSSchema/1.0"'


def sites_of(images: int) -> int:
    """Return how many sites a well has, so that there are as many images."""
    return -(-images // (ROWS * COLUMNS * CHANNELS))


def addresses(images: int) -> Iterator[tuple[str, int, int]]:
    """Yield well, site and channel of so many images of a 1536-well plate."""
    wells = (well_name(row, column) for row in range(1, ROWS + 1) for column in range(1, COLUMNS + 1))
    return islice(product(wells, range(1, sites_of(images) + 1), range(1, CHANNELS + 1)), images)


def touch(path: str) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY))


def make_htd(root: Path, images: int) -> Path:
    """A MetaXpress export; also read by its file names alone."""
    folder = root / "htd"
    (folder / "TimePoint_1").mkdir(parents=True)
    selected = ", ".join(["TRUE"] * COLUMNS)
    lines = ['"HTSInfoFile", "Version 1.0"', '"TimePoints", 1', f'"XWells", {COLUMNS}', f'"YWells", {ROWS}']
    lines += [f'"WellsSelection{row}", {selected}' for row in range(1, ROWS + 1)]
    sites = sites_of(images)
    lines += ['"Sites", TRUE', f'"XSites", {sites}', '"YSites", 1', f'"SiteSelection1", {", ".join(["TRUE"] * sites)}']
    lines += ['"Waves", TRUE', f'"NWavelengths", {CHANNELS}']
    lines += [f'"WaveName{wave}", "w{wave}"' for wave in range(1, CHANNELS + 1)]
    (folder / "p.HTD").write_text("\r\n".join([*lines, '"EndFile"', ""]))
    for well, site, channel in addresses(images):
        touch(f"{folder}/TimePoint_1/p_{well}_s{site}_w{channel}.TIF")
    return folder


def make_phenix(root: Path, images: int) -> Path:
    """A Harmony export of V7; the index has 800 bytes an image."""
    folder = root / "phenix"
    folder.mkdir()
    with open(folder / "Index.xml", "w", encoding="utf-8") as index:
        index.write(
            '<?xml version="1.0" encoding="utf-8"?>\n<EvaluationInputData xmlns="x/HarmonyV7">\n<Plates><Plate>'
        )
        index.write(f"<PlateRows>{ROWS}</PlateRows><PlateColumns>{COLUMNS}</PlateColumns></Plate></Plates>\n<Images>\n")
        for well, site, channel in addresses(images):
            row, column = parse_well(well)
            name = f"r{row:02}c{column:02}f{site:02}p01-ch{channel}sk1fk1fl1.tiff"
            touch(f"{folder}/{name}")
            index.write(_phenix_image(row, column, site, channel, name))
        index.write("</Images>\n</EvaluationInputData>\n")
    return folder


def _phenix_image(row: int, column: int, site: int, channel: int, name: str) -> str:
    return (
        f'    <Image Version="1">\n      <id>{row:02}{column:02}K1F{site}P1R{channel}</id>\n      <State>Ok</State>\n'
        f"      <URL>{name}</URL>\n      <Row>{row}</Row>\n      <Col>{column}</Col>\n      <FieldID>{site}</FieldID>\n"
        f"      <PlaneID>1</PlaneID>\n      <TimepointID>1</TimepointID>\n      <SequenceID>1</SequenceID>\n"
        f"      <GroupID>1</GroupID>\n      <ChannelID>{channel}</ChannelID>\n      <FlimID>1</FlimID>\n"
        f'      <PositionX Unit="m">{site}E-05</PositionX>\n      <PositionY Unit="m">0</PositionY>\n'
        f'      <PositionZ Unit="m">-5E-06</PositionZ>\n      <AbsPositionZ Unit="m">0.134650007</AbsPositionZ>\n'
        f'      <MeasurementTimeOffset Unit="s">0</MeasurementTimeOffset>\n'
        f"      <AbsTime>2024-06-24T11:48:55.5306001-04:00</AbsTime>\n    </Image>\n"
    )


def make_yokogawa(root: Path, images: int) -> Path:
    """A Yokogawa measurement: one line an image."""
    folder = root / "yokogawa"
    folder.mkdir()
    with open(folder / "MeasurementData.mlf", "w", encoding="utf-8") as data:
        data.write(f'<?xml version="1.0" encoding="utf-8"?>\n<bts:MeasurementData {_BTS}>\n')
        for well, site, channel in addresses(images):
            row, column = parse_well(well)
            name = f"p_{well}_T0001F{site:03}L01A01Z01C{channel:02}.tif"
            touch(f"{folder}/{name}")
            data.write(
                f'<bts:MeasurementRecord bts:Type="IMG" bts:Time="2023-09-18T13:58:44.438+02:00" bts:Column="{column}" '
                f'bts:Row="{row}" bts:TimePoint="1" bts:FieldIndex="{site}" bts:ZIndex="1" bts:TimelineIndex="1" '
                f'bts:ActionIndex="1" bts:Action="2D" bts:X="{site}.1" bts:Y="402.9" bts:Z="0.0" '
                f'bts:Ch="{channel}">{name}</bts:MeasurementRecord>\n'
            )
        data.write("</bts:MeasurementData>\n")
    return folder


def make_database(root: Path, images: int) -> Path:
    """A folder of the MetaXpress database, with real headers of 6 KB."""
    folder = root / "database/2023-02-21/1334"
    folder.mkdir(parents=True)
    pixels = np.zeros((8, 8), np.uint16)
    for number, (well, site, channel) in enumerate(addresses(images)):
        props = {
            "spatial-calibration-x": "1.3668",
            "spatial-calibration-units": "um",
            "spatial-calibration-state": "on",
        }
        props |= {"stage-label": f"{well} : Site {site}", "z-position": "9343.19", "_IllumSetting_": f"w{channel}"}
        props |= {f"other setting {other}": "some value of it" for other in range(85)}
        text = "\n".join(f'<prop id="{key}" type="string" value="{value}"/>' for key, value in props.items())
        description = f"<MetaData>\n<PlaneInfo>\n{text}\n</PlaneInfo>\n</MetaData>"
        path = folder / f"p_{well}_s{site}_w{channel}{number:08X}-45E4-450A-9919-257C714278F7.tif"
        tifffile.imwrite(path, pixels, description=description, metadata=None)
    return root / "database"


def make_tiffs(root: Path) -> Path:
    """A 1536-well plate of one site and two channels, named like :data:`NAMES`, of images that can be read."""
    folder = root / "tiffs"
    folder.mkdir()
    data = encode_plane(np.zeros((8, 8), np.uint16))
    for well, site, channel in addresses(ROWS * COLUMNS * CHANNELS):
        if channel <= 2:
            (folder / f"p_{well}_s{site}_w{channel}.TIF").write_bytes(data)
    return folder
