"""The good exports and the good card that the verifier's broken samples are made from."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path

from collector.press_time import wall_ms, wall_text
from firmware_config import chain
from firmware_config.contract import (
    CONTRACT_VERSION,
    Checkpoint,
    Kind,
    Trigger,
    UnratedReason,
    encode,
)
from firmware_config.keys import SigningKey, save_verify_key
from kiosk.clock import Stamp
from kiosk.drafts import Draft, Session
from kiosk.journal.days import day_counts
from kiosk.journal.opening import open_journal
from kiosk.journal.store import Journal
from tests.collector.export.ledger_hall import HALL, ZONE, LedgerHall, SigningDevice

GEN = "5a3e0c1d2b4f48699788a6b5c4d3e2f1"
DAYS = (2, 3, 4)
COLLECTOR = SigningKey.from_seed(b"the collector of the samples....")
_BOOT = "00112233445566778899aabbccddeeff"


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """An instant of November 2026, local time."""
    return datetime(2026, 11, day, hour, minute, tzinfo=ZONE)


class SampleHall(LedgerHall):
    """Three days: a case rated twice, a clock not synchronised, a formula, a late afternoon.

    The device w-b01 keeps a real kiosk journal, `card`; on the 3rd it is cut off from noon on, so
    that day has a revision.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.tamper("UPDATE meta SET value = ? WHERE key = 'gen'", GEN)
        self.card = folder / "card" / "journal.db"
        self.keys = folder / "keys"
        self.keys.mkdir()
        for code, device in self.devices.items():
            save_verify_key(self.keys / f"{code}.jwk", device.key.public)
        save_verify_key(folder / "collector.jwk", COLLECTOR.public)
        self._written: dict[str, list[bytes]] = {code: [] for code in self.devices}
        journal = self._open()
        journal.close()
        with closing(sqlite3.connect(self.card)) as connection, connection:
            connection.execute(
                "UPDATE meta SET value = ? WHERE key = 'epoch'", [self.devices["w-b01"].epoch]
            )
        self._journal = self._open()
        for day in DAYS:
            self._work(day)
        self._journal.close()
        self.db.close()

    def _open(self) -> Journal:
        device = self.devices["w-b01"]
        return open_journal(
            self.card, key=device.key, device="w-b01", zone=ZONE, wall_ms=self._ms(at(2, 8))
        )

    def _work(self, day: int) -> None:
        """One day: sessions, the day-close after midnight, a checkpoint, the export."""
        first, second = self.devices["w-a01"], self.devices["w-a02"]
        case = f"330106202611{day:02}00"
        first.serve(at(day, 9), 5, case_no=f"{case}01", staff_no="17")
        first.serve(at(day, 9, 10), 2, case_no=f"{case}02", staff_no="17")
        first.ignore(at(day, 9, 11))
        first.serve(at(day, 9, 20), None, case_no=f"{case}03")
        first.serve(at(day, 9, 30), 4, case_no=f"{case}04", item="=1+1")
        first.serve(at(day, 10), 5, case_no=f"{case}02", staff_no="17")  # again: a repeat
        second.serve(at(day, 9), 5, case_no=f"{case}11")
        second.serve(at(day, 9, 5), 1)
        second.serve(at(day, 9, 15), 4, synced=False)
        self._serve_at_the_journal(at(day, 9), 5)
        self._serve_at_the_journal(at(day, 9, 30), None)
        self._send_journal()
        self._serve_at_the_journal(at(day, 15), 3)
        self._close(day, (first, second))
        if day != 3:
            self._send_journal()
        self._send(at(day + 1, 0, 1))
        self._sign_checkpoint(day)
        if day == DAYS[0]:  # the citizen said at once that it was the wrong key
            self.exclude(next(one for one in self.ratings() if one.level == 4))
        self.export(now=at(day + 1, 2))

    def _close(self, day: int, devices: tuple[SigningDevice, ...]) -> None:
        on = date(2026, 11, day)
        for device in devices:
            told = _counts([*self._written[device.code], *device.waiting], on)
            device.close_day(on, **told)
        told = day_counts(self._journal, on)
        self._write(Kind.DAYCLOSE, at(day + 1, 0), on=on.isoformat(), counts=told)

    def _serve_at_the_journal(self, when: datetime, level: int | None) -> None:
        number = self._journal.query("SELECT coalesce(max(session), 0) + 1 FROM records")[0][0]
        invited_ms = self._ms(when) - self._ms(at(2, 8))
        session = Session(number=number, trigger=Trigger.CLERK, invited_ms=invited_ms)
        self._write(Kind.INVITED, when, **session.fields())
        when += timedelta(seconds=4)
        if level is None:
            self._write(Kind.UNRATED, when, reason=UnratedReason.TIMEOUT, **session.fields())
        else:
            self._write(Kind.RATED, when, level=level, button=f"key{level}", **session.fields())

    def _write(self, kind: Kind, when: datetime, **fields: object) -> None:
        booted_ms = self._ms(at(2, 8))
        stamp = Stamp(boot=_BOOT, offset_ms=booted_ms, is_synced=True)
        self._journal.append([Draft(kind, self._ms(when) - booted_ms, fields)], stamp)

    def _send_journal(self) -> None:
        device = self.devices["w-b01"]
        rows = self._journal.tokens(range(device.seq + 1, self._journal.head + 1))
        device.waiting += [token for _, token in rows]
        device.seq = self._journal.head

    def _send(self, when: datetime) -> None:
        for code, device in self.devices.items():
            self._written[code] += device.waiting
        self.store(when)

    def _sign_checkpoint(self, day: int) -> None:
        size, root = self.db.execute("SELECT size, root FROM ledger_state").fetchone()
        now_ms = self._ms(at(day + 1, 0, 2))
        on = f"2026-11-{day:02}"
        token = COLLECTOR.token(checkpoint(HALL, GEN, on, size, root, now_ms))
        self.tamper(
            "INSERT INTO checkpoints SELECT coalesce(max(id), 0) + 1, ?, ?, ?, ?, ?, ?"
            " FROM checkpoints",
            *(GEN, size, root, on, now_ms, token),
        )


def checkpoint(hall: str, gen: str, on: str, size: int, root: bytes, now_ms: int) -> bytes:
    """The payload of a checkpoint."""
    return encode(
        Checkpoint(
            what="checkpoint",
            hall=hall,
            gen=gen,
            on=on,
            size=size,
            root=chain.b64url(root).decode(),
            time=wall_text(now_ms),
            v=CONTRACT_VERSION,
        )
    )


def _counts(tokens: list[bytes], on: date) -> dict[str, int]:
    """What a device says of its day: every kind and level, zeros too."""
    names: Counter[str] = Counter()
    for token in tokens:
        record = json.loads(chain.split_token(token).payload)
        moment_ms = wall_ms(record["wall"])
        assert moment_ms is not None
        if datetime.fromtimestamp(moment_ms / 1000, ZONE).date() == on:
            names[record["kind"]] += 1
            if record["kind"] == Kind.RATED:
                names[f"RATED_{record['level']}"] += 1
    kinds = [kind.value for kind in Kind] + [f"RATED_{level}" for level in range(5, 0, -1)]
    return {name: names[name] for name in kinds}


def copy_card(card: Path, folder: Path) -> Path:
    """A copy of a closed journal, without its lock; returns the file."""
    folder.mkdir(parents=True)
    shutil.copyfile(card, folder / "journal.db")
    return folder / "journal.db"
