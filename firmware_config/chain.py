"""The record chain: JWS compact tokens (RFC 7515, EdDSA by RFC 8037) linked by `prev` digests.

Pure: signing and verification are functions handed in, so that nothing here holds a key. A token
is `base64url(header).base64url(payload).base64url(signature)`; its digest covers all three parts,
so the signature of a later record vouches for every record chained before it.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from base64 import b64encode
from typing import Final, NamedTuple

from firmware_config.errors import ContractError

SIGNATURE_BYTES: Final = 64
DIGEST_BYTES: Final = 32
# the characters of plain base64 that are foreign to base64url become one that no decoder takes
_FROM_URL: Final = bytes.maketrans(b"-_+/=", b"+/!!!")
_PADDING: Final = (b"", b"", b"==", b"=")
# last characters with no unused bit set, by length modulo 4
_LAST: Final = (b"", b"", b"AQgw", b"AEIMQUYcgkosw048")
_HEADER_JSON = re.compile(rb'\{"alg":"EdDSA","kid":"([A-Za-z0-9_-]{43})"\}')


def b64url(raw: bytes) -> bytes:
    """Base64url without padding (RFC 7515, section 2)."""
    return b64encode(raw, b"-_").rstrip(b"=")


def unb64url(text: bytes) -> bytes:
    """Decode base64url without padding, strictly.

    Raises:
        ContractError: reason `malformed` for padding, foreign characters or unused bits set, so
            that one byte string has exactly one spelling.
    """
    over = len(text) & 3
    try:
        raw = binascii.a2b_base64(text.translate(_FROM_URL) + _PADDING[over], strict_mode=True)
    except binascii.Error as error:
        raise ContractError("malformed", f"not base64url: {error}") from None
    if over and text[-1] not in _LAST[over]:
        raise ContractError("malformed", "base64url with unused bits set")
    return raw


def digest(token: bytes) -> bytes:
    """SHA-256 of a whole token, 32 bytes."""
    return hashlib.sha256(token).digest()


def header_segment(kid: str) -> bytes:
    """The protected header of every token signed by key `kid`, already base64url.

    There is exactly one spelling, so a ledger can keep the key id and rebuild the token.
    """
    return b64url(b'{"alg":"EdDSA","kid":"%s"}' % kid.encode("ascii"))


_kid_by_header: dict[bytes, str] = {}


def _kid_of(segment: bytes) -> str:
    kid = _kid_by_header.get(segment)
    if kid is None:
        match = _HEADER_JSON.fullmatch(unb64url(segment))
        if match is None:
            raise ContractError("malformed", "header is not this contract's EdDSA header")
        kid = match[1].decode("ascii")
        if len(_kid_by_header) < 4096:  # bounded: a stranger may send any number of headers
            _kid_by_header[segment] = kid
    return kid


class Token(NamedTuple):
    """A token taken apart, not yet verified.

    Attributes:
        raw: the compact form, as sent.
        kid: RFC 7638 thumbprint of the key that is said to have signed it.
        payload: the JSON bytes.
        signature: 64 bytes.
        digest: SHA-256 of `raw`, 32 bytes.
    """

    raw: bytes
    kid: str
    payload: bytes
    signature: bytes
    digest: bytes

    @property
    def signing_input(self) -> bytes:
        """What the signature covers: header and payload with the dot between them."""
        return self.raw[: self.raw.rindex(b".")]


def split_token(raw: bytes) -> Token:
    """Take a compact token apart.

    Raises:
        ContractError: reason `malformed` when it is not three base64url parts with our header and
            a 64-byte signature.
    """
    parts = raw.split(b".")
    if len(parts) != 3:
        raise ContractError("malformed", f"expected 3 parts, got {len(parts)}")
    header, payload, signature_text = parts
    signature = unb64url(signature_text)
    if len(signature) != SIGNATURE_BYTES:
        raise ContractError("malformed", f"expected a 64-byte signature, got {len(signature)}")
    kid = _kid_by_header.get(header) or _kid_of(header)
    return Token(raw, kid, unb64url(payload), signature, hashlib.sha256(raw).digest())


def signing_input(header: bytes, payload: bytes) -> bytes:
    """The bytes to sign for a payload under a `header_segment`."""
    return header + b"." + b64url(payload)


def join_token(signed: bytes, signature: bytes) -> bytes:
    """The compact token from a `signing_input` and its signature."""
    return signed + b"." + b64url(signature)


def rebuild_token(kid: str, payload: bytes, signature: bytes) -> bytes:
    """The token exactly as it was sent, from what the ledger keeps of it."""
    return join_token(signing_input(header_segment(kid), payload), signature)
