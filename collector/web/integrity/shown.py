"""The state of the ledger for machines, and the words of its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec
from flask_babel import lazy_gettext as _

from collector.corrections.entries import ChainMark
from collector.ledger.checkpoints import read_checkpoints
from collector.ledger.gens import read_lives
from collector.ledger.readers import LedgerReader, integrity
from collector.ledger.readers import purges as purge_reader
from collector.press_time import wall_text
from collector.reconcile.model import Ask, DayVerdict
from collector.web.alarms import ShownAlarm, alarm_json
from collector.web.answers import AlarmAnswer
from collector.web.care.backups import BackupPlace, archived
from collector.web.care.reconciliation import LastReconciliation
from collector.web.hall.today import root_text
from collector.web.integrity import answers
from collector.web.shown import time_text

VERDICTS: Final[Mapping[DayVerdict, Any]] = {
    DayVerdict.BALANCED: _("balanced"),
    DayVerdict.DIFFERS: _("counts differ"),
    DayVerdict.WAITING: _("waiting for the device"),
    DayVerdict.OPEN: _("not closed"),
}
ASKS: Final[Mapping[str, Any]] = {
    Ask.NOTHING: _("nothing is missing"),
    Ask.NOT_ASKED: _("not asked for"),
    Ask.FILLED: _("asked for, it came"),
    Ask.ASKED: _("asked for, on its way"),
    Ask.UNREACHED: _("asked for without success"),
    Ask.LOST_JOURNAL: _("only the device's card can tell"),
}


def verdict_text(verdict: DayVerdict) -> str:
    """How a day of a device stands, in words."""
    return str(VERDICTS[verdict])


def ask_text(ask: str) -> str:
    """What became of what was missing, in words."""
    return str(ASKS.get(ask, ask))


def moment_text(text: str) -> str:
    """A UTC time as RFC 3339 has it, as the hall's local time."""
    return time_text(int(datetime.fromisoformat(text).timestamp() * 1000))


def integrity_answer(
    reader: LedgerReader,
    *,
    mark: ChainMark,
    alarms: Sequence[ShownAlarm],
    checkpoints: int,
    purges: int,
    backups: Sequence[BackupPlace],
    reconciled: LastReconciliation | None,
    unbalanced: list[date],
) -> answers.IntegrityAnswer:
    """The page for machines; `checkpoints` and `purges`: how many of the last ones."""
    state = integrity.ledger_state(reader)
    marks = archived(reader)
    return answers.IntegrityAnswer(
        size=state.size,
        root=root_text(state.root),
        gen=state.gen,
        quarantine=[
            answers.QuarantineAnswer(reason=row.reason, messages=row.messages, times=row.times)
            for row in integrity.quarantine(reader)
        ],
        conflicts=[
            answers.ConflictAnswer(device=row.device, tokens=row.tokens, times=row.times)
            for row in integrity.conflicts(reader)
        ],
        gaps=[
            answers.GapAnswer(device=row.device, epoch=row.epoch, stored=row.stored, head=row.head)
            for row in integrity.gaps(reader)
        ],
        refusing=integrity.refusing(reader),
        checkpoints=[
            answers.CheckpointAnswer(
                on=date.fromisoformat(row.on_date),
                size=row.size,
                root=root_text(row.root),
                time=wall_text(row.made_ms),
                gen=row.gen,
                token=row.token.decode("ascii"),
            )
            for row in read_checkpoints(reader.rows, limit=checkpoints)
        ],
        lives=[
            answers.LifeAnswer(
                gen=life.gen,
                began=wall_text(life.began_ms),
                reason=life.reason,
                size=life.size,
                root=root_text(life.root),
            )
            for life in read_lives(reader.rows)
        ],
        purges=[
            answers.PurgeAnswer(
                rule=row.rule,
                made=wall_text(row.made_ms),
                before=wall_text(row.before_ms),
                number=row.number,
                up_to=row.up_to,
                signed=row.is_signed,
            )
            for row in purge_reader.purges(reader, newest=purges)
        ],
        corrections=answers.ChainAnswer(entries=mark.entries, head=mark.head),
        alarms=[msgspec.convert(alarm_json(alarm), AlarmAnswer) for alarm in alarms],
        archived=answers.ArchivedAnswer(archived=marks.archived, stored=marks.stored),
        backups=[
            answers.BackupAnswer(
                kind=place.kind,
                place=place.place,
                is_readable=place.is_readable,
                backups=place.backups,
                name=place.name,
                made_ms=place.made_ms,
                size=place.size,
            )
            for place in backups
        ],
        reconciliation=None if reconciled is None else _reconciliation(reconciled),
        unbalanced=unbalanced,
    )


def _reconciliation(last: LastReconciliation) -> answers.ReconciliationAnswer:
    return answers.ReconciliationAnswer(
        made=last.made_at,
        first_on=last.first_on,
        last_on=last.last_on,
        good=last.is_good,
        devices=last.devices,
        findings=[
            answers.FindingAnswer(
                device=one.device,
                window=one.window,
                days=[f"{on.isoformat()} {verdict.value}" for on, verdict in one.days],
                missing=one.missing,
                conflicts=one.conflicts,
                asked=one.asked,
                detail=one.detail,
            )
            for one in last.findings
        ],
    )
