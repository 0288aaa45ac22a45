"""What the API answers about the ledger itself."""

from __future__ import annotations

from datetime import date

from collector.web.answers import AlarmAnswer, Answer, Count, LedgerAnswer, Moment, Ms


class QuarantineAnswer(Answer):
    """Messages kept aside for one reason: how many differ, and how often any came."""

    reason: str
    messages: Count
    times: Count


class ConflictAnswer(Answer):
    """Second tokens for places that were taken, of one device."""

    device: str
    tokens: Count
    times: Count


class GapAnswer(Answer):
    """A journal with records missing: all up to `stored` are there, `head` is the highest."""

    device: str
    epoch: str
    stored: Count
    head: Count


class CheckpointAnswer(Answer):
    """A signed checkpoint; `token` as the devices keep it."""

    on: date
    size: Count
    root: str
    time: Moment
    gen: str
    token: str


class LifeAnswer(Answer):
    """A generation of the ledger: when and why it began, and with which records."""

    gen: str
    began: Moment
    reason: str
    size: Count
    root: str


class PurgeAnswer(Answer):
    """Records or quarantine removed by rule."""

    rule: str
    made: Moment
    before: Moment
    number: Count
    up_to: Count | None
    signed: bool


class ChainAnswer(Answer):
    """Length and last digest of the corrections' chain."""

    entries: Count
    head: str


class BackupAnswer(Answer):
    """A place of backups, and the newest good one in it.

    Attributes:
        kind: `folder` or `sftp`.
        is_readable: whether the dashboard can look into it; SFTP never.
        name, made_ms, size: null: there is none, or it cannot be seen from here.
    """

    kind: str
    place: str
    is_readable: bool
    backups: Count | None
    name: str | None
    made_ms: Ms | None
    size: Count | None


class ArchivedAnswer(Answer):
    """Records that devices are told are in a verified backup, of those stored without a gap."""

    archived: Count
    stored: Count


class FindingAnswer(Answer):
    """A device that the last reconciliation could not settle."""

    device: str
    window: str | None
    days: list[str]
    missing: Count
    conflicts: Count
    asked: str
    detail: str


class ReconciliationAnswer(Answer):
    """The last nightly reconciliation, and what in it needs a person."""

    made: Moment
    first_on: date
    last_on: date
    good: bool
    devices: Count
    findings: list[FindingAnswer]


class IntegrityAnswer(LedgerAnswer):
    """The state of the ledger.

    Attributes:
        refusing: devices that refuse a checkpoint of this ledger.
        reconciliation: null: none was made, or it cannot be read from here.
        unbalanced: exported days of the last weeks that do not balance.
    """

    quarantine: list[QuarantineAnswer]
    conflicts: list[ConflictAnswer]
    gaps: list[GapAnswer]
    refusing: list[str]
    checkpoints: list[CheckpointAnswer]
    lives: list[LifeAnswer]
    purges: list[PurgeAnswer]
    corrections: ChainAnswer
    alarms: list[AlarmAnswer]
    archived: ArchivedAnswer
    backups: list[BackupAnswer]
    reconciliation: ReconciliationAnswer | None
    unbalanced: list[date]
