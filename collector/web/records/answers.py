"""What the API answers about one record."""

from __future__ import annotations

from typing import Any

from collector.web.answers import Answer
from collector.web.ratings.answers import CorrectionPart


class CheckpointPart(Answer):
    """A signed checkpoint of the ledger."""

    number: int
    on: str
    token: str


class InclusionPart(Answer):
    """Proof (RFC 9162, 2.1.3) that the record is row `index`, from 0, of the first `size`.

    `checkpoint` null: none includes the record yet; the root is that of the ledger now.
    """

    index: int
    size: int
    root: str
    proof: list[str]
    holds: bool
    checkpoint: CheckpointPart | None


class RecordAnswer(Answer):
    """One record and what was checked of it for this answer; null: it cannot be said.

    `purged` true: token and payload are gone; digest, position, proof and outcome are left.
    """

    device: str
    epoch: str
    seq: int
    position: int
    digest: str
    purged: bool
    kind: str | None
    key: str | None
    received_ms: int | None
    happened_ms: int | None
    token: str | None
    payload: dict[str, Any] | None
    digest_is_right: bool | None
    signature_is_right: bool | None
    previous: str | None
    link_is_right: bool | None
    window: str | None
    department: str | None
    inclusion: InclusionPart | None
    correction: CorrectionPart | None
