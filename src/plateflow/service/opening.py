"""Opening a plate as somebody asked for it, and otherwise as its pipeline says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plateflow.errors import PlateError
from plateflow.plate.formats.filenames import LAYOUT
from plateflow.plate.open import open_plate

if TYPE_CHECKING:
    from plateflow.pipeline.pipeline import Pipeline
    from plateflow.plate.model import Plate
    from plateflow.progress.emitter import Report
    from plateflow.service.job import JobSpec
    from plateflow.service.questions import AskImages, AskPipeline


def open_for(
    asked: JobSpec | AskPipeline | AskImages,
    pipeline: Pipeline | None,
    *,
    execution_id: str | None = None,
    report: Report | None = None,
) -> Plate:
    """Open the plate that a job or a question names; what it asks for wins over the pipeline, a reader over its names.

    Raises
    ------
    PlateError
        As :func:`.open_plate`, or if no plate is named.
    """
    if asked.plate is None:
        raise PlateError("no plate is named; name one")
    by_name = pipeline.filenames if pipeline is not None and asked.layout in (None, LAYOUT) else None
    return open_plate(
        asked.plate,
        filenames=asked.filenames or by_name,
        metadata=asked.metadata or (pipeline.metadata if pipeline is not None else None),
        layout=asked.layout,
        execution_id=execution_id,
        report=report,
    )
