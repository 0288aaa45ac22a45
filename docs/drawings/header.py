"""The 40-pin header seen from above, a tag on each pin that is used."""

from __future__ import annotations

from typing import Final

from docs.drawings.plan import BUZZER, KEY, POWER, WHITE, Wire
from docs.drawings.svg import CARD, HAIR, INK, MUTED, PAD, circle, line, rect, text
from firmware_config.header import GROUND_PINS, HEADER_PINS, POWER_PINS, RESERVED_GPIOS

ROW: Final = 38
TAG: Final = 268
GAP: Final = 96
"""From the pin to its tag."""
WIDTH: Final = 2 * (TAG + GAP) + 92
HEIGHT: Final = 20 * ROW + 44
_FIRST: Final = 50
_GPIOS: Final = {pin: gpio for gpio, pin in HEADER_PINS.items()}


def header(wires: list[Wire]) -> str:
    """The drawing, `WIDTH` by `HEIGHT`, pin 1 at the upper left."""
    by_pin = {wire.header_pin: wire for wire in wires}
    left, right = TAG + GAP + 28, TAG + GAP + 64
    parts = [
        rect(left - 28, 0, 92, HEIGHT, fill="#2c3a37", radius=10),
        text(WIDTH / 2, 20, "▴ microSD", size=12, fill="#b9c6c1", anchor="middle"),
    ]
    for pin in range(1, 41):
        x = left if pin % 2 else right
        y = _FIRST + (pin - 1) // 2 * ROW
        wire = by_pin.get(pin)
        if wire is not None:
            parts += _tag(wire, x, y)
        else:
            parts += _unused(pin, x, y)
        parts.append(_pad(pin, x, y, is_used=wire is not None))
    return "".join(parts)


def _pad(pin: int, x: float, y: float, *, is_used: bool) -> str:
    fill, ink = (PAD, INK) if is_used else ("#55645f", "#d5dcd8")
    shape = (
        rect(x - 12, y - 12, 24, 24, fill=fill, radius=3)
        if pin == 1
        else circle(x, y, 12, fill=fill)
    )
    return shape + text(x, y + 4, str(pin), size=11, fill=ink, anchor="middle", weight=600)


def _unused(pin: int, x: float, y: float) -> list[str]:
    """What a free pin is, in small grey letters beside the header."""
    if pin in POWER_PINS:
        words = POWER_PINS[pin]
    elif pin in GROUND_PINS:
        words = "地 GND"
    elif _GPIOS[pin] in RESERVED_GPIOS:
        words = f"GPIO {_GPIOS[pin]} 保留 reserved"
    else:
        words = f"GPIO {_GPIOS[pin]}"
    side = -1 if pin % 2 else 1
    anchor = "end" if pin % 2 else "start"
    return [text(x + side * 38, y + 4, words, size=11, fill="#a3ada9", anchor=anchor)]


def _tag(wire: Wire, x: float, y: float) -> list[str]:
    """A wire in its colour, and what is at its end."""
    is_left = wire.header_pin % 2 == 1
    near = x - 28 - GAP if is_left else x + 28 + GAP
    edge = near - TAG if is_left else near
    words = near - 46 if is_left else near + 46
    badge = near - 24 if is_left else near + 24
    anchor = "end" if is_left else "start"
    wide = 5.0
    parts = [
        line((x, y), (near, y), stroke=INK, width=wide + 1.6) if wire.colour is WHITE else "",
        line((x, y), (near, y), stroke=wire.colour.hex, width=wide),
        rect(edge, y - 17, TAG, 34, fill=CARD, stroke=HAIR, radius=8),
        _mark(wire, badge, y),
        text(words, y - 1, wire.zh, size=14, anchor=anchor, weight=700),
        text(words, y + 12, wire.en, size=10.5, fill=MUTED, anchor=anchor),
    ]
    far = edge + 12 if is_left else edge + TAG - 12
    side = "start" if is_left else "end"
    gpio = wire.cable if wire.gpio is None else f"GPIO {wire.gpio}"
    colour = f"{wire.colour.zh} {wire.colour.en}"
    if wire.gpio is not None:
        colour += f" · {wire.cable}"
    parts += [
        text(far, y - 1, gpio, size=13, anchor=side, weight=600),
        text(far, y + 12, colour, size=10.5, fill=MUTED, anchor=side),
    ]
    return parts


def _mark(wire: Wire, x: float, y: float) -> str:
    """A key is a square cap, a light a ring with rays, a buzzer a filled disc, power a bolt."""
    hue = wire.colour.hex
    edge = INK if wire.colour is WHITE else hue
    if wire.kind == KEY:
        return rect(x - 9, y - 9, 18, 18, fill=hue, stroke=edge, radius=4)
    if wire.kind == BUZZER:
        return circle(x, y, 9, fill=hue, stroke=edge) + circle(x, y, 3, fill=INK)
    if wire.kind == POWER:
        return rect(x - 9, y - 2.5, 18, 5, fill=hue, radius=2.5)
    return circle(x, y, 9, fill=CARD, stroke=hue, width=3) + circle(x, y, 3.5, fill=hue)
