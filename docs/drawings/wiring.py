"""The whole picture of a pin profile's wiring."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from docs.drawings import circuits, header, panel
from docs.drawings.plan import wires_of
from docs.drawings.svg import HAIR, INK, MUTED, circle, document, line, moved, rect, text
from firmware_config.pins import PinProfile, load_pin_profile

FOLDER: Final = Path(__file__).parents[1] / "img"
MARGIN: Final = 44
TOP: Final = 118
WIDTH: Final = MARGIN + header.WIDTH + 48 + circuits.WIDTH + MARGIN
TITLES: Final = {
    "five-key": ("五键评价器接线图", "Wiring of the five-key panel"),
    "four-key": ("四键评价器接线图", "Wiring of the four-key panel"),
}


def picture_file(name: str) -> Path:
    """Where the picture of a profile lies."""
    return FOLDER / f"wiring-{name}.svg"


def wiring_svg(name: str) -> str:
    """The picture of a built-in profile, as SVG."""
    profile = load_pin_profile(name)
    zh, en = TITLES[name]
    right = MARGIN + header.WIDTH + 48
    below = TOP + header.HEIGHT + 66
    height = below + panel.HEIGHT + 64
    return document(
        WIDTH,
        height,
        f"{zh} {en}",
        text(MARGIN, 58, f"一评 · {zh}", size=30, weight=700),
        text(MARGIN, 86, f"Yiping · {en}", size=17, fill=MUTED),
        text(
            WIDTH - MARGIN,
            58,
            "40 针排针，俯视，1 脚为方形焊盘",
            size=14,
            fill=MUTED,
            anchor="end",
        ),
        text(
            WIDTH - MARGIN,
            80,
            "40-pin header from above; pin 1 has the square pad",
            size=13,
            fill=MUTED,
            anchor="end",
        ),
        line((MARGIN, 100), (WIDTH - MARGIN, 100), stroke=HAIR),
        moved(MARGIN, TOP, header.header(wires_of(profile))),
        moved(MARGIN, TOP + header.HEIGHT + 36, _legend()),
        *_circuits(right),
        moved(MARGIN, below, panel.panel(profile, WIDTH - 2 * MARGIN)),
        _footer(profile, height - 26),
    )


def _circuits(x: float) -> list[str]:
    placed, y = [], TOP
    for height, drawing in circuits.circuit_cards():
        placed.append(moved(x, y, drawing))
        y += height + 18
    return placed


def _legend() -> str:
    """What the marks mean."""
    return "".join(
        [
            rect(0, -13, 16, 16, fill=MUTED, radius=4),
            text(24, 0, "按键 key（线缆 K）", size=13),
            circle(186, -5, 8, fill="none", stroke=MUTED, width=3),
            text(202, 0, "灯 light（线缆 L）", size=13),
            circle(356, -5, 8, fill=MUTED),
            circle(356, -5, 2.6, fill=INK),
            text(372, 0, "蜂鸣器 buzzer", size=13),
            rect(496, -8, 18, 5, fill=MUTED, radius=2.5),
            text(522, 0, "电源与地 power, ground", size=13),
        ]
    )


def _footer(profile: PinProfile, y: float) -> str:
    left = (
        "GPIO 只承受 3.3 V：5 V 或 12 V 接到任一 GPIO 都会损坏主板。"
        "3.3 V only: 5 V or 12 V on any GPIO destroys the board."
    )
    return text(MARGIN, y, left, size=13, fill="#b8432f", weight=600) + text(
        WIDTH - MARGIN, y, f"{profile.name}.toml", size=12, fill=MUTED, anchor="end"
    )


def write_pictures() -> list[Path]:
    """Write the pictures of all built-in profiles."""
    FOLDER.mkdir(exist_ok=True)
    files = []
    for name in TITLES:
        picture_file(name).write_text(wiring_svg(name), encoding="utf-8")
        files.append(picture_file(name))
    return files
