"""The evidence of a day: the signed tokens its rows come from, and the signers' keys. Pure.

A receiver who has the devices' public keys checks every row against what the device signed, and
needs to trust nobody. Every record of a journal from the first to the last that touches the day
is there, so that the links between them are unbroken and counts can be made anew.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from collector.export.manifest import Difference, Stretch

RECORDS_NAME: Final = "records.jws.gz"
KEYS_NAME: Final = "keys.json"
MAX_BETWEEN: Final = 1000
"""Records of other days that may lie between two of one day in one stretch. Source: our choice,
about a week of a busy window. A clock that falls back to the same date at every start without a
battery would else draw a whole journal into the export of that date."""
_COMPRESSION: Final = 6

Journal = tuple[str, str]
"""A device's code and the epoch of its journal."""


def stretches(touched: Mapping[Journal, Iterable[int]]) -> list[Stretch]:
    """The runs of records that the evidence holds, ordered by device, epoch and seq.

    Args:
        touched: journal → seqs of the records that are of the day, in any order.
    """
    found = []
    for (device, epoch), seqs in sorted(touched.items()):
        ordered = sorted(set(seqs))
        begins = [
            at
            for at, seq in enumerate(ordered)
            if at == 0 or seq - ordered[at - 1] > MAX_BETWEEN + 1
        ]
        for begin, end in zip(begins, [*begins[1:], len(ordered)], strict=True):
            found.append(
                Stretch(device=device, epoch=epoch, first=ordered[begin], last=ordered[end - 1])
            )
    return found


def gap_differences(stretch: Stretch, held: Sequence[int]) -> list[Difference]:
    """One entry for each run of seqs inside a stretch that the ledger does not have.

    Args:
        stretch: what should be there.
        held: seqs that are, ascending.
    """
    found = []
    expected = stretch.first
    for seq in [*held, stretch.last + 1]:
        if seq > expected:
            what = f"device {stretch.device}, epoch {stretch.epoch}: records missing in the ledger"
            found.append(Difference(what=what, found={"first": expected, "last": seq - 1}))
        expected = seq + 1
    return found


def render_records(tokens: Iterable[bytes]) -> bytes:
    """The evidence file: one token a line, compressed. The same tokens give the same bytes."""
    lines = b"".join(token + b"\n" for token in tokens)
    return gzip.compress(lines, _COMPRESSION, mtime=0)


def render_keys(devices: Iterable[tuple[str, str, str]], collector_kid: str) -> bytes:
    """A JWK set (RFC 7517) of public keys; `device` beside each says whose it is.

    Args:
        devices: device, key id, public key (base64url).
        collector_kid: key id of the checkpoint's signer; empty when there is no checkpoint.
    """
    keys = [
        {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "device": device}
        for device, kid, x in sorted(devices)
    ]
    text = json.dumps({"keys": keys, "collector": collector_kid}, indent=2, ensure_ascii=False)
    return text.encode("utf-8") + b"\n"
