"""What becomes quarantine or conflict, with which reason, and that it blocks nothing else."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from firmware_config import chain
from firmware_config.contract import MAX_MESSAGE_BYTES
from firmware_config.keys import SigningKey


def flip(token: bytes, part: int) -> bytes:
    """Change one character in the middle of a token's part; it stays base64url."""
    parts = token.split(b".")
    text = bytearray(parts[part])
    middle = len(text) // 2
    text[middle] = ord("A") if text[middle] != ord("A") else ord("B")
    parts[part] = bytes(text)
    return b".".join(parts)


def signed(journal: Any, payload: bytes) -> bytes:
    return journal.key.token(payload)  # type: ignore[no-any-return]


def payload_of(token: bytes) -> bytes:
    return chain.split_token(token).payload


# name -> (reason, what is sent after two good records of dev-1)
CASES: dict[str, tuple[str, Any]] = {
    "retained journal": ("retained", lambda j, s: s(j.topic, j.rate(), True)),
    "other hall": ("topic", lambda j, s: s("yiping/hall-2/dev-1/journal", j.rate())),
    "receipt topic": ("topic", lambda j, s: s("yiping/hall-1/dev-1/receipt", j.rate())),
    "no topic of ours": ("topic", lambda j, s: s("weather/today", j.rate())),
    "stranger": ("unknown-device", lambda j, s: s("yiping/hall-1/nobody/journal", j.rate())),
    "oversized": ("oversized", lambda j, s: s(j.topic, b"x" * (MAX_MESSAGE_BYTES + 1))),
    "21 tokens": ("too-many", lambda j, s: s(j.topic, b"\n".join([b"x"] * 21))),
    "empty": ("malformed", lambda j, s: s(j.topic, b"")),
    "not a token": ("malformed", lambda j, s: s(j.topic, b"\xff\x00 no token")),
    "two parts": ("malformed", lambda j, s: s(j.topic, b"e30.e30")),
    "foreign header": ("malformed", lambda j, s: s(j.topic, b"e30." + j.rate().split(b".", 1)[1])),
    "cut short": ("malformed", lambda j, s: s(j.topic, j.rate()[:-3])),
    "padding": ("malformed", lambda j, s: s(j.topic, j.rate() + b"==")),
    "not JSON": ("malformed", lambda j, s: s(j.topic, signed(j, b"{"))),
    "lone surrogate": (
        "malformed",
        lambda j, s: s(j.topic, signed(j, payload_of(j.rate()).replace(b"key", b"\\ud800"))),
    ),
    "level 6": (
        "schema",
        lambda j, s: s(
            j.topic, signed(j, payload_of(j.rate()).replace(b'"level":5', b'"level":6'))
        ),
    ),
    "unknown kind": (
        "schema",
        lambda j, s: s(j.topic, signed(j, payload_of(j.rate()).replace(b"RATED", b"GUESS"))),
    ),
    "not an object": ("schema", lambda j, s: s(j.topic, signed(j, b"[1]"))),
    "version 2": ("version", lambda j, s: s(j.topic, j.rate(v=2))),
    "wrong device in the payload": ("wrong-device", lambda j, s: s(j.topic, j.rate(dev="dev-2"))),
    "another device's topic": (
        "wrong-key",
        lambda j, s: s("yiping/hall-1/dev-2/journal", j.rate()),
    ),
    "unknown key": (
        "unknown-key",
        lambda j, s: s(j.topic, SigningKey.from_seed(b"?" * 32).token(payload_of(j.rate()))),
    ),
    "forged signature": ("bad-signature", lambda j, s: s(j.topic, flip(j.rate(), 2))),
    "changed payload": (
        "bad-signature",
        lambda j, s: s(
            j.topic,
            b".".join(
                (
                    (token := j.rate(level=1)).split(b".")[0],
                    chain.b64url(payload_of(token).replace(b'"level":1', b'"level":5')),
                    token.split(b".")[2],
                )
            ),
        ),
    ),
    "wrong prev": ("broken-link", lambda j, s: s(j.topic, j.rate(prev="A" * 43))),
    "no prev": ("broken-link", lambda j, s: s(j.topic, j.rate(prev=""))),
}


