"""The record chain: one spelling for each token, and no change of a byte goes unseen."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_config import chain
from firmware_config.errors import ContractError
from firmware_config.keys import SigningKey, VerifyKey

KEY = SigningKey.from_seed(bytes(range(32)))
URL_SAFE = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

payloads = st.binary(max_size=300)


def attempt(function: Callable[[bytes], Any], raw: bytes) -> tuple[Any, str]:
    """What a function returns, or the reason for which it refuses."""
    try:
        return function(raw), ""
    except ContractError as error:
        return None, error.reason


def spelled(raw: bytes) -> bytes:
    """Base64url by the standard library, as a yardstick."""
    return urlsafe_b64encode(raw).rstrip(b"=")


@given(payloads)
def test_base64url_is_the_standard_one_without_padding(raw: bytes) -> None:
    assert chain.b64url(raw) == spelled(raw)
    assert chain.unb64url(chain.b64url(raw)) == raw


@given(payloads.filter(lambda raw: len(raw) % 3 != 0), st.data())
def test_base64url_with_unused_bits_set_is_refused(raw: bytes, data: st.DataObject) -> None:
    text = chain.b64url(raw)
    value = URL_SAFE.index(text[-1:])
    unused = 0b1111 if len(raw) % 3 == 1 else 0b11
    other = value | data.draw(st.integers(1, unused))

    with pytest.raises(ContractError) as caught:
        chain.unb64url(text[:-1] + URL_SAFE[other : other + 1])

    assert caught.value.reason == "malformed"


@given(st.binary(max_size=60))
def test_whatever_is_accepted_as_base64url_is_its_only_spelling(text: bytes) -> None:
    raw, reason = attempt(chain.unb64url, text)

    assert reason == "malformed" or chain.b64url(raw) == text


@pytest.mark.parametrize(
    "text", [b"QQ==", b"QUI=", b"Q Q", b"QQ\n", b"+/+/", b"A", b"\xff\xff", b"QQ=", b"=", b"QUJD="]
)
def test_other_spellings_of_base64_are_refused(text: bytes) -> None:
    with pytest.raises(ContractError, match="malformed"):
        chain.unb64url(text)


@given(payloads)
def test_a_token_is_taken_apart_and_rebuilt_exactly(payload: bytes) -> None:
    raw = KEY.token(payload)

    token = chain.split_token(raw)

    assert (token.raw, token.kid, token.payload) == (raw, KEY.kid, payload)
    assert chain.rebuild_token(token.kid, token.payload, token.signature) == raw
    assert token.digest == chain.digest(raw)
    assert len(token.digest) == chain.DIGEST_BYTES
    assert KEY.public.is_signed(token.signing_input, token.signature)


def test_a_token_is_a_compact_jws_that_others_can_read() -> None:
    header, payload, signature = KEY.token(b'{"v":1}').split(b".")

    assert json.loads(chain.unb64url(header)) == {"alg": "EdDSA", "kid": KEY.kid}
    assert chain.unb64url(payload) == b'{"v":1}'
    assert len(chain.unb64url(signature)) == chain.SIGNATURE_BYTES


def is_accepted(raw: bytes, key: VerifyKey) -> bool:
    """Whether a token is well-formed, names the key, and is signed by it."""
    try:
        token = chain.split_token(raw)
    except ContractError:
        return False
    return token.kid == key.kid and key.is_signed(token.signing_input, token.signature)


@given(st.binary(min_size=1, max_size=80), st.data())
def test_no_change_of_one_byte_is_accepted(payload: bytes, data: st.DataObject) -> None:
    raw = KEY.token(payload)
    at = data.draw(st.integers(0, len(raw) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != raw[at]))
    changed = raw[:at] + bytes([byte]) + raw[at + 1 :]

    assert is_accepted(raw, KEY.public)
    assert not is_accepted(changed, KEY.public)
    assert chain.digest(changed) != chain.digest(raw)


@given(st.binary(max_size=40), st.integers(0, 200), st.binary(min_size=1, max_size=3))
def test_no_byte_more_or_less_is_accepted(payload: bytes, at: int, more: bytes) -> None:
    raw = KEY.token(payload)
    at = min(at, len(raw) - 1)

    assert not is_accepted(raw[:at] + raw[at + 1 :], KEY.public)
    assert not is_accepted(raw + more, KEY.public)
    assert not is_accepted(more + raw, KEY.public)


@given(st.binary(max_size=120))
def test_any_bytes_are_taken_apart_or_refused_as_malformed(raw: bytes) -> None:
    _, reason = attempt(chain.split_token, raw)

    assert reason in {"", "malformed"}


def forged(header: bytes, payload: bytes = b"{}") -> bytes:
    signed = chain.signing_input(chain.b64url(header), payload)
    return chain.join_token(signed, bytes(64))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"a.b",
        b"a.b.c.d",
        forged(b'{"alg":"none"}'),
        forged(b'{"alg":"HS256","kid":"%s"}' % KEY.kid.encode()),
        forged(b'{"kid":"%s","alg":"EdDSA"}' % KEY.kid.encode()),
        forged(b'{"alg":"EdDSA", "kid":"%s"}' % KEY.kid.encode()),
        forged(b'{"alg":"EdDSA","kid":"%s","crit":["b64"]}' % KEY.kid.encode()),
        forged(b'{"alg":"EdDSA","kid":"short"}'),
        chain.join_token(chain.signing_input(chain.header_segment(KEY.kid), b"{}"), bytes(63)),
        chain.join_token(chain.signing_input(chain.header_segment(KEY.kid), b"{}"), b""),
    ],
    ids=[
        "empty",
        "two-parts",
        "four-parts",
        "no-algorithm",
        "another-algorithm",
        "keys-in-another-order",
        "with-white-space",
        "with-a-critical-header",
        "no-thumbprint",
        "short-signature",
        "no-signature",
    ],
)
def test_a_token_that_is_not_of_this_contract_is_malformed(raw: bytes) -> None:
    with pytest.raises(ContractError) as caught:
        chain.split_token(raw)

    assert caught.value.reason == "malformed"


def test_headers_of_strangers_do_not_fill_the_memory() -> None:
    for number in range(5000):
        chain.split_token(forged(chain.unb64url(chain.header_segment(f"{number:043d}"))))

    assert len(chain._kid_by_header) <= 4096
    assert chain.split_token(KEY.token(b"{}")).kid == KEY.kid
