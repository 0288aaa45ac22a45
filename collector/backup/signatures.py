"""Signatures of single records of a ledger, and which later record vouches for one."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final, NamedTuple

from firmware_config import chain
from firmware_config.keys import VerifyKey

_REACH: Final = 5000
"""How far ahead a signed record is looked for: no group that ingest took in was longer."""


class DeviceKey(NamedTuple):
    """A registered key: whose it is, the header of its tokens, and its public half."""

    device: str
    header: bytes
    verify: VerifyKey


class Signatures:
    """Asks one ledger.

    Args:
        connection: open for reading.
        keys: row of `device_keys` → key.
    """

    def __init__(self, connection: sqlite3.Connection, keys: Mapping[int, DeviceKey]) -> None:
        self._connection = connection
        self._keys = keys

    def is_vouched(self, epoch: int, seq: int) -> bool:
        """Whether a signed record stands after this one, linked to it, under the same key."""
        keys = self._connection.execute(
            "SELECT seq, key FROM records WHERE epoch = ? AND seq >= ? ORDER BY seq LIMIT ?",
            (epoch, seq, _REACH),
        )
        first_key = None
        for expected, (at, key) in enumerate(keys, start=seq):
            first_key = first_key or key
            if at != expected or key != first_key:
                return False
            if self.is_signed(epoch, at):
                return True
        return False

    def is_signed(self, epoch: int, seq: int) -> bool:
        """Whether a record's own signature is good; a purged one's was, when it was archived."""
        found = self._connection.execute(
            "SELECT key, payload, signature FROM records WHERE epoch = ? AND seq = ?", (epoch, seq)
        ).fetchone()
        if found is None:
            return True
        key_row, payload, signature = found
        key = self._keys.get(key_row)
        return key is not None and key.verify.is_signed(
            chain.signing_input(key.header, payload), signature
        )
