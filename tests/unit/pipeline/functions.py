"""Functions of every kind, as users write them; importable by worker processes too."""

import enum
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from plateflow.functions.kinds import Image, Images, Labels, LabelStack, Record, Stack, Table

not_a_function = 3


class Mode(enum.Enum):
    FAST = "fast"


def same(image: Image) -> Image:
    return image


def same_of_two(first: Image, second: Image) -> Image:
    return first


def scaled(image: Image, factor: float, mode: Literal["a", "b"] = "a") -> Image:
    product: Image = image * factor
    return product


def bounded(image: Image, sigma: Annotated[float, msgspec.Meta(gt=0)] = 1.0, mode: Mode = Mode.FAST) -> Image:
    assert isinstance(mode, Mode)
    assert isinstance(sigma, float)
    return image


def anything(image: Image, **options: Any) -> Image:
    return image


def positional(image: Image, size: int, /) -> Image:
    return image


def highest(stack: Stack) -> Image:
    highest_values: Image = stack.max(0)
    return highest_values


def lifted(stack: Stack) -> Stack:
    return stack + 1


def stack_of_one(image: Image) -> Stack:
    return image[np.newaxis]


def merged(images: Images) -> Image:
    average: Image = np.mean(list(images.values()), axis=0)
    return average


def halves(image: Image) -> Labels:
    """Find two objects, 2 and 5: left and right half."""
    labels = np.full(image.shape, 2, np.int32)
    labels[:, image.shape[1] // 2 :] = 5
    return labels


def halves_of(stack: Stack) -> Labels:
    return halves(stack[0])


def halves_each(stack: Stack) -> LabelStack:
    return np.stack([halves(image) for image in stack])


def nothing(image: Image) -> Labels:
    return np.zeros(image.shape, np.int32)


def grown(objects: Labels) -> Labels:
    return objects


def area(objects: Labels) -> Table:
    numbers, counts = np.unique(objects[objects > 0], return_counts=True)
    assert numbers.size == counts.size
    return {"AreaShape_Area": counts}


def mean(objects: Labels, image: Image) -> Table:
    numbers = np.unique(objects[objects > 0])
    return {"Mean_{image}": np.array([image[objects == number].mean() for number in numbers])}


def related(children: Labels, parents: Labels) -> tuple[Table, Table]:
    ones = np.ones(len(np.unique(children[children > 0])))
    return {"Parent_{parents}": ones}, {"Children_{children}_Count": np.ones(len(np.unique(parents[parents > 0])))}


def labelled_and_measured(objects: Labels, image: Image) -> tuple[Labels, Table, Record]:
    return objects, mean(objects, image), {"Focus_{image}": float(image.mean())}


def brightness(image: Image) -> Record:
    return {"Brightness_{image}": float(image.mean())}


def depth(stack: Stack) -> Record:
    return {"Depth_{stack}": float(len(stack))}


def of_a_table(table: Table) -> Image:
    raise NotImplementedError


def by_name(image: Image) -> Images:
    return {"a": image}


def table_of_an_image(image: Image) -> Table:
    return {}


def unhinted(image, level=1):  # type: ignore[no-untyped-def]  # what a third party's function looks like
    return image


def tagged(objects: Labels, image: Image, tag: str) -> Table:
    return {f"Mean_{{image}}_{tag}": mean(objects, image)["Mean_{image}"]}


def tagged_record(image: Image, tag: str) -> Record:
    return {f"Brightness_{{image}}_{tag}": float(image.mean())}
