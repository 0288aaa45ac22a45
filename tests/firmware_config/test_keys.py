"""Keys: known answers of the RFCs, files with the right modes, and no key taken on trust."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_config import chain
from firmware_config.errors import ExitCode
from firmware_config.keys import (
    KeyFileError,
    SigningKey,
    VerifyKey,
    load_or_create_signing_key,
    load_verify_key,
    save_verify_key,
    thumbprint,
)

# RFC 8037, appendix A: the Ed25519 key, its thumbprint, and a JWS with this header and payload.
RFC_D = b"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
RFC_X = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
RFC_KID = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
RFC_SIGNED = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
RFC_SIGNATURE = (
    b"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
)


def test_the_example_of_rfc_8037_gives_the_same_key_thumbprint_and_signature() -> None:
    key = SigningKey.from_seed(chain.unb64url(RFC_D))

    assert key.public.x == RFC_X
    assert key.kid == thumbprint(RFC_X) == RFC_KID
    assert key.public.is_signed(RFC_SIGNED, chain.unb64url(RFC_SIGNATURE))


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=100))
def test_a_token_is_signed_by_its_own_key_only(seed: bytes, payload: bytes) -> None:
    key, other = SigningKey.from_seed(seed), SigningKey.from_seed(seed[::-1] + b"")
    token = chain.split_token(key.token(payload))

    assert key.public.is_signed(token.signing_input, token.signature)
    if other.kid != key.kid:
        assert not other.public.is_signed(token.signing_input, token.signature)


def test_a_token_must_name_the_key_that_signed_it_and_be_whole() -> None:
    key, other = (SigningKey.from_seed(bytes([n]) * 32) for n in (1, 2))
    token = chain.split_token(key.token(b"payload"))

    assert key.public.has_signed(token)
    assert not other.public.has_signed(token)
    assert not key.public.has_signed(token._replace(kid=other.kid))
    assert not key.public.has_signed(token._replace(signature=bytes(64)))


@given(st.binary(max_size=80))
def test_a_signature_of_any_other_bytes_is_not_one(signature: bytes) -> None:
    key = SigningKey.from_seed(bytes(32))

    assert not key.public.is_signed(b"payload", signature)


def test_a_key_is_made_once_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "device.jwk"

    made = load_or_create_signing_key(path)
    read = load_or_create_signing_key(path)

    assert made.kid == read.kid
    assert made.token(b"{}") == read.token(b"{}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["kty"] == "OKP"


def test_two_devices_never_get_the_same_key(tmp_path: Path) -> None:
    keys = {load_or_create_signing_key(tmp_path / f"{number}.jwk").kid for number in range(20)}

    assert len(keys) == 20


def test_a_public_key_file_holds_no_private_half(tmp_path: Path) -> None:
    key = SigningKey.from_seed(bytes(32))
    path = tmp_path / "w-a01.jwk"

    save_verify_key(path, key.public)

    assert set(json.loads(path.read_text())) == {"kty", "crv", "x", "kid"}
    assert load_verify_key(path).kid == key.kid
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_private_key_file_can_be_read_for_its_public_half(tmp_path: Path) -> None:
    path = tmp_path / "device.jwk"
    key = load_or_create_signing_key(path)

    assert load_verify_key(path).x == key.public.x


GOOD_X = SigningKey.from_seed(bytes(32)).public.x


@pytest.mark.parametrize(
    "content",
    [
        "",
        "not json",
        "[]",
        "{}",
        json.dumps({"kty": "RSA", "crv": "Ed25519", "x": GOOD_X}),
        json.dumps({"kty": "OKP", "crv": "X25519", "x": GOOD_X}),
        json.dumps({"kty": "OKP", "crv": "Ed25519"}),
        json.dumps({"kty": "OKP", "crv": "Ed25519", "x": GOOD_X[:-4]}),
        json.dumps({"kty": "OKP", "crv": "Ed25519", "x": GOOD_X + "="}),
        json.dumps({"kty": "OKP", "crv": "Ed25519", "x": "é"}),
        json.dumps({"kty": "OKP", "crv": "Ed25519", "x": GOOD_X, "kid": RFC_KID}),
    ],
)
def test_a_file_that_is_no_ed25519_key_is_refused_as_configuration(
    tmp_path: Path, content: str
) -> None:
    path = tmp_path / "bad.jwk"
    path.write_text(content, encoding="utf-8")

    with pytest.raises(KeyFileError) as caught:
        load_verify_key(path)
    assert caught.value.exit_code is ExitCode.CONFIGURATION
    with pytest.raises(KeyFileError):
        load_or_create_signing_key(path)
    assert path.read_text(encoding="utf-8") == content


def test_a_private_key_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "device.jwk"
    for d in ("", "QQ", "QQ==", "é"):
        path.write_text(json.dumps(VerifyKey(GOOD_X).jwk() | {"d": d}), encoding="utf-8")

        with pytest.raises(KeyFileError, match=r"device\.jwk"):
            load_or_create_signing_key(path)
