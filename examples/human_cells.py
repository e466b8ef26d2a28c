"""Find nuclei, mitoses, cells and cytoplasms of human cells, as CellProfiler's ExampleHuman does.

The plate is one site of HT29 cells (CellProfiler/examples): DNA in channel 0, phosphorylated histone H3, which marks
mitoses, in channel 1, and the cell body in channel 2. ::

    plateflow run examples/human_cells.py PLATE_DIR --output RESULTS_DIR
"""

from plateflow import FunctionStep, Pipeline
from plateflow.functions import (
    find_nuclei,
    grow_cells,
    keep_inside,
    keep_same,
    measure_intensity,
    measure_shape,
    relate,
    subtract,
)

CHANNELS = ["DNA", "PH3"]

pipeline = Pipeline(
    "human_cells",
    channels={"DNA": "0", "PH3": "1", "CellBody": "2"},
    filenames=r"AS_.*_(?P<well>[A-P]\d\d)f(?P<site>\d\d)d(?P<channel>\d)\.tif",
    steps=[
        FunctionStep(find_nuclei, "DNA", "AllNuclei", method="li", smoothing=1, drop_border=False, keep=False),
        FunctionStep(keep_inside, "AllNuclei", "Nuclei"),
        FunctionStep(find_nuclei, "PH3", "PH3", name="find_mitoses", method="otsu3", split_at=4, declump=2),
        FunctionStep(relate, ("PH3", "Nuclei")),  # -> PH3_Parent_Nuclei, Nuclei_Children_PH3_Count
        FunctionStep(grow_cells, ("AllNuclei", "CellBody"), "AllCells", factor=0.8, keep=False),
        FunctionStep(keep_same, ("AllCells", "Nuclei"), "Cells"),
        FunctionStep(subtract, ("Cells", "Nuclei"), "Cytoplasm"),
        *[FunctionStep(measure_shape, objects) for objects in ("Nuclei", "Cells", "Cytoplasm", "PH3")],
        *[FunctionStep(measure_intensity, (objects, CHANNELS)) for objects in ("Nuclei", "Cells", "Cytoplasm")],
    ],
)
