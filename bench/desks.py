"""Days of a hall's windows as records, outcomes and rollups, for `bench.make_ledger`."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from collector.ledger.tree import save_nodes
from collector.merkle import Frontier
from collector.rates import COUNT_FIELDS
from firmware_config import chain
from firmware_config.keys import SigningKey

CASES_A_DAY: Final = 30
RATED_SHARE: Final = 0.6
LEVEL_SHARES: Final = {5: 0.9665, 4: 0.0255, 3: 0.0045, 2: 0.0022, 1: 0.0013}
HOUR_WEIGHTS: Final = {9: 22, 10: 26, 11: 15, 13: 9, 14: 20, 15: 18, 16: 10}
_ZEROS: Final = bytes(64)
_ZERO_SEGMENT: Final = b"." + chain.b64url(_ZEROS)
_BOOT: Final = "0" * 31 + "1"

INSERT_OUTCOME = (
    "INSERT INTO outcomes (position, epoch, session, device, window, department, level, reason,"
    " trigger, case_no, service_no, item, staff_no, pressed_ms, on_date, hour, answer_ms,"
    " time_quality, is_repeat, staff_from) VALUES (" + "?," * 19 + " 'record')"
)
"""One outcome, timed by its own clock, of somebody who signed in."""


@dataclass
class Desk:
    """One window with its device: how busy it is, how hard its cases are, its journal's head."""

    window: int
    code: str
    department: int
    device: int
    device_code: str
    epoch: int
    epoch_code: str
    key: int
    signing: SigningKey
    busy: float
    trouble: float
    participation: float
    seq: int = 0
    session: int = 0
    prev: bytes = b""
    header: bytes = b""


def _record(
    desk: Desk, kind: str, ms: int, fields: str, is_signed: bool
) -> tuple[bytes, bytes, bytes]:
    """Digest, payload and signature of the desk's next record."""
    desk.seq += 1
    at_s, ms_part = divmod(ms, 1000)
    wall = f"{_wall_to_seconds(at_s)}.{ms_part:03}Z"
    payload = (
        f'{{"kind":"{kind}","dev":"{desk.device_code}","epoch":"{desk.epoch_code}",'
        f'"seq":{desk.seq},"prev":"{chain.b64url(desk.prev).decode()}","boot":"{_BOOT}",'
        f'"mono_ms":{ms},"wall":"{wall}","synced":true,"v":1,{fields}}}'
    ).encode()
    if is_signed:
        token = desk.signing.token(payload)
        signature = chain.split_token(token).signature
    else:
        signature = _ZEROS
        token = b"".join((desk.header, b".", chain.b64url(payload), _ZERO_SEGMENT))
    desk.prev = chain.digest(token)
    return desk.prev, payload, signature


