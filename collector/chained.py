"""What the hall's files of decisions have in common: chained entries, and their texts. Pure.

Every entry's digest is over its own fields and the digest of the entry before, so that one taken
away, changed or put in later shows.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from firmware_config.chain import b64url

FIRST_PREV: Final = b""
"""What the first entry is chained to."""


class InvalidText(ValueError):
    """A text of an entry is missing, too long, or holds control characters."""


def chained_digest(entry: Mapping[str, Any]) -> bytes:
    """SHA-256 over an entry's fields as JSON, keys sorted at every depth, bytes as base64url.

    Args:
        entry: field → value; the digest of the entry before is among them.
    """
    told = {
        key: b64url(value).decode("ascii") if isinstance(value, bytes) else value
        for key, value in entry.items()
    }
    return hashlib.sha256(msgspec.json.encode(told, order="sorted")).digest()


def kept_text(text: str, what: str, *, longest: int, is_required: bool = False) -> str:
    """A text as it is kept: trimmed, line ends as `\\n`.

    Args:
        text: as it was given.
        what: its name, for the message.
        longest: characters.
        is_required: whether it may be empty.

    Raises:
        InvalidText: missing, too long, or with control characters.
    """
    kept = "\n".join(line.strip() for line in text.strip().splitlines())
    if is_required and not kept:
        raise InvalidText(f"{what}: expected a sentence, got nothing")
    if len(kept) > longest:
        raise InvalidText(f"{what}: expected at most {longest} characters, got {len(kept)}")
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in kept if c != "\n"):
        raise InvalidText(f"{what}: expected text, got control characters")
    return kept
