"""The circuits beside the header: one key, one light through the driver, one small light."""

from __future__ import annotations

from typing import Final

from docs.drawings.currents import LIGHT_5V, SMALL_LED
from docs.drawings.svg import CARD, HAIR, INK, MUTED, circle, line, moved, path, rect, text

WIDTH: Final = 470
_R: Final = (14.0, 44.0)
"""Half-width and length of a resistor."""


def _card(height: float, title: str, sub: str) -> str:
    return (
        rect(0, 0, WIDTH, height, fill=CARD, stroke=HAIR, radius=14)
        + text(20, 30, title, size=16, weight=700)
        + text(20, 50, sub, size=12, fill=MUTED)
    )


def _resistor_down(x: float, y: float) -> str:
    return rect(x - _R[0] / 2, y, _R[0], _R[1], fill=CARD, stroke=INK, line_width=1.6)


def _resistor_right(x: float, y: float) -> str:
    return rect(x, y - _R[0] / 2, _R[1], _R[0], fill=CARD, stroke=INK, line_width=1.6)


def _ground(x: float, y: float) -> str:
    bars = ((12, 0), (7.5, 5), (3, 10))
    return "".join(line((x - half, y + down), (x + half, y + down)) for half, down in bars)


def _rail(x: float, y: float, words: str) -> str:
    return line((x - 16, y), (x + 16, y), width=2.4) + text(
        x, y - 7, words, size=13, anchor="middle", weight=600
    )


def _dot(x: float, y: float) -> str:
    return circle(x, y, 3.4)


def _terminal(x: float, y: float, words: str, anchor: str = "middle") -> str:
    return circle(x, y, 4.5, fill=CARD, stroke=INK, width=1.6) + text(
        x, y - 12, words, size=13, anchor=anchor, weight=600
    )


def _led_down(x: float, y: float) -> str:
    """A light-emitting diode, anode up."""
    return (
        path(f"M{x - 12} {y}H{x + 12}L{x} {y + 20}Z", fill=CARD)
        + line((x - 12, y + 20), (x + 12, y + 20), width=2)
        + path(f"M{x + 16} {y + 6}l9 -7m-5 0h5v5")
        + path(f"M{x + 20} {y + 14}l9 -7m-5 0h5v5")
    )


def _key() -> str:
    """Switch to ground, pull-up, low-pass, protection."""
    y = 168
    return "".join(
        [
            # pull-up
            _rail(258, 84, "3.3 V"),
            line((258, 84), (258, 98)),
            _resistor_down(258, 98),
            line((258, 98 + _R[1]), (258, y)),
            text(272, 118, "2.2 kΩ", size=13, weight=600),
            text(272, 135, "上拉 pull-up", size=11, fill=MUTED),
            # switch at the end of the cable
            line((66, y), (66, y + 22)),
            circle(66, y + 25, 3, fill=CARD, stroke=INK, width=1.6),
            circle(66, y + 55, 3, fill=CARD, stroke=INK, width=1.6),
            line((80, y + 24), (80, y + 56), width=2.2),
            line((80, y + 40), (96, y + 40)),
            line((96, y + 32), (96, y + 48), width=2.2),
            line((66, y + 58), (66, y + 80)),
            _ground(66, y + 80),
            text(104, y + 45, "按键 key", size=12),
            # cable, protection
            line((66, y), (118, y)),
            line((118, y), (168, y), dash="5 5"),
            text(143, y - 10, "≤ 2 m 屏蔽 shielded", size=11, fill=MUTED, anchor="middle"),
            line((168, y), (298, y)),
            _dot(204, y),
            line((204, y), (204, y + 26)),
            path(f"M192 {y + 50}H216L204 {y + 28}Z", fill=CARD),
            line((188, y + 32), (192, y + 28), (216, y + 28), (220, y + 24), width=2),
            line((204, y + 50), (204, y + 80)),
            _ground(204, y + 80),
            text(222, y + 48, "TVS", size=12, weight=600),
            text(222, y + 63, "防静电 ESD", size=11, fill=MUTED),
            _dot(258, y),
            # low-pass, GPIO
            _resistor_right(298, y),
            text(320, y - 14, "1 kΩ", size=13, anchor="middle", weight=600),
            line((298 + _R[1], y), (436, y)),
            _dot(372, y),
            line((372, y), (372, y + 34)),
            line((358, y + 34), (386, y + 34), width=2.2),
            line((358, y + 42), (386, y + 42), width=2.2),
            line((372, y + 42), (372, y + 80)),
            _ground(372, y + 80),
            text(392, y + 42, "100 nF", size=13, weight=600),
            _terminal(440, y, "GPIO"),
        ]
    )


