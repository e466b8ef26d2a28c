"""Opening a plate as somebody asked for it, and otherwise as its pipeline says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plateflow.plate.formats.filenames import LAYOUT
from plateflow.plate.open import open_plate

if TYPE_CHECKING:
    from plateflow.pipeline.pipeline import Pipeline
    from plateflow.plate.model import Plate
    from plateflow.progress.emitter import Report


def open_for(
    plate: str,
    pipeline: Pipeline | None,
    *,
    filenames: str | None = None,
    metadata: str | None = None,
    layout: str | None = None,
    execution_id: str | None = None,
    report: Report | None = None,
) -> Plate:
    """Open a plate; what is asked for here wins over what the pipeline says, a reader over its file names too.

    Raises
    ------
    PlateError
        As :func:`.open_plate`.
    """
    by_name = pipeline.filenames if pipeline is not None and layout in (None, LAYOUT) else None
    return open_plate(
        plate,
        filenames=filenames or by_name,
        metadata=metadata or (pipeline.metadata if pipeline is not None else None),
        layout=layout,
        execution_id=execution_id,
        report=report,
    )
