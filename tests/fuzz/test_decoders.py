"""Whatever arrives, is read or refused as documented: no other exception, no hang.

Every decoder that reads what others wrote and has no such test beside its own module. Bytes are of
three sorts: any; any JSON; and good messages with bytes changed, cut out, doubled and spliced. Many
are signed by the right key, so that they get behind the signature. Longer:
`pytest tests/fuzz --hypothesis-profile=lab`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.commanding import RejectedAnswer, judge_answer
from collector.export.csv_format import NotCsv, parse_csv
from collector.export.folders import MANIFEST_NAME, parse_folder_name, read_export
from collector.export.manifest import InvalidManifest, decode_manifest
from collector.ledger.fleet_loader import load_into_ledger
from collector.ledger.migrations import open_ledger
from collector.ledger.writer import LedgerWriter
from collector.merkle import Frontier
from firmware_config.chain import split_token
from firmware_config.contract import (
    CONTRACT_VERSION,
    Answer,
    Checkpoint,
    Identify,
    Receipt,
    decode_answer,
    decode_checkpoint,
    decode_command,
    decode_health,
    decode_receipt,
    decode_record,
    decode_status,
    encode,
)
from firmware_config.errors import ConfigError, ContractError, InvalidSettings
from firmware_config.fleet import load_fleet
from firmware_config.keys import SigningKey, load_signing_key, load_verify_key
from firmware_config.kiosk_settings import KioskSettings
from firmware_config.settings import load_settings
from kiosk.clock import ManualClock
from kiosk.command_desk import CommandDesk
from kiosk.journal import Journal, open_journal
from kiosk.receipts import ReceiptBook
from kiosk.simulator.scenario_file import read_scenario
from tests.collector.conftest import HALL, NOW_MS, JournalOf, small_fleet

DEVICE = "dev-1"
COLLECTOR = SigningKey.from_seed(b"c" * 32)
ZONE = ZoneInfo("Asia/Shanghai")
CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A loaded machine is no reason to fail."""
WALL = "2026-07-01T10:00:00.000Z"

_journal = JournalOf(DEVICE)
_journal.boot_up()
_journal.invite(case_no="办件-1", staff_no="017")
_journal.rate(session=1, case_no="办件-1")
GOOD: dict[str, bytes] = {
    "record": split_token(_journal.tokens[-1]).payload,
    "receipt": encode(
        Receipt(
            dev=DEVICE,
            gen="0" * 32,
            epoch=_journal.epoch,
            stored=3,
            stored_hash="A" * 43,
            archived=1,
            server_time=WALL,
            ledger_size=3,
            ledger_root="A" * 43,
            v=CONTRACT_VERSION,
            extra=[(5, 7)],
        )
    ),
    "status": _journal.hello().payload,
    "health": _journal.health().payload,
    "checkpoint": encode(
        Checkpoint(
            what="checkpoint",
            hall=HALL,
            gen="0" * 32,
            on="2026-07-01",
            size=3,
            root="A" * 43,
            time=WALL,
            v=CONTRACT_VERSION,
        )
    ),
    "command": encode(
        Identify(
            dev=DEVICE,
            id="A" * 22,
            issued_at=WALL,
            expires_at="2026-07-01T10:01:00.000Z",
            v=CONTRACT_VERSION,
            duration_s=5,
        )
    ),
    "answer": encode(Answer(dev=DEVICE, id="A" * 22, outcome="done", reason="", v=1)),
}
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=10)
    | st.sampled_from([DEVICE, _journal.epoch, WALL, "A" * 43, "receipt", "RATED", 2**63, -1]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


@st.composite
def spoilt(draw: st.DrawFn, good: bytes) -> bytes:
    """A good message, not quite."""
    raw = bytearray(good)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(raw)))
        end = draw(st.integers(at, min(len(raw), at + 20)))
        kind = draw(st.sampled_from(["put", "cut", "double"]))
        if kind == "cut":
            del raw[at:end]
        elif kind == "double":
            raw[at:at] = raw[at:end]
        else:
            raw[at:end] = draw(st.binary(max_size=6) | st.sampled_from([b"null", b"1e999", b"{}"]))
    return bytes(raw)


