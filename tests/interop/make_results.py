"""Run a pipeline over a small plate, whose results other tools then open: a program for plateflow's environment."""

import argparse
from pathlib import Path

from plateflow import FunctionStep, Pipeline, compile_plate, open_plate, run_plate
from plateflow.functions import (
    find_nuclei,
    gaussian,
    measure_intensity,
    measure_shape,
    normalise_to_controls,
    project_max,
    relate,
    ring_around,
)
from plateflow.plate.synthetic import write_synthetic_plate

PIPELINE = Pipeline(
    "interop",
    channels={"DNA": "1", "GFP": "2"},
    steps=[
        FunctionStep(find_nuclei, inputs="DNA", outputs="Nuclei"),
        FunctionStep(ring_around, inputs="Nuclei", outputs="Cytoplasm"),
        FunctionStep(measure_shape, inputs="Nuclei"),
        FunctionStep(measure_intensity, inputs=("Nuclei", ["DNA", "GFP"]), name="measure_nuclei"),
        FunctionStep(measure_intensity, inputs=("Cytoplasm", ["GFP"]), name="measure_cytoplasm"),
        FunctionStep(relate, inputs=("Cytoplasm", "Nuclei")),
        FunctionStep(gaussian, inputs="DNA", outputs="Smooth", sigma=2.0),
        FunctionStep(project_max, inputs="DNA", outputs="Top", variable_components="site"),
        FunctionStep(
            normalise_to_controls,
            inputs="Nuclei",
            outputs="Normalised",
            variable_components="well",
            control_column="Metadata_Dose",
            control_values=0,
            method="mad_robustize",
        ),
    ],
)


def main() -> None:
    """Write plate and results below a folder."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    write_synthetic_plate(folder / "plate", rows=2, columns=3, sites=2, shape=(128, 128), seed=5)
    plate = open_plate(folder / "plate", metadata="plate_map.csv")
    outcome = run_plate(compile_plate(plate, PIPELINE), output=folder / "results", workers=2)
    assert len(outcome.completed) == 6, outcome


if __name__ == "__main__":
    main()
