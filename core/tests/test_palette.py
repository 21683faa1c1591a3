"""The ten hues stay apart for colour-blind eyes and stand out from their surface, measured in both themes."""

import itertools
import re
from pathlib import Path

import pytest

TOKENS = (Path(__file__).resolve().parents[2] / "static/css/tokens.css").read_text(encoding="utf-8")
THEMES = ("light", "dark")

type Color = tuple[float, float, float]
type Matrix = tuple[Color, Color, Color]

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
EYES: dict[str, Matrix] = {
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039)),
    "trichromacy": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
}
# Ottosson 2020.
TO_LMS: Matrix = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
TO_LAB: Matrix = (
    (0.2104542553, 0.793617785, -0.0040720468),
    (1.9779984951, -2.428592205, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.808675766),
)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("eyes", EYES)
def test_hues_stay_apart(theme: str, eyes: str) -> None:
    seen = [oklab(through(EYES[eyes], hue)) for hue in hues(theme)]

    closest = min(distance(a, b) for a, b in itertools.combinations(seen, 2))

    assert closest >= 0.075


@pytest.mark.parametrize("theme", THEMES)
def test_hues_have_three_to_one_against_their_surface(theme: str) -> None:
    surface = token("surface", theme)

    assert min(contrast(hue, surface) for hue in hues(theme)) >= 3


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("eyes", EYES)
def test_a_heat_map_goes_one_way_in_steps_that_are_seen(theme: str, eyes: str) -> None:
    """Away from the surface: darker on light, lighter on dark."""
    seen = [oklab(through(EYES[eyes], token(f"heat-{index}", theme))) for index in range(8)]

    lightness = [color[0] if theme == "dark" else -color[0] for color in seen]

    assert lightness == sorted(lightness)
    assert min(distance(a, b) for a, b in itertools.pairwise(seen)) >= 0.05


@pytest.mark.parametrize("theme", THEMES)
def test_the_strongest_cell_of_a_heat_map_stands_out(theme: str) -> None:
    assert contrast(token("heat-7", theme), token("surface", theme)) >= 7


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("ground", ["bg", "surface", "surface-sunken", "surface-hover"])
@pytest.mark.parametrize("ink", ["text", "text-muted", "text-faint", "accent-text"])
def test_text_has_four_and_a_half_to_one_on_every_surface(theme: str, ground: str, ink: str) -> None:
    assert contrast(token(ink, theme), token(ground, theme)) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("state", ["ok", "warn", "danger"])
def test_state_colours_are_readable_on_their_own_ground(theme: str, state: str) -> None:
    assert contrast(token(f"{state}-text", theme), token(f"{state}-soft", theme)) >= 4.5


def hues(theme: str) -> list[Color]:
    return [token(f"series-{index}", theme) for index in range(1, 11)]


def token(name: str, theme: str) -> Color:
    found = re.search(rf"--{name}: light-dark\((#\w{{6}}), (#\w{{6}})\)", TOKENS)
    assert found, name
    text = found[1 + THEMES.index(theme)]
    red, green, blue = (linear(int(text[i : i + 2], 16) / 255) for i in (1, 3, 5))
    return red, green, blue


def linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def through(matrix: Matrix, color: Color) -> Color:
    red, green, blue = (sum(m * c for m, c in zip(row, color, strict=True)) for row in matrix)
    return red, green, blue


def oklab(color: Color) -> Color:
    clipped = tuple(min(max(value, 0.0), 1.0) for value in color)
    long, medium, short = (value ** (1 / 3) for value in through(TO_LMS, clipped))  # type: ignore[arg-type]
    return through(TO_LAB, (long, medium, short))


def distance(one: Color, other: Color) -> float:
    return float(sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5)


def contrast(one: Color, other: Color) -> float:
    bright, dark = sorted((0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in (one, other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)
