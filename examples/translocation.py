"""Measure nuclear translocation: how far FKHR-GFP has moved into the nucleus, cell by cell.

The plate is BBBC013 (Ljosa et al. 2012): 96 wells, one site, GFP in channel 1 and DNA in channel 2. Two drugs that
block PI3 kinase, wortmannin in rows A-D and LY294002 in rows E-H, keep the protein in the nucleus. ::

    plateflow run examples/translocation.py PLATE_DIR --output RESULTS_DIR
    python examples/translocation.py RESULTS_DIR          # draws RESULTS_DIR/dose_response.svg
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from scipy import stats

from plateflow import FunctionStep, Pipeline
from plateflow.functions import find_nuclei, measure_intensity, ratio, ring_around

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

pipeline = Pipeline(
    "translocation",
    channels={"GFP": "1", "DNA": "2"},
    filenames=r"Channel(?P<channel>\d)-\d+-(?P<row>[A-H])-(?P<column>\d\d)\.tif",
    metadata="1049_Metadata.csv",
    steps=[
        FunctionStep(find_nuclei, inputs="DNA", outputs="Nuclei", min_diameter=8, max_diameter=40, method="otsu"),
        FunctionStep(ring_around, inputs="Nuclei", outputs="Cytoplasm", gap=1, width=4),
        FunctionStep(measure_intensity, inputs=("Nuclei", ["DNA", "GFP"]), name="measure_nuclei"),
        FunctionStep(measure_intensity, inputs=("Cytoplasm", ["GFP"]), name="measure_cytoplasm"),
        FunctionStep(ratio, inputs=("Nuclei", "Cytoplasm", "GFP")),  # -> Nuclei_Math_Ratio_GFP
    ],
)

ROWS_OF_DRUG = {"wortmannin": "ABCD", "LY294002": "EFGH"}
RATIO, DOSE, CONTROL = "Mean_Nuclei_Math_Ratio_GFP", "Metadata_SBS_Doses", "Metadata_SBS_Controls"
GROUPS = {-1: ("no drug", "#0072B2", "o"), 0: ("dosed", "#595959", "o"), 1: ("positive control", "#D55E00", "D")}
"""Label, colour and marker of each code in SBS_Controls. The control columns differ between the two halves of the
plate, and so only the codes say which well is what."""


def spearman(doses: NDArray[Any], values: NDArray[Any]) -> float:
    """Return the rank correlation of dose and response: 1 where the response only ever rises."""
    return float(stats.spearmanr(doses, values).statistic)


def z_prime(values: NDArray[Any], controls: NDArray[Any]) -> float:
    """Return how well the controls are told apart: 1 is ideal, above 0.5 is an excellent assay.

    Zhang et al. 1999, J Biomol Screen 4:67, with sample standard deviations. `controls` is -1 for a negative control,
    1 for a positive one and 0 for any other well.
    """
    negative, positive = values[controls == -1], values[controls == 1]
    spread = negative.std(ddof=1) + positive.std(ddof=1)
    return float(1 - 3 * spread / abs(positive.mean() - negative.mean()))


def draw(axes: Axes, wells: pl.DataFrame) -> None:
    """Draw every well of one drug over its dose rank, and a line through the means of the ranks."""
    means = wells.group_by(DOSE).agg(pl.col(RATIO).mean()).sort(DOSE)
    axes.plot(means[DOSE], means[RATIO], color="#BDBDBD", linewidth=2, zorder=1, label="mean of the dose")
    for code, (label, colour, marker) in GROUPS.items():
        group = wells.filter(pl.col(CONTROL) == code)
        axes.scatter(group[DOSE], group[RATIO], c=colour, marker=marker, edgecolor="white", alpha=0.85, label=label)
    axes.set_xticks(range(11))
    axes.set_xlabel("dose rank")
    axes.grid(axis="y", color="#E6E6E6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def main() -> None:
    """Read wells.csv, print the statistics of each drug and draw its dose response.

    Raises
    ------
    SystemExit
        Where matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure  # here, so that running the pipeline does not need matplotlib
    except ImportError:
        raise SystemExit("the plot needs matplotlib: pip install matplotlib") from None

    parser = argparse.ArgumentParser(description="Draw the dose response of a run of the translocation pipeline.")
    parser.add_argument("results", type=Path, help="results folder of the run")
    parser.add_argument("picture", type=Path, nargs="?", help="default: dose_response.svg in the results folder")
    arguments = parser.parse_args()
    wells = pl.read_csv(arguments.results / "wells.csv").filter(pl.col(RATIO).is_not_null())
    figure = Figure(figsize=(9, 4), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (drug, rows) in zip(panels, ROWS_OF_DRUG.items(), strict=True):
        half = wells.filter(pl.col("Metadata_Row").is_in(list(rows)))
        doses, values, controls = (half[column].to_numpy() for column in (DOSE, RATIO, CONTROL))
        rho, z = spearman(doses, values), z_prime(values, controls)
        print(f"{drug}: {len(half)} wells, Spearman {rho:.3f}, Z' {z:.3f}")
        draw(axes, half)
        axes.set_title(f"{drug}\nSpearman {rho:.2f}, Z′ {z:.2f}", fontsize=11)
    panels[0].set_ylim(bottom=0)
    panels[0].set_ylabel("FKHR-GFP, nucleus / cytoplasm\n(mean of the well's cells)")
    panels[0].legend(frameon=False)
    figure.savefig(arguments.picture or arguments.results / "dose_response.svg")


if __name__ == "__main__":
    main()
