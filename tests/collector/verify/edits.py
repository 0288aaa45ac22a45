"""The ways to spoil a ledger: each makes one edit and returns what must be named.

`sometimes` an edit is covered up: roots, watermarks and everything derived are made to agree.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from collector.verify.findings import Check, Finding, Level
from firmware_config import chain
from firmware_config.keys import SigningKey
from tests.collector.verify.copy import (
    IsNamed,
    Record,
    SpoiledLedger,
    failure,
    place_named,
)
from tests.collector.verify.hall import DAYS, FIRST_ON, WorkingHall

Edit = Callable[[SpoiledLedger], IsNamed]
EDITS: dict[str, Edit] = {}


def edit(function: Edit) -> Edit:
    EDITS[function.__name__] = function
    return function


def sometimes(ledger: SpoiledLedger) -> bool:
    return ledger.draw.random() < 0.5


def any_day(ledger: SpoiledLedger) -> str:
    return (FIRST_ON + timedelta(days=ledger.draw.randrange(DAYS))).isoformat()


def either(*named: IsNamed) -> IsNamed:
    return lambda finding: any(one(finding) for one in named)


# records


@edit
def a_rating_changed(ledger: SpoiledLedger) -> IsNamed:
    record = ledger.record("kind = 'RATED'")
    payload = json.loads(record.row["payload"])
    payload["level"] = payload["level"] % 5 + 1
    ledger.set(record, payload=json.dumps(payload, separators=(",", ":")).encode())
    if sometimes(ledger):
        ledger.cover_up()
    return record.named(Check.SIGNATURE)


@edit
def a_byte_of_a_payload_changed(ledger: SpoiledLedger) -> IsNamed:
    record = ledger.record()
    payload = bytearray(record.row["payload"])
    payload[ledger.draw.randrange(len(payload))] ^= 1 << ledger.draw.randrange(7)
    ledger.set(record, payload=bytes(payload))
    return record.named(Check.SIGNATURE)


@edit
def a_byte_of_a_signature_changed(ledger: SpoiledLedger) -> IsNamed:
    record = ledger.record()
    signature = bytearray(record.row["signature"])
    signature[ledger.draw.randrange(64)] ^= 1 << ledger.draw.randrange(8)
    ledger.set(record, signature=bytes(signature))
    if sometimes(ledger):
        ledger.cover_up(derived=False)
    return record.named(Check.SIGNATURE)


@edit
def the_signature_of_another_record(ledger: SpoiledLedger) -> IsNamed:
    record, other = ledger.record(), ledger.record()
    while other.row["position"] == record.row["position"]:
        other = ledger.record()
    ledger.set(record, signature=other.row["signature"])
    return record.named(Check.SIGNATURE)


@edit
def a_digest_changed(ledger: SpoiledLedger) -> IsNamed:
    record = ledger.record()
    ledger.set(record, digest=ledger.draw.randbytes(32))
    return record.named(Check.DIGEST)


@edit
def another_kind(ledger: SpoiledLedger) -> IsNamed:
    record = ledger.record("kind IN ('RATED', 'UNRATED', 'INVITED')")
    ledger.set(record, kind="FAULT")
    return record.named(Check.RECORD)


@edit
def another_key_than_signed(ledger: SpoiledLedger) -> IsNamed:
    record = ledger.record()
    ledger.set(record, key=record.row["key"] % 4 + 1)
    if sometimes(ledger):
        ledger.cover_up(derived=False)
    return record.named(Check.SIGNATURE)


@edit
def received_on_another_day(ledger: SpoiledLedger) -> IsNamed:
    # what came before the first signed statement has nothing to show that it came later
    record = ledger.record("position > (SELECT min(size) FROM checkpoints)")
    shift_days = ledger.draw.choice((-1, 1)) * ledger.draw.randrange(2, 30)
    ledger.set(record, received_ms=record.row["received_ms"] + shift_days * 86_400_000)
    if sometimes(ledger):
        ledger.cover_up()
    return record.named(Check.RECEIVED)


@edit
def a_record_removed(ledger: SpoiledLedger) -> IsNamed:
    record = ledger.record()
    ledger.run("DELETE FROM records WHERE position = ?", record.row["position"])
    return either(record.named(Check.CHAIN), record.named(Check.JOURNAL))


@edit
def a_record_removed_and_covered_up(ledger: SpoiledLedger) -> IsNamed:
    record = ledger.record()
    rows = ledger.all_records()
    del rows[record.row["position"] - 1]
    ledger.replace_records(rows)
    ledger.cover_up()
    return place_named(record.row["position"])


@edit
def two_records_swapped(ledger: SpoiledLedger) -> IsNamed:
    rows = ledger.all_records()
    first, second = sorted(ledger.draw.sample(range(len(rows)), 2))
    rows[first], rows[second] = rows[second], rows[first]
    ledger.replace_records(rows)
    if sometimes(ledger):
        ledger.cover_up()
    return place_named(first + 1)


@edit
def a_stretch_reordered(ledger: SpoiledLedger) -> IsNamed:
    rows = ledger.all_records()
    start = ledger.draw.randrange(len(rows) - 10)
    rows[start : start + 10] = rows[start : start + 10][::-1]
    ledger.replace_records(rows)
    if sometimes(ledger):
        ledger.cover_up()
    return place_named(start + 1)


@edit
def two_numbers_of_a_journal_swapped(ledger: SpoiledLedger) -> IsNamed:
    record = ledger.record()
    other = ledger.record(f"epoch = {record.row['epoch']} AND position <> {record.row['position']}")
    ledger.set(other, seq=1_000_000)
    ledger.set(record, seq=other.row["seq"])
    ledger.set(other, seq=record.row["seq"])
    return record.named(Check.RECORD)


@edit
def a_record_in_place_of_another(ledger: SpoiledLedger) -> IsNamed:
    record, other = ledger.record(), ledger.record()
    while other.row["position"] == record.row["position"]:
        other = ledger.record()
    told = ("digest", "kind", "key", "payload", "signature")
    ledger.set(record, **{name: other.row[name] for name in told})
    if sometimes(ledger):
        ledger.cover_up(derived=False)
    return record.named(Check.RECORD)


@edit
def a_record_put_in(ledger: SpoiledLedger) -> IsNamed:
    """A rating more, behind the last record of a journal, signed by nobody's key."""
    record = ledger.record("seq = (SELECT head FROM epochs e WHERE e.id = r.epoch)")
    payload = json.loads(ledger.record("kind = 'RATED'").row["payload"])
    seq = record.row["seq"] + 1
    token = chain.rebuild_token(
        ledger.one("SELECT kid FROM device_keys WHERE id = ?", record.row["key"]),
        record.row["payload"],
        record.row["signature"],
    )
    payload |= {"dev": record.device, "epoch": record.epoch, "seq": seq, "session": 9_999}
    payload |= {"prev": chain.b64url(chain.digest(token)).decode(), "case_no": "", "level": 5}
    row = record.row | {
        "seq": seq,
        "kind": "RATED",
        "payload": json.dumps(payload, separators=(",", ":")).encode(),
        "signature": ledger.draw.randbytes(64),
        "received_ms": ledger.one("SELECT max(received_ms) FROM records"),
    }
    ledger.replace_records([*ledger.all_records(), row])
    ledger.cover_up()
    return Record(row, record.device, record.epoch).named(Check.SIGNATURE)


