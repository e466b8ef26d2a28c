"""Any pipeline that can be put together of known pieces, on plates of several layouts.

Either compile refuses it with a message that names a step, or it runs: with exactly the updates that the plan predicts,
none of them an error, and the same results whether it is gone through at once or value by value.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.pipeline import functions as f
from tests.unit.pipeline.here import Here
from tests.unit.pipeline.plates import write_plate

from plateflow.errors import CompileError
from plateflow.functions import filter_objects, gaussian, measure_shape, project_max
from plateflow.functions.kinds import Image, Planes
from plateflow.pipeline.compile import compile_plate
from plateflow.pipeline.pipeline import Pipeline
from plateflow.pipeline.plan import PlatePlan
from plateflow.pipeline.step import FunctionStep
from plateflow.plate.model import Plate
from plateflow.progress.update import ProgressStatus

CHANNELS = ("1", "2")
SEEN: Counter[str] = Counter()


@pytest.fixture(scope="module")
def plates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Plate]:
    folder = tmp_path_factory.mktemp("plates")
    return {
        "flat": write_plate(folder / "flat", wells=("A01", "B02"), sites=2),
        "deep": write_plate(folder / "deep", wells=("A01", "B02"), sites=2, zs=2),
        "mixed": write_plate(folder / "mixed", wells=("A01",), sites=2, zs={"1": 2, "2": 1}),
        "long": write_plate(folder / "long", wells=("A01",), timepoints=2),
    }


def ground(planes: Planes) -> Image:
    total: Image = np.mean([plane.astype(float) for plane in planes], axis=0)
    return total


wheres = st.fixed_dictionaries(
    {},
    optional={"site": st.integers(1, 2), "z": st.integers(1, 2), "well": st.sampled_from(["A01", "B02"])},
)
variables = st.sampled_from(["site", "z", "timepoint", ("site", "z")])
OVER: list[Any] = [("well",), ("well", "site")]


@dataclass
class Draft:
    """Steps so far, and the names that they made; each method adds one that may fit."""

    draw: st.DrawFn
    images: list[str] = field(default_factory=lambda: list(CHANNELS))
    objects: list[str] = field(default_factory=list)
    steps: list[FunctionStep] = field(default_factory=list)

    def image(self) -> str:
        return self.draw(st.sampled_from(self.images))

    def thing(self) -> str:
        return self.draw(st.sampled_from(self.objects or ["Nothing"]))

    def add(self, func: Any, inputs: Any = None, outputs: str | None = None, **options: Any) -> None:
        where = self.draw(wheres) if self.draw(st.integers(0, 3)) == 0 else {}
        self.steps.append(FunctionStep(func, inputs, outputs, where=where, **options))

    def replaced(self) -> None:
        self.add(gaussian, self.image())

    def named(self) -> None:
        name = f"Image{len(self.steps)}"
        self.add(gaussian, self.image(), name)
        self.images.append(name)

    def branched(self) -> None:
        self.add({"1": f.same, "2": gaussian}, group_by="channel")

    def projected(self) -> None:
        name = f"Top{len(self.steps)}"
        self.add(project_max, self.image(), name, variable_components=self.draw(variables))
        self.images.append(name)

    def found(self) -> None:
        name = f"Objects{len(self.steps)}"
        self.add(f.halves, self.image(), name, keep=self.draw(st.sampled_from([None, False])))
        self.objects.append(name)

    def measured(self) -> None:
        self.add(measure_shape, self.thing())

    def averaged(self) -> None:
        self.add(f.mean, (self.thing(), self.image()))

    def filtered(self) -> None:
        thing = self.thing()
        self.add(filter_objects, (thing, thing), f"Kept{len(self.steps)}", minimum=1)

    def corrected(self) -> None:
        self.add(f.same_of_two, ("*", "Ground"))

    def chained(self) -> None:
        self.add([gaussian, f.same, (gaussian, {"sigma": 2})], self.image())

    def from_the_start(self) -> None:
        self.add(gaussian, self.draw(st.sampled_from(CHANNELS)), source="start")


PIECES = [
    *(Draft.replaced, Draft.named, Draft.branched, Draft.projected, Draft.found, Draft.measured),
    *(Draft.averaged, Draft.filtered, Draft.corrected, Draft.chained, Draft.from_the_start),
]


@st.composite
def pipelines(draw: st.DrawFn) -> list[FunctionStep]:
    draft = Draft(draw)
    if draw(st.booleans()):
        over = draw(st.sampled_from(OVER))
        draft.steps.append(FunctionStep(ground, outputs="Ground", variable_components=over))
    for _ in range(draw(st.integers(1, 5))):
        draw(st.sampled_from(PIECES))(draft)
    return draft.steps


def compiled(plate: Plate, steps: list[FunctionStep], sequential: Any) -> PlatePlan | None:
    try:
        return compile_plate(plate, Pipeline("p", steps, sequential=sequential))
    except CompileError as e:
        problems = e.problems
    assert all("step '" in problem for problem in problems), problems
    return None


def made_of(here: Here) -> dict[str, dict[Any, Any]]:
    """All labels and measurements of each well."""
    found: dict[str, dict[Any, Any]] = {}
    for well, data in here.data.items():
        labels = {ref: data.plane(ref).tolist() for ref in data.tables}
        tables = {(ref, "table"): {k: v.tolist() for k, v in table.items()} for ref, table in data.tables.items()}
        found[well] = {**labels, **tables}
    return found


@pytest.mark.slow
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.sampled_from(["flat", "deep", "mixed", "long"]),
    pipelines(),
    st.sampled_from(["site", "z", ("site", "timepoint")]),
)
def test_it_is_refused_or_runs_as_predicted(
    plates: dict[str, Plate], layout: str, steps: list[FunctionStep], sequential: Any
) -> None:
    plan = compiled(plates[layout], steps, ())
    by_turns = compiled(plates[layout], steps, sequential)
    SEEN["refused" if plan is None else "ran"] += 1
    if plan is None:
        assert by_turns is None
        return
    here = Here(plan)
    # What was measured only a run can tell: a feature that is not there, or is there twice, is its well's error.
    told = ("was not measured of these objects", "was measured by an earlier step")
    assert all(any(words in failure.error for words in told) for failure in here.failures.values()), here.failures
    for axis in plan.runnable:
        if axis.axis_id not in here.failures:
            assert len(here.of(axis.axis_id)) == plan.updates(axis)
            assert all(update.status is not ProgressStatus.ERROR for update in here.of(axis.axis_id))
    if by_turns is not None and not here.failures:
        SEEN["by turns"] += 1
        assert made_of(Here(by_turns)) == made_of(here)


@pytest.mark.slow
def test_many_of_them_ran() -> None:
    assert SEEN["ran"] >= 30, SEEN
    assert SEEN["by turns"] >= 10, SEEN
