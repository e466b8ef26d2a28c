"""The palette, by its numbers: states must stay apart for every kind of colour vision, and words readable.

Colour differences are Euclidean in CAM02-UCS (Luo, Cui and Li 2006, Color Research & Application 31:320) under sRGB's
viewing conditions. Dichromacy is simulated by Brettel, Viénot and Mollon (1997, JOSA A 14:2647), with the matrices of
libDaltonLens (Burrus, public domain), and by Machado, Oliveira and Fernandes (2009, IEEE TVCG 15:1291) at severity 1.
"""

import itertools
import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from plateflow.gui.palette import DARK, LIGHT, THEMES, WELL_ROLES, Theme
from plateflow.gui.states import LOOKS

Array = npt.NDArray[np.float64]
Vision = Callable[[Array], Array]

LEAST_DIFFERENCE = 10.0
BRETTEL = {
    "protan": (
        ((0.14980, 1.19548, -0.34528), (0.10764, 0.84864, 0.04372), (0.00384, -0.00540, 1.00156)),
        ((0.14570, 1.16172, -0.30742), (0.10816, 0.85291, 0.03892), (0.00386, -0.00524, 1.00139)),
        (0.00048, 0.00393, -0.00441),
    ),
    "deutan": (
        ((0.36477, 0.86381, -0.22858), (0.26294, 0.64245, 0.09462), (-0.02006, 0.02728, 0.99278)),
        ((0.37298, 0.88166, -0.25464), (0.25954, 0.63506, 0.10540), (-0.01980, 0.02784, 0.99196)),
        (-0.00281, -0.00611, 0.00892),
    ),
    "tritan": (
        ((1.01277, 0.13548, -0.14826), (-0.01243, 0.86812, 0.14431), (0.07589, 0.80500, 0.11911)),
        ((0.93678, 0.18979, -0.12657), (0.06154, 0.81526, 0.12320), (-0.37562, 1.12767, 0.24796)),
        (0.03901, -0.02788, -0.01113),
    ),
}
"""Of linear RGB: the matrix of either half plane, and the normal of the plane that parts them."""
MACHADO = {
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}


def linear_rgb(colour: str) -> Array:
    """Return linear RGB in 0..1 of "#rrggbb"."""
    rgb = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    linear: Array = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return linear


def luminance(colour: str) -> float:
    return float(linear_rgb(colour) @ (0.2126, 0.7152, 0.0722))


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of WCAG 2, 1..21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def brettel(kind: str) -> Vision:
    first, second, normal = BRETTEL[kind]
    return lambda rgb: np.clip(np.array(first if rgb @ np.array(normal) >= 0 else second) @ rgb, 0, 1)


def machado(kind: str) -> Vision:
    return lambda rgb: np.clip(np.array(MACHADO[kind]) @ rgb, 0, 1)


VISIONS: dict[str, Vision] = {
    "normal": lambda rgb: rgb,
    **{f"{kind} by Brettel": brettel(kind) for kind in BRETTEL},
    **{f"{kind} by Machado": machado(kind) for kind in MACHADO},
}


