"""The few SVG shapes the drawings are made of, and their colours."""

from __future__ import annotations

from typing import Final
from xml.sax.saxutils import escape

PAPER: Final = "#fbfaf6"
CARD: Final = "#ffffff"
INK: Final = "#22302d"
MUTED: Final = "#6d7a76"
HAIR: Final = "#dcdfd8"
PAD: Final = "#c9b06a"
FONT: Final = "'Noto Sans CJK SC','Noto Sans SC','PingFang SC','Microsoft YaHei',sans-serif"


def text(
    x: float,
    y: float,
    words: str,
    *,
    size: float = 14,
    fill: str = INK,
    anchor: str = "start",
    weight: int = 400,
) -> str:
    """Words with their base line at y; anchor is start, middle or end."""
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" fill="{fill}" text-anchor="{anchor}"'
        f' font-weight="{weight}">{escape(words)}</text>'
    )


def line(
    *points: tuple[float, float], stroke: str = INK, width: float = 1.6, dash: str = ""
) -> str:
    """A line through the points."""
    path = " ".join(f"{x:g},{y:g}" for x, y in points)
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<polyline points="{path}" fill="none" stroke="{stroke}" stroke-width="{width:g}"'
        f' stroke-linejoin="round" stroke-linecap="round"{dashed}/>'
    )


def rect(
    x: float,
    y: float,
    width: float,
    height: float,
    *,
    fill: str = "none",
    stroke: str = "none",
    radius: float = 0,
    line_width: float = 1.2,
) -> str:
    """A rectangle."""
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius:g}"'
        f' fill="{fill}" stroke="{stroke}" stroke-width="{line_width:g}"/>'
    )


def circle(
    x: float, y: float, radius: float, *, fill: str = INK, stroke: str = "none", width: float = 1.2
) -> str:
    """A circle."""
    return (
        f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" fill="{fill}" stroke="{stroke}"'
        f' stroke-width="{width:g}"/>'
    )


def path(d: str, *, stroke: str = INK, width: float = 1.6, fill: str = "none") -> str:
    """A path."""
    return (
        f'<path d="{d}" fill="{fill}" stroke="{stroke}" stroke-width="{width:g}"'
        ' stroke-linecap="round" stroke-linejoin="round"/>'
    )


def moved(x: float, y: float, *parts: str) -> str:
    """The parts, moved."""
    return f'<g transform="translate({x:g} {y:g})">' + "".join(parts) + "</g>"


def document(width: int, height: int, title: str, *parts: str) -> str:
    """A whole picture."""
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' height="{height}" font-family="{FONT}" role="img" aria-label="{escape(title)}">\n'
        f"<title>{escape(title)}</title>\n"
        f"{rect(0, 0, width, height, fill=PAPER)}\n{body}\n</svg>\n"
    )
