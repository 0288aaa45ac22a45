"""Static files: vendored ones unchanged, level colours told apart without seeing red or green."""

from __future__ import annotations

import hashlib
import math
import re
from itertools import combinations
from pathlib import Path

import pytest

import collector.web
from firmware_config.levels import LEVEL_NAMES, Level

STATIC = Path(collector.web.__file__).parent / "static"
TEMPLATES = STATIC.parent / "templates"
OURS = sorted(p for p in STATIC.rglob("*.*") if "vendor" not in p.parts)

# Machado, Oliveira, Fernandes 2009, severity 1.0, on linear RGB
BLINDNESS = {
    "none": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deutan": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritan": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}


def linear(colour: str) -> list[float]:
    """Linear RGB, 0..1, of `#rrggbb`."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]


def lab(rgb: list[float]) -> list[float]:
    """CIE L*a*b* (D65) of linear RGB."""
    r, g, b = rgb
    xyz = (
        (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047,
        0.2126 * r + 0.7152 * g + 0.0722 * b,
        (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883,
    )
    f = [c ** (1 / 3) if c > 0.008856 else 7.787 * c + 16 / 116 for c in xyz]
    return [116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])]


def seen(colour: str, kind: str) -> list[float]:
    """How a colour looks with one kind of colour blindness, as L*a*b*."""
    rgb = linear(colour)
    mixed = [sum(k * c for k, c in zip(row, rgb, strict=True)) for row in BLINDNESS[kind]]
    return lab([min(1.0, max(0.0, c)) for c in mixed])


@pytest.mark.parametrize("kind", sorted(BLINDNESS))
def test_every_two_levels_are_told_apart_by_every_eye(kind: str) -> None:
    for one, other in combinations(Level, 2):
        colours = [LEVEL_NAMES[level].colour for level in (one, other)]
        distance = math.dist(*(seen(colour, kind) for colour in colours))
        assert distance > 15, (kind, one, other, distance)


def test_the_style_sheet_has_the_levels_colours() -> None:
    tokens = (STATIC / "css" / "tokens.css").read_text(encoding="utf-8")
    for level, name in LEVEL_NAMES.items():
        assert f"--level-{int(level)}: {name.colour};" in tokens


def luminance(colour: str) -> float:
    r, g, b = linear(colour)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, other: str) -> float:
    """Contrast ratio. Source: WCAG 2.2, definition of contrast ratio."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def themes() -> dict[str, dict[str, str]]:
    """Theme → its colours, from the style sheet."""
    text = (STATIC / "css" / "tokens.css").read_text(encoding="utf-8")
    light, rest = text.split("@media (prefers-color-scheme: dark)")
    auto, chosen = rest.split(':root[data-theme="dark"]')
    pattern = re.compile(r"--([a-z0-9-]+): (#[0-9a-f]{6});")
    return {
        name: dict(pattern.findall(part))
        for name, part in (("light", light), ("auto", auto), ("dark", chosen))
    }


def test_dark_by_choice_is_dark_by_system() -> None:
    found = themes()
    assert found["auto"] == found["dark"]
    assert set(found["dark"]) <= set(found["light"])


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("ground", ["surface", "ground"])
@pytest.mark.parametrize("ink", ["ink", "ink-soft", "ink-faint", "accent"])
def test_text_has_enough_contrast(theme: str, ground: str, ink: str) -> None:
    colours = themes()[theme]
    assert contrast(colours[ink], colours[ground]) >= (4.5 if ink != "ink-faint" else 3.9)


@pytest.mark.parametrize(
    ("level", "ink"),
    [(5, "#ffffff"), (4, "#0d2a23"), (3, "#332a08"), (2, "#331a02"), (1, "#ffffff")],
)
def test_the_number_on_a_level_can_be_read(level: int, ink: str) -> None:
    assert contrast(LEVEL_NAMES[Level(level)].colour, ink) >= 4.5
    rule = (STATIC / "css" / "parts.css").read_text(encoding="utf-8")
    short = "#fff" if ink == "#ffffff" else ink
    assert re.search(rf"\.chip\.l{level} {{[^}}]*color: {short};", rule)


def test_vendored_files_are_the_ones_named() -> None:
    lines = (STATIC / "vendor" / "VERSIONS").read_text(encoding="utf-8").splitlines()
    named = [line.split() for line in lines if line and not line.startswith("#")]
    assert {row[0] for row in named} == {
        path.name for path in (STATIC / "vendor").iterdir() if path.is_dir()
    }
    for folder, version, name, digest, _origin, _licence in named:
        file = STATIC / "vendor" / folder / name
        assert hashlib.sha256(file.read_bytes()).hexdigest() == digest
        assert folder.endswith(version)
        assert (file.parent / "LICENSE").read_text(encoding="utf-8").strip()


@pytest.mark.parametrize("path", OURS, ids=lambda p: p.name)
def test_our_static_files_ask_no_other_host(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert "http:" not in text
    assert "https:" not in text
    assert "//" not in re.sub(r"(^|\s)//[^\n]*", "", text)


def test_every_static_file_named_in_a_template_exists() -> None:
    for template in TEMPLATES.rglob("*.html"):
        for name in re.findall(r"static_url\('([^']+)'\)", template.read_text(encoding="utf-8")):
            assert (STATIC / name).is_file(), (template.name, name)