# the end, a day, everything


@edit
def the_tail_cut(ledger: SpoiledLedger) -> IsNamed:
    last = ledger.size - ledger.draw.randrange(1, 300)
    ledger.run("DELETE FROM records WHERE position > ?", last)
    return place_named(last + 1, Check.POSITIONS)


@edit
def the_tail_cut_and_all_made_to_agree(ledger: SpoiledLedger) -> IsNamed:
    last = ledger.size - ledger.draw.randrange(1, 300)
    ledger.run("DELETE FROM records WHERE position > ?", last)
    ledger.cover_up()
    return place_named(last + 1, Check.KEPT, Check.EXPORT)


@edit
def the_tail_cut_as_if_restored(ledger: SpoiledLedger) -> IsNamed:
    """The cut explained by a life that began with a copy."""
    last = ledger.size - ledger.draw.randrange(1, 300)
    ledger.run("DELETE FROM records WHERE position > ?", last)
    ledger.cover_up()
    ledger.run(
        "INSERT INTO gens SELECT 2, 'b', max(r.received_ms), 'restored', s.size, s.root"
        " FROM ledger_state s, records r"
    )
    ledger.run("UPDATE meta SET value = 'b' WHERE key = 'gen'")
    return failure(Check.KEPT, where="a life began with fewer records")


