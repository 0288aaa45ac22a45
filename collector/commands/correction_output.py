"""A correction as `collector correction` shows it: a row of a table, a JSON document."""

from __future__ import annotations

from typing import Any, Final

from collector.corrections.entries import Correction
from collector.press_time import wall_text
from firmware_config.chain import b64url

COLUMNS: Final = (
    "id",
    "state",
    "kind",
    "reason",
    "level",
    "window",
    "department",
    "record",
    "author",
    "made",
    "decider",
    "decided",
)


def correction_row(one: Correction) -> tuple[Any, ...]:
    """Cells under `COLUMNS`; times are UTC."""
    p, d = one.proposal, one.decision
    return (
        p.id,
        one.state.value,
        p.kind.value + ("" if p.restores is None else f" {p.restores}"),
        p.reason.value,
        p.rating.level,
        p.rating.window or "-",
        p.rating.department or "-",
        p.rating.name,
        p.author,
        wall_text(p.made_ms),
        d.decider if d else "",
        wall_text(d.made_ms) if d else "",
    )


def correction_document(one: Correction) -> dict[str, Any]:
    """Everything that is known of one."""
    p, d = one.proposal, one.decision
    return {
        **dict(zip(COLUMNS, correction_row(one), strict=True)),
        "kind": p.kind.value,
        "restores": p.restores,
        "ended_by": one.ended_by,
        "pressed": wall_text(p.rating.pressed_ms),
        "digest": b64url(p.rating.digest).decode("ascii"),
        "note": p.note,
        "evidence": p.evidence,
        "decision_note": d.note if d else "",
        "entries": [p.entry, *([d.entry] if d else [])],
    }