@st.composite
def changed(draw: st.DrawFn, good: bytes) -> bytes:
    """A good JSON message with anything in one of its fields, or one that nobody knows."""
    document = json.loads(good)
    field = draw(st.sampled_from([*document, "new"]))
    document[field] = draw(JSON)
    return json.dumps(document).encode()


def like(*names: str) -> st.SearchStrategy[bytes]:
    """Bytes that look like these messages, or not at all."""
    wanted = [GOOD[name] for name in names]
    near = st.sampled_from(wanted).flatmap(lambda good: spoilt(good) | changed(good))
    deep = st.integers(1, 3000).map(lambda depth: b"[" * depth)
    return (
        near | JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=300) | deep
    )


def tokens_like(key: SigningKey, *names: str) -> st.SearchStrategy[bytes]:
    """Tokens, most of them signed as they should be."""
    signed = like(*names).map(key.token)
    return signed | signed.flatmap(spoilt) | like(*names)


def only(error: type[Exception], read: Callable[..., object], *arguments: object) -> bool:
    """Whether it was read; any other error than this one passes on."""
    try:
        read(*arguments)
    except error:
        return False
    return True


@pytest.mark.parametrize(
    ("decode", "name"),
    [
        (decode_record, "record"),
        (decode_receipt, "receipt"),
        (decode_checkpoint, "checkpoint"),
        (decode_status, "status"),
        (decode_health, "health"),
        (decode_command, "command"),
        (decode_answer, "answer"),
    ],
)
def test_every_message_of_the_contract(decode: Callable[[bytes], object], name: str) -> None:
    @CALM
    @given(like(name))
    def reads(raw: bytes) -> None:
        only(ContractError, decode, raw)

    assert only(ContractError, decode, GOOD[name])
    reads()


class Sent(NamedTuple):
    topic: str
    payload: bytes
    retain: bool


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerWriter]:
    db = open_ledger(tmp_path_factory.mktemp("fuzz") / "ledger.db")
    db.execute("PRAGMA synchronous = OFF")
    fleet = small_fleet()
    keys = {device.id: JournalOf(device.id).key.public for device in fleet.devices}
    load_into_ledger(db, fleet, keys, now_ms=NOW_MS)
    with closing(db):
        yield LedgerWriter(db, hall=HALL, clock_ms=lambda: NOW_MS)


TOPICS = st.sampled_from(
    [f"yiping/{HALL}/{DEVICE}/{channel}" for channel in ("journal", "status", "health", "receipt")]
    + [f"yiping/{HALL}/nobody/journal", "yiping//x/journal", "$SYS/x"]
) | st.text(max_size=30)


def test_no_message_whatever_stops_the_ledger(writer: LedgerWriter) -> None:
    """Judge and writer together: what is no record is kept aside, and the books agree."""
    payloads = st.lists(
        tokens_like(_journal.key, "record") | like("status", "health"), min_size=1, max_size=3
    ).map(b"\n".join)
    connection = writer._connection

    @CALM
    @given(st.lists(st.builds(Sent, TOPICS, payloads, st.booleans()), min_size=1, max_size=4))
    def stores(messages: list[Sent]) -> None:
        before = writer.size
        stored = writer.store(messages)
        assert writer.size == before + stored.accepted
        digests = connection.execute("SELECT digest FROM records ORDER BY position").fetchall()
        frontier = Frontier()
        frontier.extend([digest for (digest,) in digests])
        root = connection.execute("SELECT size, root FROM ledger_state").fetchone()
        assert root == (frontier.size, frontier.root())

    stores()


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journal]:
    made = open_journal(
        tmp_path_factory.mktemp("fuzz") / "journal.db",
        key=_journal.key,
        device=DEVICE,
        zone=ZONE,
        wall_ms=0,
    )
    made.query("PRAGMA synchronous = OFF")
    yield made
    made.close()