@edit
def a_day_dropped(ledger: SpoiledLedger) -> IsNamed:
    on = any_day(ledger)
    rows = ledger.all_records()
    kept = [row for row in rows if Record(row, "", "").on != on]
    ledger.replace_records(kept)
    is_covered = sometimes(ledger)
    if is_covered:
        ledger.cover_up()

    def is_named(finding: Finding) -> bool:
        return (
            finding.level is Level.FAIL
            and finding.check in {Check.CHECKPOINT, Check.KEPT, Check.EXPORT, Check.CHAIN}
            and finding.first_on <= on <= finding.last_on
        )

    return is_named


@edit
def a_device_signed_anew_with_another_key(ledger: SpoiledLedger) -> IsNamed:
    code = ledger.draw.choice(("dev-1", "dev-2", "dev-3", "dev-4"))
    _sign_anew(ledger, {code: SigningKey.from_seed(ledger.draw.randbytes(32))})
    return failure(Check.KEY, device=code, where="key folder")


@edit
def all_signed_anew_with_other_keys(ledger: SpoiledLedger) -> IsNamed:
    keys = {f"dev-{n}": SigningKey.from_seed(ledger.draw.randbytes(32)) for n in (1, 2, 3, 4)}
    _sign_anew(ledger, keys)
    mine = SigningKey.from_seed(ledger.draw.randbytes(32))
    root = ledger.one("SELECT root FROM ledger_state")
    for row, gen, on, size, made_ms in ledger.rows(
        "SELECT id, gen, on_date, size, made_ms FROM checkpoints"
    ):
        token = WorkingHall.checkpoint_token(mine, gen, on, size, root, made_ms)
        ledger.run("UPDATE checkpoints SET root = ?, token = ? WHERE id = ?", root, token, row)
    code = ledger.draw.choice(list(keys))
    return failure(Check.KEY, device=code, where="key folder")


def _sign_anew(ledger: SpoiledLedger, keys: dict[str, SigningKey]) -> None:
    """Every record of these devices a better rating, chained and signed with new keys."""
    devices = dict(ledger.rows("SELECT id, code FROM devices"))
    epochs = dict(ledger.rows("SELECT id, device FROM epochs"))
    rows, links = ledger.all_records(), {}
    by_seq = sorted(rows, key=lambda row: (row["epoch"], row["seq"]))
    for row in by_seq:
        code = devices[epochs[row["epoch"]]]
        if code not in keys:
            continue
        payload: dict[str, Any] = json.loads(row["payload"])
        payload["prev"] = links.get((row["epoch"], row["seq"] - 1), payload["prev"])
        if row["kind"] == "RATED":
            payload["level"] = 5
        token = keys[code].token(json.dumps(payload, separators=(",", ":")).encode())
        parts = chain.split_token(token)
        row |= {"payload": parts.payload, "signature": parts.signature, "digest": parts.digest}
        links[row["epoch"], row["seq"]] = chain.b64url(parts.digest).decode()
    for code, key in keys.items():
        ledger.run(
            "UPDATE device_keys SET kid = ?, x = ? WHERE device ="
            " (SELECT id FROM devices WHERE code = ?)",
            key.kid,
            key.public.x,
            code,
        )
    ledger.replace_records(rows)
    ledger.cover_up()


