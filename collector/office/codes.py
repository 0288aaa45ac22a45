"""Codes that are printed for a person and typed once: set-up code, recovery codes."""

from __future__ import annotations

import base64
import hashlib
import secrets

CODE_BYTES = 15
"""120 bits: enough that a plain SHA-256 of it may be kept. Source: OWASP ASVS 5.0, 6.5.2."""


def made_code() -> str:
    """A new code, in groups of six: capitals and the digits 2 to 7, none like another."""
    text = base64.b32encode(secrets.token_bytes(CODE_BYTES)).decode("ascii")
    return "-".join(text[start : start + 6] for start in range(0, len(text), 6))


def code_digest(code: str) -> bytes:
    """SHA-256 of a code however it was typed: small letters, blanks, no dashes."""
    plain = "".join(character for character in code.upper() if character.isalnum())
    return hashlib.sha256(plain.encode()).digest()