@pytest.mark.parametrize("name", CASES)
def test_a_bad_message_is_kept_with_its_reason_and_blocks_nothing(
    ledger: Any, journal_of: Any, sent: Any, name: str
) -> None:
    reason, make = CASES[name]
    journal = journal_of("dev-1")
    journal.boot_up()
    journal.rate()
    ledger.writer.store([journal.message()])
    message = make(journal, sent)

    first = ledger.writer.store([message])
    again = ledger.writer.store([message])

    assert (first.accepted, first.quarantined) == (0, again.quarantined)
    assert ledger.query("SELECT reason, raw, raw_bytes, topic, times FROM quarantine") == [
        (reason, message.payload, len(message.payload), message.topic, 2)
    ]
    assert ledger.seqs(journal.epoch) == [1, 2]
    # a later record of the same journal gets through, above the gap where there is one
    later = journal.rate()
    stored = ledger.writer.store([journal.message(later)])
    assert stored.accepted == 1
    assert ledger.seqs(journal.epoch)[-1] == len(journal.tokens)


def test_one_bad_token_of_a_full_message_loses_only_itself(ledger: Any, journal_of: Any) -> None:
    for bad in (0, 7, 12):
        journal = journal_of("dev-1", number=bad)
        good = [journal.ignore() for _ in range(13)]  # as many as fit 8 KB
        tokens = good.copy()
        tokens[bad] = flip(good[bad], 2)
        stored = ledger.writer.store([journal.message(*tokens)])
        assert (stored.accepted, stored.quarantined) == (12, 1)
        expected = [seq for seq in range(1, 14) if seq != bad + 1]
        assert ledger.seqs(journal.epoch) == expected

        # the good one, sent again, closes the gap
        ledger.writer.store([journal.message(good[bad])])
        receipt = ledger.writer.receipt((journal.device, journal.epoch))
        assert (receipt.stored, receipt.extra) == (13, [])


def test_a_quarantined_record_leaves_later_ones_as_extra_ranges(
    ledger: Any, journal_of: Any
) -> None:
    journal = journal_of("dev-1")
    tokens = [journal.ignore() for _ in range(9)]
    for missing in (3, 6, 7):
        tokens[missing - 1] = flip(tokens[missing - 1], 1)
    ledger.writer.store([journal.message(*tokens)])

    receipt = ledger.writer.receipt((journal.device, journal.epoch))
    assert (receipt.stored, receipt.extra) == (2, [(4, 5), (8, 9)])
    assert receipt.stored_hash == journal.link(2)
    after_restart = ledger.new_writer().receipt((journal.device, journal.epoch))
    assert after_restart.extra == receipt.extra


def test_a_bad_last_token_hides_no_earlier_one_and_lets_nothing_unsigned_in(
    ledger: Any, journal_of: Any
) -> None:
    journal = journal_of("dev-1")
    honest = [journal.ignore() for _ in range(3)]
    stranger = SigningKey.from_seed(b"!" * 32)
    forger = journal_of("dev-1")
    forger.tokens = honest.copy()
    forger.key = stranger
    forged = [forger.rate(5) for _ in range(3)]
    header = chain.header_segment(journal.key.kid)
    claimed = [b".".join((header, *token.split(b".")[1:])) for token in forged]

    stored = ledger.writer.store([journal.message(*honest, *claimed)])

    assert (stored.accepted, stored.quarantined) == (3, 3)
    assert ledger.reasons() == ["bad-signature"] * 3
    assert ledger.counts()["level5"] == 0