@lru_cache(maxsize=8)
def _wall_to_seconds(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _cases(
    desks: list[Desk], on: date, zone: ZoneInfo, draw: random.Random
) -> Iterator[tuple[int, Desk, int]]:
    """(Invitation, desk, hour) of one day, in no order."""
    hours, weights = list(HOUR_WEIGHTS), list(HOUR_WEIGHTS.values())
    for desk in desks:
        for hour in draw.choices(hours, weights, k=round(CASES_A_DAY * desk.busy)):
            at = datetime(on.year, on.month, on.day, hour, tzinfo=zone)
            yield int(at.timestamp()) * 1000 + draw.randrange(3_575_000), desk, hour


def write_day(
    connection: sqlite3.Connection,
    frontier: Frontier,
    desks: list[Desk],
    on: date,
    zone: ZoneInfo,
    until_ms: int,
    draw: random.Random,
    is_signed: bool,
) -> None:
    rows: list[tuple[Any, ...]] = []
    outcomes: list[tuple[Any, ...]] = []
    digests: list[bytes] = []
    by_day: dict[tuple[Any, ...], list[int]] = {}
    by_hour: dict[tuple[Any, ...], list[int]] = {}
    by_month: dict[tuple[Any, ...], list[int]] = {}
    by_month_hour: dict[tuple[Any, ...], list[int]] = {}
    by_month_staff: dict[tuple[Any, ...], list[int]] = {}
    position, received_ms = frontier.size, 0
    levels, shares = list(LEVEL_SHARES), list(LEVEL_SHARES.values())
    cases = sorted(_cases(desks, on, zone, draw), key=lambda case: (case[0], case[1].window))
    for invited_ms, desk, hour in cases:
        answer_ms = draw.randrange(1500, 12_000)
        is_rated = draw.random() < desk.participation
        if not is_rated:
            answer_ms = 20_000
        pressed_ms = invited_ms + answer_ms
        if pressed_ms > until_ms:
            continue
        desk.session += 1
        staff = f"{desk.code}-{1 if hour < 12 else 2}"
        case_no = f"{on:%Y%m%d}{desk.code}{desk.session:06}"
        common = (
            f'"session":{desk.session},"trigger":"clerk","invited_mono_ms":{invited_ms},'
            f'"case_no":"{case_no}","staff_no":"{staff}"'
        )
        trouble = [
            share * (desk.trouble if level < 4 else 1.0)
            for level, share in zip(levels, shares, strict=True)
        ]
        level = draw.choices(levels, trouble)[0] if is_rated else None
        end = (
            ("RATED", f',"level":{level},"button":"level-{level}"')
            if is_rated
            else ("UNRATED", ',"reason":"timeout"')
        )
        for kind, ms, fields in (("INVITED", invited_ms, ""), (end[0], pressed_ms, end[1])):
            digest, payload, signature = _record(desk, kind, ms, common + fields, is_signed)
            position += 1
            received_ms = max(received_ms, ms + 40)  # a time-out is written after what came since
            digests.append(digest)
            rows.append(
                (
                    position,
                    desk.epoch,
                    desk.seq,
                    digest,
                    kind,
                    desk.key,
                    received_ms,
                    payload,
                    signature,
                )
            )
        outcomes.append(
            (
                position,
                desk.epoch,
                desk.session,
                desk.device,
                desk.window,
                desk.department,
                level,
                None if is_rated else "timeout",
                "clerk",
                case_no,
                1,
                "",
                staff,
                pressed_ms,
                on.isoformat(),
                hour,
                answer_ms,
                "synced",
                0,
            )
        )
        column = 6 if level is None else 6 - level
        for rollup, key in (
            (by_day, (desk.window, desk.department, staff)),
            (by_hour, (desk.window, desk.department, hour)),
            (by_month, (desk.window, desk.department)),
            (by_month_hour, (on.isoweekday(), hour, desk.department)),
            (by_month_staff, (staff, "record", desk.window, desk.department)),
        ):
            sums = rollup.setdefault(key, [0] * 7)
            sums[0] += 1
            sums[column] += 1
    save_nodes(connection, frontier.extend(digests))
    connection.executemany("INSERT INTO records VALUES (?,?,?,?,?,?,?,?,?)", rows)
    connection.executemany(INSERT_OUTCOME, outcomes)
    connection.executemany(
        f"INSERT INTO day_rollups VALUES ({','.join('?' * 13)}, 0, 0)",
        [(on.isoformat(), *key, "record", "", *sums) for key, sums in by_day.items()],
    )
    connection.executemany(
        f"INSERT INTO hour_rollups VALUES ({','.join('?' * 11)}, 0, 0)",
        [(on.isoformat(), *key, *sums) for key, sums in by_hour.items()],
    )
    added = ", ".join(f"{name} = {name} + excluded.{name}" for name in COUNT_FIELDS)
    for table, keys, found in (
        ("month_rollups", 3, by_month),
        ("month_hour_rollups", 4, by_month_hour),
        ("month_staff_rollups", 5, by_month_staff),
    ):
        connection.executemany(
            f"INSERT INTO {table} VALUES ({','.join('?' * (keys + 7))}, 0, 0) "
            f"ON CONFLICT DO UPDATE SET {added}",
            [(f"{on:%Y-%m}", *key, *sums) for key, sums in found.items()],
        )