def cam02_ucs(rgb: Array) -> Array:
    """Return (J', a', b') of linear RGB: D65, average surround, adapting luminance 64/5π cd/m², grey background."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) * 100
    cat02 = np.array([[0.7328, 0.4296, -0.1624], [-0.7036, 1.6975, 0.0061], [0.0030, 0.0136, 0.9834]])
    hpe = np.array([[0.38971, 0.68898, -0.07868], [-0.22981, 1.18340, 0.04641], [0.0, 0.0, 1.0]])
    white = np.array([95.047, 100.0, 108.883])
    adapting, background, impact, n_c = 64 / math.pi / 5, 0.2, 0.69, 1.0
    degree = 1 - math.exp((-adapting - 42) / 92) / 3.6
    k = 1 / (5 * adapting + 1)
    f_l = 0.2 * k**4 * 5 * adapting + 0.1 * (1 - k**4) ** 2 * (5 * adapting) ** (1 / 3)
    n_bb = 0.725 / background**0.2
    z = 1.48 + math.sqrt(background)

    def response(xyz: Array) -> Array:
        adapted = (100 * degree / (cat02 @ white) + 1 - degree) * (cat02 @ xyz)
        cones = hpe @ np.linalg.inv(cat02) @ adapted
        powered = (f_l * np.abs(cones) / 100) ** 0.42
        compressed: Array = np.sign(cones) * 400 * powered / (powered + 27.13) + 0.1
        return compressed

    def achromatic(cones: Array) -> float:
        return float((cones @ (2, 1, 1 / 20) - 0.305) * n_bb)

    cones = response(to_xyz @ rgb)
    red_green, yellow_blue = float(cones @ (1, -12 / 11, 1 / 11)), float(cones @ (1, 1, -2)) / 9
    hue = math.atan2(yellow_blue, red_green)
    eccentricity = (math.cos(hue + 2) + 3.8) / 4
    lightness = 100 * max(achromatic(cones) / achromatic(response(white)), 0) ** (impact * z)
    t = 50000 / 13 * n_c * n_bb * eccentricity * math.hypot(red_green, yellow_blue) / float(cones @ (1, 1, 21 / 20))
    chroma = t**0.9 * math.sqrt(lightness / 100) * (1.64 - 0.29**background) ** 0.73
    colourfulness = math.log(1 + 0.0228 * chroma * f_l**0.25) / 0.0228
    return np.array(
        [1.7 * lightness / (1 + 0.007 * lightness), colourfulness * math.cos(hue), colourfulness * math.sin(hue)]
    )


def difference(one: str, other: str, vision: Vision) -> float:
    return float(np.linalg.norm(cam02_ucs(vision(linear_rgb(one))) - cam02_ucs(vision(linear_rgb(other)))))


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_states_stay_apart_for_every_vision(theme: Theme, vision: str) -> None:
    colours = {**theme.by_role(), "no well": theme.base}
    distances = {
        f"{one} and {other}": difference(colours[one], colours[other], VISIONS[vision])
        for one, other in itertools.combinations(colours, 2)
    }
    assert not {pair: value for pair, value in distances.items() if value < LEAST_DIFFERENCE}


def ramp(theme: Theme, count: int, vision: str) -> list[Array]:
    colours = [theme.ramp_colour(number / (count - 1)) for number in range(count)]
    return [cam02_ucs(VISIONS[vision](linear_rgb(colour))) for colour in colours]


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_the_ramp_goes_up_evenly_for_every_vision(theme: Theme, vision: str) -> None:
    places = ramp(theme, 64, vision)
    assert all(np.diff([place[0] for place in places]) > 0)  # lightness: the order is seen in grey too
    steps = [float(np.linalg.norm(b - a)) for a, b in itertools.pairwise(ramp(theme, 8, vision))]
    assert max(steps) < 2 * min(steps)


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_steps_are_told_apart_from_each_other_and_from_nothing(theme: Theme, vision: str) -> None:
    six = ramp(theme, 6, vision)
    assert min(float(np.linalg.norm(b - a)) for a, b in itertools.pairwise(six)) >= LEAST_DIFFERENCE
    empty = [cam02_ucs(VISIONS[vision](linear_rgb(colour))) for colour in (theme.idle, theme.base)]
    assert min(float(np.linalg.norm(a - b)) for a in ramp(theme, 64, vision) for b in empty) >= LEAST_DIFFERENCE


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_the_ramp_begins_and_ends_with_its_colours(theme: Theme) -> None:
    assert [theme.ramp_colour(0.0), theme.ramp_colour(1.0)] == [theme.ramp[0], theme.ramp[-1]]
    assert theme.ramp_colour(1 / (len(theme.ramp) - 1)) == theme.ramp[1]


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_done_and_failed_are_never_taken_for_each_other(theme: Theme) -> None:
    assert min(difference(theme.done, theme.failed, vision) for vision in VISIONS.values()) > 19


@pytest.mark.parametrize("background", ["window", "base", "highlight"])
@pytest.mark.parametrize("text", ["text", "dimmed", "link"])
@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_text_is_read(theme: Theme, text: str, background: str) -> None:
    assert contrast(getattr(theme, text), getattr(theme, background)) >= 4.5  # WCAG 2, level AA


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_marks_are_seen(theme: Theme) -> None:
    assert contrast(theme.mark, theme.failed) >= 3  # WCAG 2, graphical objects


def test_every_state_of_a_plate_has_a_colour() -> None:
    assert {look.role for look in LOOKS.values()} <= set(DARK.by_role()) == set(WELL_ROLES) == set(LIGHT.by_role())


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        ("#ffffff", (99.9987, -1.9120, -1.1514)),
        ("#000000", (0.0, 0.0, 0.0)),
        ("#009e73", (58.7634, -24.3945, 5.9713)),
    ],
)
def test_the_measure_agrees_with_colorspacious(colour: str, expected: tuple[float, ...]) -> None:
    assert cam02_ucs(linear_rgb(colour)) == pytest.approx(expected, abs=0.02)


def test_a_traffic_light_is_refused() -> None:
    assert difference("#2ca02c", "#d62728", VISIONS["deutan by Brettel"]) < LEAST_DIFFERENCE
