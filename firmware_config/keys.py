"""Ed25519 keys as JWK files (RFC 7517, RFC 8037), with the RFC 7638 thumbprint as key id.

The device's private half is made on the device and never leaves it; the collector holds only
public halves. The only module that touches key material.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from firmware_config import chain
from firmware_config.errors import ConfigError, ContractError, ExitCode
from firmware_config.files import write_atomically


class KeyFileError(ConfigError, ValueError):
    """A key file cannot be read or is not an Ed25519 JWK."""

    exit_code = ExitCode.CONFIGURATION


def _x(public: Ed25519PublicKey) -> str:
    return chain.b64url(public.public_bytes_raw()).decode("ascii")


def thumbprint(x: str) -> str:
    """RFC 7638 thumbprint (base64url SHA-256, 43 characters) of the public key `x` (base64url)."""
    canonical = f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode("ascii")
    return chain.b64url(hashlib.sha256(canonical).digest()).decode("ascii")


class VerifyKey:
    """The public half of a device's or the collector's key."""

    __slots__ = ("_public", "kid", "x")

    def __init__(self, x: str) -> None:
        """Args: x: the 32-byte public key, base64url. Raises KeyFileError when it is not one."""
        try:
            raw = chain.unb64url(x.encode("ascii"))
            self._public = Ed25519PublicKey.from_public_bytes(raw)
        except (ValueError, ContractError) as error:
            raise KeyFileError(f"expected an Ed25519 public key, got {x!r}: {error}") from None
        self.x = x
        self.kid = thumbprint(x)

    def is_signed(self, signed: bytes, signature: bytes) -> bool:
        """Whether `signature` (64 bytes) is this key's over `signed`."""
        try:
            self._public.verify(signature, signed)
        except InvalidSignature:
            return False
        return True

    def has_signed(self, token: chain.Token) -> bool:
        """Whether `token` names this key and its signature is this key's."""
        return token.kid == self.kid and self.is_signed(token.signing_input, token.signature)

    def jwk(self) -> dict[str, str]:
        """This key as a public JWK."""
        return {"kty": "OKP", "crv": "Ed25519", "x": self.x, "kid": self.kid}


class SigningKey:
    """A private key: signs, and knows its header so that tokens are cheap to make."""

    __slots__ = ("_header", "_sign", "kid", "public")

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._sign: Callable[[bytes], bytes] = private.sign
        self.public = VerifyKey(_x(private.public_key()))
        self.kid = self.public.kid
        self._header = chain.header_segment(self.kid)

    @classmethod
    def from_seed(cls, seed: bytes) -> SigningKey:
        """The key of a 32-byte seed."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    def token(self, payload: bytes) -> bytes:
        """Sign a payload; returns the compact token."""
        signed = chain.signing_input(self._header, payload)
        return chain.join_token(signed, self._sign(signed))


def load_or_create_signing_key(path: Path) -> SigningKey:
    """Read a private JWK file, or make one (mode 0600, written atomically) where there is none.

    Raises:
        KeyFileError: the file exists but is not an Ed25519 private JWK.
        OSError: it cannot be read or written.
    """
    if not path.exists():
        seed = os.urandom(32)
        key = SigningKey.from_seed(seed)
        jwk = key.public.jwk() | {"d": chain.b64url(seed).decode("ascii")}
        write_atomically(path, json.dumps(jwk).encode("ascii") + b"\n", mode=0o600)
        return key
    return load_signing_key(path)


def load_signing_key(path: Path) -> SigningKey:
    """Read a private JWK file.

    Raises:
        KeyFileError: it is not an Ed25519 private JWK.
        OSError: it cannot be read.
    """
    jwk = _read_jwk(path)
    try:
        return SigningKey.from_seed(chain.unb64url(jwk["d"].encode("ascii")))
    except (KeyError, ValueError, ContractError) as error:
        raise KeyFileError(f"{path}: expected a private Ed25519 JWK: {error}") from None


def load_verify_key(path: Path) -> VerifyKey:
    """Read a public JWK file.

    Raises:
        KeyFileError: it is not an Ed25519 JWK, or its `kid` is not its thumbprint.
        OSError: it cannot be read.
    """
    jwk = _read_jwk(path)
    key = VerifyKey(jwk.get("x", ""))
    if jwk.get("kid", key.kid) != key.kid:
        raise KeyFileError(f"{path}: kid: expected {key.kid}, got {jwk['kid']}")
    return key


def save_verify_key(path: Path, key: VerifyKey) -> None:
    """Write a public JWK file (mode 0644), atomically."""
    write_atomically(path, json.dumps(key.jwk()).encode("ascii") + b"\n", mode=0o644)


def _read_jwk(path: Path) -> dict[str, str]:
    text = path.read_bytes()
    if not text.strip():
        raise KeyFileError(f"{path}: is empty; expected a JWK")
    try:
        jwk = json.loads(text)
    except ValueError as error:
        raise KeyFileError(f"{path}: expected a JWK in JSON: {error}") from None
    if not isinstance(jwk, dict) or jwk.get("kty") != "OKP" or jwk.get("crv") != "Ed25519":
        raise KeyFileError(f"{path}: expected a JWK with kty OKP and crv Ed25519")
    return jwk
