"""The pipeline of `bench/floor.py`: normalise each channel, merge them, find nuclei in the merged image, measure."""

from plateflow import FunctionStep, Pipeline
from plateflow.functions import composite, find_nuclei, measure_intensity, normalise

pipeline = Pipeline(
    "floor",
    channels={"DNA": "1", "GFP": "2"},
    steps=[
        FunctionStep(normalise),
        FunctionStep(composite, outputs="Composite", variable_components="channel"),
        FunctionStep(find_nuclei, inputs="Composite", outputs="Nuclei"),
        FunctionStep(measure_intensity, inputs=("Nuclei", ["DNA", "GFP"])),
    ],
)