def test_a_second_token_for_a_taken_key_is_a_conflict_and_changes_nothing(
    ledger: Any, journal_of: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """I3: one row per key, its digest never changes."""
    journal, cloned = journal_of("dev-1"), journal_of("dev-1")
    journal.boot_up()
    cloned.boot_up()
    first, second = journal.rate(level=1), cloned.rate(level=5)
    ledger.writer.store([journal.message()])
    before = ledger.table("records")

    for _ in range(2):
        stored = ledger.writer.store([cloned.message(second)])
        assert (stored.accepted, stored.conflicts) == (0, 1)

    assert ledger.table("records") == before
    assert ledger.query("SELECT seq, stored_digest, other_digest, token, times FROM conflicts") == [
        (2, hashlib.sha256(first).digest(), hashlib.sha256(second).digest(), second, 2)
    ]
    assert [entry.levelname for entry in caplog.records if "conflict" in entry.message] == ["ERROR"]


def test_a_fork_inside_one_group_keeps_the_first_that_arrived(ledger: Any, journal_of: Any) -> None:
    one, other = journal_of("dev-1"), journal_of("dev-1")
    one.rate(level=4)
    other.rate(level=5)
    stored = ledger.writer.store([one.message(), other.message()])
    assert (stored.accepted, stored.conflicts) == (1, 1)
    assert ledger.counts()["level4"] == 1


def test_an_unsigned_second_token_is_no_conflict(ledger: Any, journal_of: Any) -> None:
    journal = journal_of("dev-1")
    token = journal.rate(level=5)
    ledger.writer.store([journal.message()])
    ledger.writer.store([journal.message(flip(token, 2))])
    assert ledger.reasons() == ["bad-signature"]
    assert ledger.query("SELECT * FROM conflicts") == []


def test_a_record_that_does_not_fit_the_one_after_it_is_refused(
    ledger: Any, journal_of: Any
) -> None:
    journal, liar = journal_of("dev-1"), journal_of("dev-1")
    journal.rate(level=1)
    journal.rate()
    liar.rate(level=5)
    ledger.writer.store([journal.message(journal.tokens[1])])
    ledger.writer.store([liar.message()])
    assert ledger.reasons() == ["broken-link"]
    ledger.writer.store([journal.message(journal.tokens[0])])
    assert ledger.seqs(journal.epoch) == [1, 2]


@pytest.mark.parametrize("is_split", [False, True], ids=["one message", "later, after a restart"])
def test_a_cloned_cards_later_records_do_not_shut_out_those_of_the_one_that_was_first(
    ledger: Any, journal_of: Any, is_split: bool
) -> None:
    """I3: else the first one's next record would not fit the clone's that waits above a gap."""
    first, clone = journal_of("dev-1"), journal_of("dev-1")
    first.rate(level=1)
    ledger.writer.store([first.message()])
    for _ in range(4):
        clone.rate(level=5)
    if is_split:
        ledger.writer.store([clone.message(clone.tokens[0])])
        ledger.new_writer()
        ledger.writer.store([clone.message(*clone.tokens[2:])])
    else:
        ledger.writer.store([clone.message()])
    for _ in range(4):
        first.rate(level=1)
    ledger.writer.store([first.message()])
    assert ledger.seqs(first.epoch) == [1, 2, 3, 4, 5]
    assert ledger.counts()["level5"] == 0
    kept = ledger.query("SELECT token FROM conflicts UNION ALL SELECT raw FROM quarantine")
    assert {token for (token,) in kept} >= {clone.tokens[0], *clone.tokens[2:]}


def forked(ledger: Any, journal_of: Any) -> Any:
    """Six records of a journal are stored, and a clone's fourth was seen."""
    journal, clone = journal_of("dev-1"), journal_of("dev-1")
    for _ in range(6):
        journal.rate(level=5)
    ledger.writer.store([journal.message()])
    clone.tokens = journal.tokens[:3]
    assert ledger.writer.store([clone.message(clone.rate(level=1))]).conflicts == 1
    return journal


def spoil(journal: Any, *, count: int = 1) -> None:
    """Append records of a kind that this collector does not know."""
    for _ in range(count):
        payload = payload_of(journal.rate())
        journal.tokens[-1] = signed(journal, payload.replace(b"RATED", b"GUESS"))


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("is_split", [False, True], ids=["one message", "later, after a restart"])
def test_in_a_forked_journal_a_quarantined_record_does_not_block_the_later_ones(
    ledger: Any, journal_of: Any, is_split: bool, count: int
) -> None:
    journal = forked(ledger, journal_of)
    spoil(journal, count=count)
    for _ in range(10):
        journal.rate(level=4)
    for part in (journal.tokens[6:10], journal.tokens[10:]) if is_split else (journal.tokens[6:],):
        ledger.writer.store([journal.message(*part)])
        ledger.new_writer()
    assert ledger.reasons() == ["schema"] * count
    assert ledger.counts()["level4"] == 10
    receipt = ledger.writer.receipt((journal.device, journal.epoch))
    assert (receipt.stored, receipt.extra) == (6, [(7 + count, 16 + count)])

    spoil(journal)  # and again
    journal.rate(level=4)
    ledger.writer.store([journal.message(*journal.tokens[-2:])])
    receipt = ledger.writer.receipt((journal.device, journal.epoch))
    assert receipt.extra == [(7 + count, 16 + count), (18 + count, 18 + count)]


def test_a_clones_record_that_nobody_can_take_is_no_way_around_what_is_stored(
    ledger: Any, journal_of: Any
) -> None:
    journal = forked(ledger, journal_of)
    clone = journal_of("dev-1")
    clone.tokens = journal.tokens[:5]
    spoil(clone, count=2)  # seq 6 and 7: the journal's own 6 is stored
    clone.rate(level=1)
    ledger.writer.store([clone.message(*clone.tokens[5:])])
    assert ledger.reasons() == ["schema", "schema", "broken-link"]
    for _ in range(3):
        journal.rate(level=4)
    ledger.writer.store([journal.message(*journal.tokens[6:])])
    assert ledger.seqs(journal.epoch) == list(range(1, 10))


def test_in_a_forked_journal_a_gap_of_records_that_nobody_has_seen_is_waited_for(
    ledger: Any, journal_of: Any
) -> None:
    journal = forked(ledger, journal_of)
    for _ in range(3):
        journal.rate(level=4)
    ledger.writer.store([journal.message(*journal.tokens[7:])])
    assert ledger.reasons() == ["broken-link"] * 2
    ledger.writer.store([journal.message(*journal.tokens[6:])])  # as its device does
    assert ledger.seqs(journal.epoch) == list(range(1, 10))


def test_only_the_first_64_kilobytes_of_a_monster_are_kept(ledger: Any, sent: Any) -> None:
    monster = sent("yiping/hall-1/dev-1/journal", b"\x00" * 3_000_000)
    ledger.writer.store([monster])
    [(kept, size)] = ledger.query("SELECT length(raw), raw_bytes FROM quarantine")
    assert (kept, size) == (65_536, 3_000_000)


def test_a_status_or_health_message_that_lies_about_its_device_is_refused(
    ledger: Any, journal_of: Any, sent: Any
) -> None:
    journal = journal_of("dev-1")
    for channel, message in (("status", journal.hello()), ("health", journal.health())):
        ledger.writer.store([sent(f"yiping/hall-1/dev-2/{channel}", message.payload)])
        ledger.writer.store([sent(f"yiping/hall-1/dev-2/{channel}", b"{}")])
        ledger.writer.store([sent(f"yiping/hall-1/dev-2/{channel}", b" " * 9000)])
    assert ledger.reasons() == ["wrong-device", "schema", "oversized"] * 2
    assert ledger.query("SELECT * FROM device_status") == []


@pytest.mark.parametrize("name", ["dev-1", "not-in-the-fleet"])
@pytest.mark.parametrize("channel", ["status", "health"])
def test_a_device_that_repeats_what_is_refused_fills_no_disk(
    ledger: Any, sent: Any, name: str, channel: str
) -> None:
    """Every 30 seconds, each time with other numbers: that is a million rows a year and device."""
    topic = f"yiping/hall-1/{name}/{channel}"
    first = b'{"dev":"%s","v":1,"uptime_s":-1}' % name.encode()
    ledger.writer.store([sent(topic, first)])
    for uptime_s in range(100):
        ledger.now_ms += 30_000
        said = b'{"dev":"%s","v":1,"uptime_s":%d,"head":-1}' % (name.encode(), uptime_s)
        ledger.writer.store([sent(topic, said)])

    rows = ledger.query("SELECT topic, raw, raw_bytes, times, last_ms FROM quarantine")
    assert rows == [(topic, first, len(first), 101, ledger.now_ms)]
    assert ledger.query("SELECT * FROM device_status") == []


def test_bad_journal_messages_are_evidence_and_kept_each(ledger: Any, sent: Any) -> None:
    for number in range(5):
        ledger.writer.store([sent("yiping/hall-1/dev-1/journal", b"%d" % number)])
        ledger.writer.store([sent("yiping/hall-1/nobody/journal", b"x%d" % number)])

    assert ledger.query("SELECT count(*), sum(times) FROM quarantine") == [(10, 10)]


@pytest.mark.parametrize("version", [2**53, 2**64 - 1, 10**400])
def test_a_health_message_out_of_bounds_leaves_the_one_before_it(
    ledger: Any, journal_of: Any, sent: Any, version: int
) -> None:
    good = journal_of("dev-1").health()
    bad = good.payload[:-1] + b',"settings_version":%d}' % version
    ledger.writer.store([good, good._replace(payload=bad)])

    assert ledger.query("SELECT health FROM device_status") == [(good.payload,)]
    assert ledger.reasons() == ["schema"]
