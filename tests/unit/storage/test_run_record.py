"""Provenance: what ran, with what, on what."""

import hashlib
import os
from pathlib import Path

import msgspec
import numpy as np

from plateflow.storage.run_record import (
    PipelineRecord,
    RunRecord,
    StepRecord,
    utc_text,
    write_run_record,
)

STEP = StepRecord(
    name="find_nuclei",
    function="plateflow.functions.objects:find_nuclei",
    parameters={"method": "otsu", "diameter": (8, 40), "weights": np.arange(2)},
    inputs=("DNA",),
    outputs=("Nuclei",),
)
RUN = RunRecord(
    execution_id="0" * 32,
    plate="plates/one",
    plate_rows=8,
    plate_columns=12,
    pipeline=PipelineRecord.of("demo", "steps = ['ä']\n"),
    steps=(STEP,),
    fingerprint="ab",
    versions={"python": "3.11"},
    executor="processes",
    workers=2,
    intensity_scale=65535.0,
    started=utc_text(1_700_000_000.0),
    ended=utc_text(1_700_000_060.5),
    seconds_per_step=(("find_nuclei", 12.5),),
    wells_completed=("A01", "B06"),
    wells_failed=("C03",),
)


def test_reads_back_equal(tmp_path: Path) -> None:
    write_run_record(tmp_path / "run.json", RUN)
    read = msgspec.json.decode((tmp_path / "run.json").read_bytes(), type=RunRecord)
    parameters = {"method": "otsu", "diameter": [8, 40], "weights": "array([0, 1])"}
    assert read == msgspec.structs.replace(RUN, steps=(msgspec.structs.replace(STEP, parameters=parameters),))
    assert os.listdir(tmp_path) == ["run.json"]


def test_pipeline_hash_is_that_of_its_text() -> None:
    assert RUN.pipeline.sha256 == hashlib.sha256("steps = ['ä']\n".encode()).hexdigest()


def test_times_are_utc() -> None:
    assert RUN.started == "2023-11-14T22:13:20.000+00:00"
    assert RUN.ended == "2023-11-14T22:14:20.500+00:00"
