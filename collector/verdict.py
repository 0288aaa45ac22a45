"""What goes into judging a group of messages, and what comes out. Pure data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

from collector.decoding import RecordDecoder
from firmware_config.chain import Token
from firmware_config.contract import AnyRecord, Health, Status


class Reason(StrEnum):
    """Why something was quarantined; the value is the text in the table."""

    TOPIC = "topic"
    RETAINED = "retained"
    UNKNOWN_DEVICE = "unknown-device"
    OVERSIZED = "oversized"
    TOO_MANY = "too-many"
    MALFORMED = "malformed"
    SCHEMA = "schema"
    VERSION = "version"
    WRONG_DEVICE = "wrong-device"
    UNKNOWN_KEY = "unknown-key"
    WRONG_KEY = "wrong-key"
    BAD_SIGNATURE = "bad-signature"
    BROKEN_LINK = "broken-link"


class Message(Protocol):
    """What the judge needs of an arrived message."""

    @property
    def topic(self) -> str: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def retain(self) -> bool: ...


class RegisteredKey(NamedTuple):
    """A device's public key: its row, its device's row, and the check (signed, signature)."""

    id: int
    device: int
    is_signed: Callable[[bytes, bytes], bool]


@dataclass(slots=True)
class Registry:
    """Which devices and keys are known.

    Attributes:
        hall: id of the hall; second part of every topic.
        devices: device code → row id.
        keys: key id (thumbprint) → key.
        decoder: remembers what it has checked; without influence on any verdict.
        links: device row → digest text of its latest token; a guess at the next `prev`.
    """

    hall: str
    devices: Mapping[str, int]
    keys: Mapping[str, RegisteredKey]
    decoder: RecordDecoder = field(default_factory=RecordDecoder)
    links: dict[int, str] = field(default_factory=dict)


@dataclass(slots=True)
class EpochState:
    """What the ledger holds of one journal.

    Attributes:
        id: row id; 0 until the first record is stored.
        device: row id of its device.
        epoch: the journal's id.
        stored: contiguous watermark.
        head: highest seq stored.
        link: digest of the token at `stored` as base64url text; empty when `stored` is 0.
        purged: every seq up to this one was purged: what comes of it again is not stored anew.
        is_forked: two histories of this journal are known (a cloned card): a conflict was kept.
    """

    id: int
    device: int
    epoch: str
    stored: int = 0
    head: int = 0
    link: str = ""
    purged: int = 0
    is_forked: bool = False


class StoredLink(NamedTuple):
    """Digest and `prev` of a stored record, both base64url text."""

    link: str
    prev: str


class LedgerView(Protocol):
    """What the judge asks of the ledger."""

    def epoch_state(self, device: int, epoch: str) -> EpochState:
        """State of a journal; one with id 0 when nothing of it is stored."""

    def stored_link(self, state: EpochState, seq: int) -> StoredLink | None:
        """The record at `seq`, or None."""

    def put_aside(self, link: str) -> bytes | None:
        """The quarantined token of this digest, as sent; None: none, or it was a `broken-link`."""


class Candidate(NamedTuple):
    """A token that passed every check it can pass alone."""

    token: Token
    record: AnyRecord
    key: RegisteredKey
    topic: str
    link: str


class Quarantined(NamedTuple):
    """Something that does not become a record, with the bytes as they came.

    `is_word`: it was said on a topic of status or health, so it holds no rating, and the next one
    is on its way; of these, one for each topic and reason is kept.
    """

    topic: str
    raw: bytes
    reason: Reason
    detail: str
    is_word: bool = False


class Conflict(NamedTuple):
    """A second token, validly signed, for a key that is taken."""

    state: EpochState
    seq: int
    stored_link: str
    token: Token


class Word(NamedTuple):
    """A status or health message of a registered device."""

    device: int
    message: Status | Health
    payload: bytes


@dataclass(slots=True)
class EpochVerdict:
    """What changes in one journal: the accepted tokens and the state after them."""

    state: EpochState
    accepted: list[Candidate]
    stored: int
    head: int
    link: str
    is_forked: bool = False


@dataclass(slots=True)
class Verdict:
    """Decisions about a group of messages.

    Attributes:
        epochs: one for each journal a readable token spoke of, in order of arrival; `accepted`
            may be empty (only repeats came): the device waits for a receipt nonetheless.
        quarantined: in order of arrival within each journal.
        conflicts: second tokens for keys that are taken.
        words: status and health messages.
        repeats: tokens that are stored already, byte for byte: harmless.
    """

    epochs: list[EpochVerdict] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    repeats: int = 0
