"""The front of the panel: keys of equal size with names, faces and tactile marks."""

from __future__ import annotations

from typing import Final

from docs.drawings.svg import CARD, HAIR, INK, MUTED, circle, line, path, rect, text
from firmware_config.levels import LEVEL_NAMES
from firmware_config.pins import PinProfile

HEIGHT: Final = 250
_RADIUS: Final = 42


def panel(profile: PinProfile, width: float) -> str:
    """The front as a citizen sees it, `width` by `HEIGHT`."""
    middle_y = 118
    step = (width - 240) / len(profile.buttons)
    parts = [
        rect(0, 0, width, HEIGHT, fill=CARD, stroke=HAIR, radius=18),
        text(24, 32, "面板正面 The front", size=16, weight=700),
        text(
            width - 24,
            32,
            "键帽 ≥ 25 mm，间距 ≥ 15 mm，大小力度相同；凸点数 = 等级　"
            "caps ≥ 25 mm, gaps ≥ 15 mm, all alike; raised dots = level",
            size=12,
            fill=MUTED,
            anchor="end",
        ),
    ]
    for index, button in enumerate(profile.buttons):
        x = 40 + step * (index + 0.5)
        name, level = LEVEL_NAMES[button.level], int(button.level)
        parts += [
            circle(x, middle_y, _RADIUS + 9, fill="#e9ebe5", stroke=HAIR),
            circle(x, middle_y, _RADIUS, fill=name.colour, stroke=INK, width=1),
            _face(x, middle_y, level),
            text(x, middle_y + 82, name.zh, size=18, anchor="middle", weight=700),
            text(x, middle_y + 100, name.en, size=12, fill=MUTED, anchor="middle"),
            *_dots(x, middle_y + 117, level),
        ]
    x = width - 150
    parts += [
        line((x - 40, 60), (x - 40, HEIGHT - 28), stroke=HAIR),
        circle(x, 88, 8, fill=CARD, stroke="#7d56a5", width=4),
        text(x + 20, 93, "状态 status", size=13),
        circle(x, 126, 8, fill=CARD, stroke="#b8432f", width=4),
        text(x + 20, 131, "故障 error", size=13),
        rect(x - 9, 156, 18, 18, fill="#7d56a5", radius=4),
        text(x + 20, 170, "工作人员键", size=13),
        text(x + 20, 188, "在柜台内 clerk's side", size=11, fill=MUTED),
    ]
    return "".join(parts)


def _face(x: float, y: float, level: int) -> str:
    """Two eyes and a mouth, from a broad smile to its opposite."""
    bend = {5: 18, 4: 10, 3: 0, 2: -10, 1: -18}[level]
    mouth_y = y + 12 - bend * 0.35
    return (
        circle(x - 14, y - 11, 4.2)
        + circle(x + 14, y - 11, 4.2)
        + path(f"M{x - 18:g} {mouth_y:g}q18 {bend:g} 36 0", width=3.6)
    )


def _dots(x: float, y: float, level: int) -> list[str]:
    """Raised dots, as many as the level: the mark for fingers."""
    start = x - (level - 1) * 6
    return [circle(start + 12 * index, y, 3.4, fill=MUTED) for index in range(level)]
