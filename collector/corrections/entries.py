"""What a correction is: who says what of which rating, and who decided. Pure.

Every entry is chained: its digest is over its own fields and the digest of the entry before, so
that one taken away, changed or put in later shows (`collector correction verify`).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Final

from collector.chained import InvalidText, chained_digest, kept_text
from collector.errors import UsageError

LONGEST_TEXT: Final = 500
"""Characters of a note. Source: our choice; long enough for three sentences."""
UNIX: Final = "unix:"
"""Begins the name of who works on the command line; the rest is the Unix user."""


class Reason(StrEnum):
    """Why a rating shall not count. The list is fixed, so that reasons can be compared."""

    CHILD = "child"
    WRONG_KEY = "wrong-key"
    TEST = "test"
    WRONG_CASE = "wrong-case"
    DEVICE_FAULT = "device-fault"
    OTHER = "other"


class Kind(StrEnum):
    """EXCLUDE leaves a rating out of the net figures; RESTORE ends such an exclusion."""

    EXCLUDE = "exclude"
    RESTORE = "restore"


class Verdict(StrEnum):
    """How a proposal ended; WITHDRAWN is the author's own word."""

    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class State(StrEnum):
    """Where a correction stands; ENDED: approved once, and restored since."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    ENDED = "ended"


class Refusal(StrEnum):
    """Why an entry was not taken."""

    TEXT = "text"
    REASON = "reason"
    SAME_PERSON = "same-person"
    NOT_THE_AUTHOR = "not-the-author"
    NOT_A_RATING = "not-a-rating"
    TAKEN = "taken"
    DECIDED = "decided"
    NOT_IN_FORCE = "not-in-force"
    RIGHTS = "rights"


class CorrectionRefused(UsageError):
    """An entry cannot be taken.

    Attributes:
        why: for a page that says it in the visitor's language.
    """

    def __init__(self, why: Refusal, text: str) -> None:
        super().__init__(text)
        self.why = why


class UnknownCorrection(UsageError):
    """There is no correction of that number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingRecord:
    """One signed RATED record, and what the ledger derived from it.

    Attributes:
        device: its id; with `epoch` and `seq` the record's identity for ever.
        digest: SHA-256 of the token, so that no other record can take its place.
        level: 5 … 1.
        window: code at press time; empty for none. `department` alike.
        pressed_ms: UTC milliseconds since 1970.
        time_quality: `synced`: the press time is final; else it may still move.
    """

    device: str
    epoch: str
    seq: int
    digest: bytes
    level: int
    window: str
    department: str
    pressed_ms: int
    time_quality: str

    @property
    def name(self) -> str:
        """`DEVICE/EPOCH/SEQ`."""
        return f"{self.device}/{self.epoch}/{self.seq}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One person's word that a rating shall not count (or shall again).

    Attributes:
        id: number of the correction.
        entry: place in the chain.
        restores: of RESTORE: number of the exclusion that shall end; else None.
        rating: the record, as it was shown to the author.
        note: what happened; may be empty unless the reason is OTHER.
        evidence: what shows it, e.g. where a camera's picture is kept.
        author: account, or `unix:USER`.
        made_ms: UTC milliseconds.
        prev: digest of the entry before; empty for the first.
    """

    id: int
    entry: int
    kind: Kind
    restores: int | None
    rating: RatingRecord
    reason: Reason
    note: str
    evidence: str
    author: str
    made_ms: int
    prev: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What became of a proposal; `decider` is another person than its author."""

    proposal: int
    entry: int
    verdict: Verdict
    decider: str
    note: str
    made_ms: int
    prev: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A proposal with its decision (None: open); `ended_by`: number of what restored the rating."""

    proposal: Proposal
    decision: Decision | None
    ended_by: int | None

    @property
    def state(self) -> State:
        """Where it stands."""
        if self.decision is None:
            return State.OPEN
        if self.ended_by is not None:
            return State.ENDED
        return State(self.decision.verdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainMark:
    """How far the chain of entries goes; `head`: digest of the last entry, base64url."""

    entries: int
    head: str


EMPTY_CHAIN: Final = ChainMark(entries=0, head="")


def entry_digest(entry: Proposal | Decision) -> bytes:
    """SHA-256 over the entry's fields as JSON, keys sorted, bytes as base64url.

    Decisions and proposals differ in their keys, so none can be taken for the other.
    """
    flat: dict[str, Any] = {}
    for field in fields(entry):
        value = getattr(entry, field.name)
        if isinstance(value, RatingRecord):
            flat |= {part.name: getattr(value, part.name) for part in fields(value)}
        else:
            flat[field.name] = value
    return chained_digest(flat)


def person_of(name: str) -> str:
    """Who a name stands for: `unix:li` on the command line and the account `Li` are one person.

    So is whoever writes the same letters in another form, e.g. fullwidth. Letters of other scripts
    that only look alike are other letters; accounts cannot have them.
    """
    plain = name
    for _form in range(2):  # folding may leave what is not normal, and the other way round
        plain = unicodedata.normalize("NFKC", plain).casefold()
    plain = plain.strip()
    while plain.startswith(UNIX):
        plain = plain.removeprefix(UNIX).strip()
    return plain


def checked_text(text: str, what: str, *, is_required: bool = False) -> str:
    """A note as it is kept: trimmed, line ends as `\\n`.

    Raises:
        CorrectionRefused: missing, too long, or with control characters.
    """
    try:
        return kept_text(text, what, longest=LONGEST_TEXT, is_required=is_required)
    except InvalidText as error:
        raise CorrectionRefused(Refusal.TEXT, str(error)) from None