def test_no_receipt_whatever_stops_a_device(journal: Journal) -> None:
    """I4, the device's part: of what is not believed nothing is kept."""
    clock = ManualClock()
    book = ReceiptBook(
        DEVICE, hall=HALL, journal=journal, collector_key=COLLECTOR.public, clock=clock
    )

    @CALM
    @given(tokens_like(COLLECTOR, "receipt", "answer"), st.booleans())
    def takes(raw: bytes, is_retained: bool) -> None:
        taken, _ = book.take(raw, is_retained=is_retained)
        assert taken is None or taken.stored <= journal.head

    takes()


def test_no_command_whatever_stops_a_device(journal: Journal) -> None:
    desk = CommandDesk(
        device=DEVICE,
        collector_key=COLLECTOR.public,
        key=_journal.key,
        journal=journal,
        now_ms=lambda: NOW_MS,
    )

    @CALM
    @given(tokens_like(COLLECTOR, "command", "receipt"))
    def takes(raw: bytes) -> None:
        command = desk.take(raw)
        assert command is None or command.dev == DEVICE
        answers: list[bytes] = []
        desk.send_answers(lambda answer: not answers.append(answer))

    takes()


@CALM
@given(TOPICS | st.just(f"yiping/{HALL}/{DEVICE}/answer"), tokens_like(_journal.key, "answer"))
def test_any_answer_to_a_command(name: str, raw: bytes) -> None:
    answer = judge_answer(name, raw, HALL, {DEVICE: _journal.key.public})
    assert isinstance(answer, RejectedAnswer) or answer.dev == DEVICE


# --- files ---

CSV = b'\xef\xbb\xbfday,window,level\r\n2026-07-01,"\xe4\xb8\x80,""1""",5\r\n'
TOML = b'hall = "h"\ndevice = "w-a01"\n[broker]\nhost = "127.0.0.1"\nport = 1\n[[fault]]\nat = 1\n'
JWK = json.dumps(_journal.key.public.jwk() | {"d": "A" * 43}).encode()


@CALM
@given(spoilt(CSV) | st.binary(max_size=200))
def test_any_csv_file_of_an_export(raw: bytes) -> None:
    only(NotCsv, parse_csv, "detail", raw)


@CALM
@given(JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=200))
def test_any_manifest_of_an_export(raw: bytes) -> None:
    assert not only(InvalidManifest, decode_manifest, raw)


@CALM
@given(st.text(max_size=30) | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(-r[0-9]+)?"))
def test_any_name_of_a_folder(name: str) -> None:
    parse_folder_name(name)


@pytest.mark.parametrize("kind", ["export", "settings", "scenario", "fleet", "private", "public"])
def test_any_file(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "2026-07-01"
    folder.mkdir()
    path = folder / (MANIFEST_NAME if kind == "export" else "file")
    given_none: dict[str, Any] = {"program": "kiosk", "environ": {}, "overrides": {}}
    read: dict[str, Callable[[], object]] = {
        "export": lambda: read_export(folder),
        "settings": lambda: load_settings(KioskSettings, path=path, **given_none),
        "scenario": lambda: read_scenario(path),
        "fleet": lambda: load_fleet(path),
        "private": lambda: load_signing_key(path),
        "public": lambda: load_verify_key(path),
    }
    errors = InvalidSettings if kind in ("settings", "scenario", "fleet") else ConfigError

    @CALM
    @given(spoilt(JWK if kind in ("private", "public") else TOML) | st.binary(max_size=200))
    def reads(raw: bytes) -> None:
        path.write_bytes(raw)
        only(errors, read[kind])

    reads()