@edit
def a_key_replaced(ledger: SpoiledLedger) -> IsNamed:
    code = ledger.draw.choice(("dev-1", "dev-2", "dev-3", "dev-4"))
    other = SigningKey.from_seed(ledger.draw.randbytes(32)).public
    names = {"kid": other.kid, "x": other.x}
    for name in ledger.draw.choice((["x"], ["kid"], ["kid", "x"])):
        ledger.run(
            f"UPDATE device_keys SET {name} = ? WHERE device ="
            " (SELECT id FROM devices WHERE code = ?)",
            names[name],
            code,
        )
    return failure(Check.KEY, device=code)


# what the ledger says of itself


@edit
def a_journals_watermark_changed(ledger: SpoiledLedger) -> IsNamed:
    [[row, code, epoch]] = [
        ledger.draw.choice(
            ledger.rows(
                "SELECT e.id, d.code, e.epoch FROM epochs e JOIN devices d ON d.id = e.device"
            )
        )
    ]
    change = ledger.draw.choice(
        (
            "stored = stored - 3",
            "stored = stored + 2",
            "head = head + 1",
            "head = head - 1",
            "archived = head + 5",
            "stored_digest = zeroblob(32)",
        )
    )
    ledger.run(f"UPDATE epochs SET {change} WHERE id = ?", row)
    return lambda finding: (
        finding.level is Level.FAIL
        and finding.check in {Check.JOURNAL, Check.CHAIN}
        and (finding.device, finding.epoch) == (code, epoch)
    )


@edit
def a_root_or_size_changed(ledger: SpoiledLedger) -> IsNamed:
    change = ledger.draw.choice(
        ("root = zeroblob(32)", "frontier = zeroblob(length(frontier))", "size = size - 1")
    )
    ledger.run(f"UPDATE ledger_state SET {change}")
    return either(
        failure(Check.ROOT, where="ledger_state"), place_named(ledger.size, Check.POSITIONS)
    )


@edit
def a_checkpoint_removed(ledger: SpoiledLedger) -> IsNamed:
    on = any_day(ledger)
    ledger.run("DELETE FROM checkpoints WHERE on_date = ?", on)
    if sometimes(ledger):
        for at, (row,) in enumerate(ledger.rows("SELECT id FROM checkpoints ORDER BY id"), 1):
            ledger.run("UPDATE checkpoints SET id = ? WHERE id = ?", at, row)
    return failure(Check.KEPT, on=on, where="does not have this checkpoint")


@edit
def a_checkpoint_signed_by_another(ledger: SpoiledLedger) -> IsNamed:
    on, mine = any_day(ledger), SigningKey.from_seed(ledger.draw.randbytes(32))
    [[gen, size, root, made_ms]] = ledger.rows(
        "SELECT gen, size, root, made_ms FROM checkpoints WHERE on_date = ?", on
    )
    token = WorkingHall.checkpoint_token(mine, gen, on, size, root, made_ms)
    ledger.run("UPDATE checkpoints SET token = ? WHERE on_date = ?", token, on)
    return failure(Check.CHECKPOINT, on=on, where="not signed by the collector's key")


@edit
def a_checkpoint_changed(ledger: SpoiledLedger) -> IsNamed:
    on = any_day(ledger)
    change = ledger.draw.choice(
        ("root = zeroblob(32)", "size = size - 1", "made_ms = made_ms - 5", "gen = 'other'")
    )
    ledger.run(f"UPDATE checkpoints SET {change} WHERE on_date = ?", on)
    return failure(Check.CHECKPOINT, on=on)


@edit
def lives_changed(ledger: SpoiledLedger) -> IsNamed:
    change = ledger.draw.choice(
        (
            "UPDATE gens SET gen = 'other'",
            "UPDATE gens SET size = 5",
            "UPDATE gens SET root = zeroblob(32)",
            "UPDATE gens SET reason = 'renewed'",
            "UPDATE gens SET id = 2",
            "INSERT INTO gens VALUES (2, 'other', 0, 'restored', 3, zeroblob(32))",
            "UPDATE meta SET value = 'other' WHERE key = 'gen'",
        )
    )
    ledger.run(change)
    return failure(Check.GENS)


