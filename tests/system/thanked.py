"""What the press drivers saw thanked, against what the journals and the ledger hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from collector.merkle import Frontier
from firmware_config.chain import b64url, digest, rebuild_token
from firmware_config.contract import decode_record
from tests.system.conftest import HallUnderTest, Program

DRIVER = Path(__file__).with_name("press_driver.py")


def said(drivers: Iterable[Program], word: str) -> list[tuple[str, int]]:
    """`(case, level)` of every complete line the drivers printed that begins with a word."""
    found = []
    for driver in drivers:
        lines = driver.log.read_text(errors="replace").split("\n")[:-1]
        parts = [line.split(" ") for line in lines]
        found += [(part[1], int(part[2])) for part in parts if part[0] == word and len(part) == 3]
    return found


def check_every_thanked_press(
    hall: HallUnderTest, devices: Sequence[str], drivers: Sequence[Program]
) -> None:
    """0 lost, 0 doubled: every thanked press once in the ledger, every record of every journal.

    I2 and I3, once everything has drained.
    """
    held = hall.ledger_records()
    written = set().union(*(hall.journal(device) for device in devices))
    assert len(held) == len(set(held))
    assert set(held) == written

    counted = hall.query("SELECT case_no, level FROM outcomes WHERE level IS NOT NULL")
    thanked, tried = said(drivers, "thanked"), said(drivers, "tried")
    assert len(thanked) > 100
    assert len(set(thanked)) == len(thanked)
    assert all(times == 1 for times in Counter(counted).values())
    assert set(thanked) <= set(counted)
    assert set(counted) <= set(tried)
    [(rated, repeats)] = hall.query(
        "SELECT sum(level5 + level4 + level3 + level2 + level1), sum(repeats) FROM day_rollups"
    )
    assert (rated, repeats) == (len(counted), 0)
    assert hall.query("SELECT count(*) FROM conflicts") == [(0,)]
    assert hall.query("SELECT count(*) FROM quarantine") == [(0,)]


def check_ledger(hall: HallUnderTest) -> None:
    """Every row is signed and linked to the one before it in its journal; the root is theirs."""
    rows: list[tuple[Any, ...]] = hall.query(
        "SELECT r.position, r.epoch, r.seq, r.digest, r.payload, r.signature, k.kid, d.code"
        " FROM records r JOIN device_keys k ON k.id = r.key JOIN devices d ON d.id = k.device"
        " ORDER BY r.position"
    )
    frontier = Frontier()
    links: dict[tuple[int, int], tuple[bytes, str]] = {}
    for number, row in enumerate(rows, start=1):
        position, epoch, seq, kept, payload, signature, kid, device = row
        token = rebuild_token(kid, payload, signature)
        record = decode_record(payload)
        public = hall.keys[device].public
        assert (position, record.seq, record.dev) == (number, seq, device)
        assert digest(token) == kept
        assert public.is_signed(token.rpartition(b".")[0], signature)
        links[epoch, seq] = (kept, record.prev)
        frontier.extend([kept])
    for (epoch, seq), (_, previous) in links.items():
        before = links[epoch, seq - 1][0] if seq > 1 else b""
        assert previous == (b64url(before).decode() if before else "")
    assert hall.query("SELECT size, root FROM ledger_state") == [(len(rows), frontier.root())]
