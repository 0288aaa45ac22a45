"""The newest records of a kiosk, as little of them as an onlooker may see. Pure.

No level, no key, no person: what a page shows must not tell the clerk who pressed what.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from firmware_config.contract import Kind
from kiosk.situation import Decision, Situation

KEPT: Final = 16
"""How many are remembered. Our choice: far more than a page misses between two looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A record that is on the disk.

    Attributes:
        reason: of IGNORED, UNRATED and FAULT, in the words of the contract; else empty.
        is_thanked: a rating for which the key's light thanked.
    """

    seq: int
    kind: Kind
    reason: str = ""
    is_thanked: bool = False


def after_commit(
    newest: tuple[Written, ...], decision: Decision, situation: Situation, head: int
) -> tuple[Written, ...]:
    """The newest records once a decision's drafts are stored.

    Args:
        newest: those before, in order of seq.
        situation: after it was concluded.
        head: seq of the last of its drafts.
    """
    is_thanked = decision.rated is not None and situation.error_until_ms is None
    added = tuple(
        Written(
            seq=seq,
            kind=draft.kind,
            reason=str(draft.fields.get("reason", "")),
            is_thanked=is_thanked and draft.kind is Kind.RATED,
        )
        for seq, draft in enumerate(decision.drafts, start=head - len(decision.drafts) + 1)
    )
    return (*newest, *added)[-KEPT:]