@edit
def the_time_zone_changed(ledger: SpoiledLedger) -> IsNamed:
    ledger.run("UPDATE meta SET value = 'America/Lima' WHERE key = 'timezone'")
    if sometimes(ledger):
        ledger.cover_up()
    return failure(Check.FLEET, where="timezone")


@edit
def an_assignment_changed(ledger: SpoiledLedger) -> IsNamed:
    change, code = ledger.draw.choice(
        (
            ("UPDATE device_windows SET window = 2 WHERE device = 1", "dev-1"),
            ("UPDATE device_windows SET from_ms = from_ms + 86400000 WHERE device = 2", "dev-2"),
            ("DELETE FROM device_windows WHERE device = 4", "dev-4"),
            ("UPDATE window_departments SET department = 2 WHERE window = 1", "w1"),
            ("INSERT INTO window_departments VALUES (3, 1782230400000, 1)", "w3"),
        )
    )
    ledger.run(change)
    if sometimes(ledger):
        ledger.cover_up()
    return failure(Check.FLEET, where=code)


@edit
def a_guard_removed(ledger: SpoiledLedger) -> IsNamed:
    name, _ = ledger.guards.pop(ledger.draw.randrange(len(ledger.guards)))
    return failure(Check.SCHEMA, where=name)


@edit
def a_trigger_put_in(ledger: SpoiledLedger) -> IsNamed:
    ledger.run(
        "CREATE TRIGGER better AFTER INSERT ON outcomes WHEN NEW.level < 3"
        " BEGIN UPDATE outcomes SET level = 5 WHERE position = NEW.position; END"
    )
    return failure(Check.SCHEMA, where="trigger better")


# what is derived


def _outcome(ledger: SpoiledLedger, where: str = "level IS NOT NULL AND is_repeat = 0") -> Record:
    rows = ledger.rows(f"SELECT position FROM outcomes WHERE {where} ORDER BY position")
    return ledger.record_at(ledger.draw.choice(rows)[0])


@edit
def an_outcome_changed(ledger: SpoiledLedger) -> IsNamed:
    record = _outcome(ledger)
    change = ledger.draw.choice(
        (
            "level = level % 5 + 1",
            "staff_no = staff_no || '9'",
            "window = coalesce(window, 0) % 3 + 1",
            "pressed_ms = pressed_ms + 60000",
            "on_date = date(on_date, '+1 day')",
            "answer_ms = answer_ms + 1",
            "item = 'other'",
            "time_quality = 'guessed'",
        )
    )
    ledger.run(f"UPDATE outcomes SET {change} WHERE position = ?", record.row["position"])
    return record.named(Check.OUTCOMES)


@edit
def a_repeat_flag_flipped(ledger: SpoiledLedger) -> IsNamed:
    record = _outcome(ledger)
    ledger.run("UPDATE outcomes SET is_repeat = 1 WHERE position = ?", record.row["position"])
    return record.named(Check.REPEATS)


@edit
def the_second_rating_counted_instead_of_the_first(ledger: SpoiledLedger) -> IsNamed:
    [[first, second]] = [
        ledger.draw.choice(
            ledger.rows(
                "SELECT a.position, b.position FROM outcomes a JOIN outcomes b"
                " ON a.case_no = b.case_no AND a.case_no <> '' AND a.is_repeat = 0"
                " AND b.is_repeat = 1 AND a.level IS NOT NULL"
            )
        )
    ]
    ledger.run("UPDATE outcomes SET is_repeat = 1 WHERE position = ?", first)
    ledger.run("UPDATE outcomes SET is_repeat = 0 WHERE position = ?", second)
    return ledger.record_at(second).named(Check.REPEATS)


@edit
def an_outcome_removed(ledger: SpoiledLedger) -> IsNamed:
    record = _outcome(ledger, "1")
    ledger.run("DELETE FROM outcomes WHERE position = ?", record.row["position"])
    return record.named(Check.OUTCOMES)