def _light() -> str:
    """A 5 V light, its ground side switched by one channel of a ULN2803."""
    y, x = 196, 342
    return "".join(
        [
            _terminal(40, y, "GPIO"),
            line((45, y), (128, y)),
            rect(128, y - 52, 132, 104, fill="#f1f3ee", stroke=INK, radius=8, line_width=1.6),
            text(194, y - 32, "ULN2803", size=13, anchor="middle", weight=700),
            path(f"M176 {y - 15}V{y + 15}L206 {y}Z", fill=CARD),
            circle(210.5, y, 4, fill=CARD, stroke=INK, width=1.6),
            line((128, y), (176, y)),
            line((214.5, y), (260, y)),
            text(136, y - 6, "B", size=11, fill=MUTED),
            text(252, y - 6, "C", size=11, fill=MUTED, anchor="end"),
            text(194, y + 42, "8 路 channels", size=11, fill=MUTED, anchor="middle"),
            line((194, y + 52), (194, y + 66)),
            _ground(194, y + 66),
            text(212, y + 74, "9 = 地 GND", size=11, fill=MUTED),
            line((260, y), (x, y), (x, y - 36)),
            _led_down(x, y - 56),
            line((x, y - 56), (x, y - 68)),
            _resistor_down(x, y - 112),
            _rail(x, y - 118, "5 V"),
            line((x, y - 118), (x, y - 112)),
            text(x + 16, y - 92, f"{LIGHT_5V.resistor_ohm} Ω", size=13, weight=600),
            text(x + 16, y - 76, "带灯按键常已内置", size=11, fill=MUTED),
            text(x + 16, y - 62, "often built in", size=11, fill=MUTED),
            text(x - 22, y - 40, f"{LIGHT_5V.led_ma:.0f} mA", size=12, anchor="end", weight=600),
            text(x - 46, y + 26, "有源蜂鸣器 buzzer：同接", size=11, fill=MUTED),
            text(x - 46, y + 42, "the same, COM (10) → 5 V", size=11, fill=MUTED),
        ]
    )


def _small_led() -> str:
    """A small red light that needs no driver."""
    y = 122
    return "".join(
        [
            _terminal(40, y, "GPIO"),
            line((45, y), (110, y)),
            _resistor_right(110, y),
            text(132, y - 14, f"{SMALL_LED.resistor_ohm} Ω", size=13, anchor="middle", weight=600),
            line((154, y), (206, y)),
            path(f"M206 {y - 12}V{y + 12}L228 {y}Z", fill=CARD),
            line((228, y - 12), (228, y + 12), width=2),
            path(f"M214 {y - 16}l7 -9m0 5v-5h-5"),
            path(f"M224 {y - 16}l7 -9m0 5v-5h-5"),
            line((228, y), (286, y), (286, y + 16)),
            _ground(286, y + 16),
            text(312, y + 4, f"{SMALL_LED.gpio_ma:.1f} mA", size=13, weight=600),
        ]
    )


def circuit_cards() -> list[tuple[int, str]]:
    """The three cards from the top: height, drawing; each `WIDTH` wide."""
    cards = (
        (
            304,
            14,
            "每个按键 Each key",
            "按下接地，RC 滤波，防静电 To ground, low-pass, ESD",
            _key(),
        ),
        (
            310,
            16,
            "每盏灯 Each light",
            "5 V 经 ULN2803 的一路 5 V through one channel of a ULN2803",
            _light(),
        ),
        (
            154,
            -8,
            "小红灯可直连 A small red LED needs no driver",
            "仅红、黄 red or yellow only",
            _small_led(),
        ),
    )
    return [
        (height, _card(height, title, sub) + moved(0, shift, drawing))
        for height, shift, title, sub, drawing in cards
    ]
