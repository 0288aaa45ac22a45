"""Any stream of messages: the ledger is exactly the set of valid records, each once (I3, I5, I7).

Honest journals are cut into messages; then messages are reordered, repeated, lost, truncated, and
tokens corrupted; groups are of any size and the writer restarts between some of them. What must be
stored is decided here by comparing bytes with the honest tokens, not by the code under test.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.ledger.fleet_loader import load_into_ledger
from collector.ledger.migrations import open_ledger
from collector.ledger.rebuild import DERIVED_TABLES, rebuild
from collector.ledger.writer import LedgerWriter
from collector.merkle import Frontier
from firmware_config.chain import rebuild_token
from firmware_config.contract import MAX_MESSAGE_BYTES, MAX_MESSAGE_RECORDS
from firmware_config.fleet import Staff, StaffAssignment

# on the days of the records: nobody, one, then two at w1; one at w2 who comes from w1
STAFF = {
    "staff": tuple(Staff(staff_no=number) for number in ("s1", "s2")),
    "staff_assignments": tuple(
        StaffAssignment(staff_no=number, window=window, from_on=date(2026, month, day))
        for number, window, month, day in (
            ("s1", "w1", 6, 30),
            ("s2", "w1", 7, 1),
            ("s1", "w2", 7, 2),
            ("s2", "w2", 6, 29),
        )
    ),
}
Damage = tuple[str, int, int]
damages = st.tuples(
    st.sampled_from(["none", "none", "flip", "cut", "swap", "glue", "junk", "retain"]),
    st.integers(0, 4000),
    st.integers(0, 4000),
)
plans = st.fixed_dictionaries(
    {
        # what each device writes: kinds, levels, whether its clock is right, how far it is off
        "journals": st.lists(
            st.lists(
                st.tuples(
                    st.sampled_from(["rate", "invite", "unrate", "ignore", "boot_up"]),
                    st.integers(1, 5),
                    st.booleans(),
                    st.integers(0, 200_000_000),
                    st.sampled_from(["", "", "C-1", "C-2"]),
                ),
                max_size=14,
            ),
            min_size=1,
            max_size=3,
        ),
        "sizes": st.lists(st.integers(1, 6), min_size=1, max_size=8),
        "order": st.randoms(use_true_random=False),
        "repeats": st.lists(st.integers(0, 60), max_size=6),
        "damages": st.lists(damages, max_size=14),
        "groups": st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=8),
        "is_shuffled": st.booleans(),
    }
)


def write_journal(journal: Any, script: list[Any], now_ms: int) -> None:
    for kind, level, synced, ago_ms, case_no in script:
        fields: dict[str, Any] = {"synced": synced, "wall_ms": now_ms - ago_ms}
        if not synced:
            fields["wall"] = "1970-01-01T00:00:07.000Z"
        if kind == "rate":
            fields |= {"level": level, "case_no": case_no}
        getattr(journal, kind)(**fields)


def damage(message: Any, plan: Damage) -> Any:
    how, where, other = plan
    payload = bytearray(message.payload)
    if how == "flip" and payload:
        payload[where % len(payload)] ^= 1 << other % 8
    elif how == "cut":
        del payload[where % (len(payload) + 1) :]
    elif how == "swap" and payload:
        one, two = where % len(payload), other % len(payload)
        payload[one], payload[two] = payload[two], payload[one]
    elif how == "glue":
        payload += b"\n" + payload
    elif how == "junk":
        payload[where % (len(payload) + 1) : 0] = bytes([other % 256, 10, 0])
    return message._replace(payload=bytes(payload), retain=how == "retain")


def valid_tokens(messages: list[Any], journals: list[Any]) -> set[bytes]:
    """Honest tokens that arrived whole, in a message that may be read, on their own topic."""
    honest = {token: journal.topic for journal in journals for token in journal.tokens}
    found = set()
    for message in messages:
        tokens = message.payload.split(b"\n")
        if (
            not message.retain
            and len(message.payload) <= MAX_MESSAGE_BYTES
            and len(tokens) <= MAX_MESSAGE_RECORDS
        ):
            found |= {token for token in tokens if honest.get(token) == message.topic}
    return found


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(plan=plans)
def test_the_ledger_is_exactly_the_set_of_valid_records(
    plan: dict[str, Any], journal_of: Any, small_fleet: Callable[..., Any], now_ms: int
) -> None:
    journals = [journal_of(f"dev-{at + 1}") for at in range(len(plan["journals"]))]
    messages = []
    for journal, script in zip(journals, plan["journals"], strict=True):
        write_journal(journal, script, now_ms)
        at = turn = 0
        while at < len(journal.tokens):
            size = plan["sizes"][turn % len(plan["sizes"])]
            messages.append(journal.message(*journal.tokens[at : at + size]))
            at, turn = at + size, turn + 1
    messages += [messages[at % len(messages)] for at in plan["repeats"] if messages]
    if plan["is_shuffled"]:
        plan["order"].shuffle(messages)
    for at, one in enumerate(plan["damages"][: len(messages)]):
        messages[at] = damage(messages[at], one)

    with (
        tempfile.TemporaryDirectory() as folder,
        closing(open_ledger(Path(folder) / "ledger.db")) as db,
    ):
        keys = {journal.device: journal.key.public for journal in journals}
        load_into_ledger(db, small_fleet(**STAFF), keys, now_ms=now_ms)
        clock = iter(range(now_ms, now_ms + 10**9, 60_000))
        writer = LedgerWriter(db, hall="hall-1", clock_ms=lambda: next(clock))
        at = turn = 0
        while at < len(messages):
            size, is_restarted = plan["groups"][turn % len(plan["groups"])]
            writer.store(messages[at : at + size])
            if is_restarted:
                writer = LedgerWriter(db, hall="hall-1", clock_ms=lambda: next(clock))
            at, turn = at + size, turn + 1

        expected = valid_tokens(messages, journals)
        rows = db.execute(
            "SELECT k.kid, r.payload, r.signature, r.digest FROM records r"
            " JOIN device_keys k ON k.id = r.key ORDER BY r.position"
        ).fetchall()
        stored = [rebuild_token(*row[:3]) for row in rows]
        assert len(stored) == len(set(stored))
        assert set(stored) == expected
        assert db.execute("SELECT count(*) FROM conflicts").fetchone() == (0,)

        for journal in journals:
            receipt = writer.receipt((journal.device, journal.epoch))
            assert receipt is not None
            have = {at for at, token in enumerate(journal.tokens, 1) if token in expected}
            watermark = 0
            while watermark + 1 in have:
                watermark += 1
            assert receipt.stored == watermark
            assert receipt.stored_hash == journal.link(watermark)
            above = {seq for low, high in receipt.extra for seq in range(low, high + 1)}
            assert above == {seq for seq in have if seq > watermark}

        frontier = Frontier()
        frontier.extend([row[3] for row in rows])
        assert db.execute("SELECT size, root FROM ledger_state").fetchone() == (
            len(rows),
            frontier.root(),
        )

        live = {name: _content(db, name) for name in DERIVED_TABLES}
        db.execute("BEGIN")
        rebuild(db)
        db.execute("COMMIT")
        assert {name: _content(db, name) for name in DERIVED_TABLES} == live


def _content(db: Any, table: str) -> list[Any]:
    return sorted(db.execute(f"SELECT * FROM {table}").fetchall(), key=repr)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    noise=st.lists(
        st.tuples(
            st.sampled_from(
                [
                    "yiping/hall-1/dev-1/journal",
                    "yiping/hall-1/dev-1/status",
                    "yiping/hall-1/dev-2/health",
                    "yiping/hall-1//journal",
                    "",
                ]
            )
            | st.text(st.characters(codec="utf-8"), max_size=20),
            st.binary(max_size=60)
            | st.sampled_from([b'{"dev":"dev-1","v":1}', b"e30.e30.e30", b"." * 9, b"\n" * 30]),
            st.booleans(),
        ),
        max_size=12,
    )
)
def test_no_noise_stops_the_writer_or_becomes_a_record(
    noise: list[Any], sent: Any, ledger: Any
) -> None:
    ledger.writer.store([sent(*one) for one in noise])
    assert ledger.query("SELECT count(*) FROM records") == [(0,)]