@edit
def a_rollup_changed(ledger: SpoiledLedger) -> IsNamed:
    table, day = ledger.draw.choice(
        (
            ("day_rollups", "on_date"),
            ("hour_rollups", "on_date"),
            ("month_rollups", "on_month"),
            ("month_staff_rollups", "on_month"),
        )
    )
    [[on, window]] = [
        ledger.draw.choice(ledger.rows(f"SELECT {day}, window FROM {table} WHERE window > 0"))
    ]
    field = ledger.draw.choice(("level5", "level1", "unrated", "invited", "repeats"))
    ledger.run(
        f"UPDATE {table} SET {field} = {field} + ? WHERE {day} = ? AND window = ?",
        ledger.draw.choice((1, 2, 10)),
        on,
        window,
    )
    return failure(Check.ROLLUPS, on=on, where=f"window w{window}")


@edit
def a_rollup_moved_to_another_window(ledger: SpoiledLedger) -> IsNamed:
    [[on, window]] = [
        ledger.draw.choice(
            ledger.rows("SELECT DISTINCT on_date, window FROM day_rollups WHERE window > 0")
        )
    ]
    ledger.run("UPDATE day_rollups SET window = -1 WHERE on_date = ? AND window = ?", on, window)
    ledger.run(
        "UPDATE OR REPLACE day_rollups SET window = ? WHERE on_date = ? AND window = -1",
        window % 3 + 1,
        on,
    )
    return failure(Check.ROLLUPS, on=on, where=f"window w{window}")


@edit
def a_rollup_given_to_other_staff(ledger: SpoiledLedger) -> IsNamed:
    [[on, staff]] = [
        ledger.draw.choice(
            ledger.rows("SELECT on_date, staff_no FROM day_rollups WHERE staff_no <> ''")
        )
    ]
    ledger.run(
        "UPDATE day_rollups SET staff_no = '999' WHERE on_date = ? AND staff_no = ?", on, staff
    )
    return failure(Check.ROLLUPS, on=on, where=f"staff {staff}")


@edit
def what_is_known_of_a_clock_changed(ledger: SpoiledLedger) -> IsNamed:
    [[epoch, boot, code]] = [
        ledger.draw.choice(
            ledger.rows(
                "SELECT b.epoch, b.boot, d.code FROM boots b JOIN epochs e ON e.id = b.epoch"
                " JOIN devices d ON d.id = e.device"
            )
        )
    ]
    ledger.run(
        "UPDATE boots SET offset_ms = offset_ms - 3600000 WHERE epoch = ? AND boot = ?",
        epoch,
        boot,
    )
    return failure(Check.CLOCKS, device=code, where=boot)


# evidence


@edit
def a_conflict_removed(ledger: SpoiledLedger) -> IsNamed:
    """One with another after it; see test_tamper for the last one."""
    ledger.run("DELETE FROM conflicts WHERE id = 1")
    return failure(Check.CONFLICT, where="conflict 2")


@edit
def a_conflict_changed(ledger: SpoiledLedger) -> IsNamed:
    [[row, code]] = [
        ledger.draw.choice(
            ledger.rows(
                "SELECT c.id, d.code FROM conflicts c JOIN epochs e ON e.id = c.epoch"
                " JOIN devices d ON d.id = e.device"
            )
        )
    ]
    change = ledger.draw.choice(
        ("seq = seq - 1", "stored_digest = zeroblob(32)", "token = CAST(x'61' || token AS BLOB)")
    )
    ledger.run(f"UPDATE conflicts SET {change} WHERE id = ?", row)
    return failure(Check.CONFLICT, device=code, where=f"conflict {row}")


@edit
def a_refused_message_changed(ledger: SpoiledLedger) -> IsNamed:
    ledger.run("UPDATE quarantine SET raw = x'616161' WHERE id = 1")
    return failure(Check.QUARANTINE, where="quarantine 1")
