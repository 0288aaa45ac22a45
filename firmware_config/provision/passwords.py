"""Passwords of the broker's users: random, one file each, made once; and their hashed forms.

A password is 192 random bits, so nothing is gained by a slow hash, and a salt is only form. The
salt is therefore taken from the password itself, which keeps a rendered file the same from one
rendering to the next; and the hash is a fast one, because 135 devices log in at once when the hall
opens or the broker restarts.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from firmware_config.errors import ConfigError
from firmware_config.files import write_atomically
from firmware_config.settings_broker import PasswordFileError, read_password

__all__ = [
    "PasswordFileError",
    "argon2_hash",
    "ensure_passwords",
    "mosquitto_hash",
    "read_password",
]

PASSWORD_BYTES: Final = 24
_MOSQUITTO_ITERATIONS: Final = 101
"""What mosquitto_passwd itself uses."""


def ensure_passwords(folder: Path, users: Iterable[str]) -> dict[str, Path]:
    """One password file (mode 0600) for each user, in a folder of mode 0700.

    A file that exists is kept as it is; the others are made.

    Returns:
        user name → path of its file.

    Raises:
        PasswordFileError: an existing file holds no password.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    paths: dict[str, Path] = {}
    for user in users:
        path = paths[user] = folder / user
        if path.exists():
            read_password(path)
        else:
            password = secrets.token_urlsafe(PASSWORD_BYTES)
            write_atomically(path, password.encode("ascii") + b"\n", mode=0o600)
    return paths


def mosquitto_hash(password: str) -> str:
    """The hash of a password as mosquitto's password file holds it.

    Source: mosquitto's `$7$` form, PBKDF2 with SHA-512: `$7$iterations$salt$hash`, base64.
    """
    salt = _salt(password, 12)
    hashed = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _MOSQUITTO_ITERATIONS)
    parts = (b64encode(part).decode("ascii") for part in (salt, hashed))
    return "$".join(("", "7", str(_MOSQUITTO_ITERATIONS), *parts))


def argon2_hash(password: str) -> str:
    """The hash of a password as amqtt's password file holds it, at Argon2's lowest cost.

    Raises:
        ConfigError: argon2-cffi is not installed.
    """
    try:
        from argon2.low_level import Type, hash_secret
    except ImportError:
        raise ConfigError("hashes for amqtt need argon2-cffi: install yiping[demo]") from None
    return hash_secret(
        password.encode(),
        _salt(password, 16),
        time_cost=1,
        memory_cost=8,
        parallelism=1,
        hash_len=32,
        type=Type.ID,
    ).decode("ascii")


def _salt(password: str, length: int) -> bytes:
    return hashlib.sha256(b"yiping broker salt " + password.encode()).digest()[:length]
