"""One checkpoint as a sheet of paper: what it says, and its token as a QR code."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final

import segno
from markupsafe import Markup

from collector.ledger.checkpoints import KeptCheckpoint
from firmware_config.chain import split_token
from firmware_config.contract import decode_checkpoint

GROUP: Final = 4


def qr_code(token: str) -> Markup:
    """The token as an inline SVG without styles of its own, for the page's security policy."""
    code = segno.make_qr(token, error="m")
    return Markup(code.svg_inline(border=2, omitsize=True, svgclass=None, lineclass=None))


def sheet_of(kept: KeptCheckpoint, made_at: datetime) -> dict[str, Any]:
    """What the template shows.

    Args:
        made_at: when it was made, in the hall's time.

    Raises:
        ContractError: the kept token is not one.
    """
    token = split_token(kept.token)
    said = decode_checkpoint(token.payload)
    text = kept.token.decode("ascii")
    digits = kept.root.hex()
    return {
        "kept": kept,
        "day": date.fromisoformat(kept.on_date),
        "groups": [digits[at : at + GROUP] for at in range(0, len(digits), GROUP)],
        "made_at": f"{made_at:%Y-%m-%d %H:%M:%S} (UTC{made_at:%z})",
        "hall_id": said.hall,
        "parent": said.parent,
        "kid": token.kid,
        "token": text,
        "code": qr_code(text),
    }
