"""Putting every journal together from its runs: links, gaps, and what `epochs` says of it. Pure.

A gap is not a fault: a record that is on its way, or was refused, is missing above the watermark,
and receipts say so. A gap below the watermark is one: what was there is gone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from zoneinfo import ZoneInfo

from collector.linking import link_text
from collector.verify.findings import Check, Finding, Level
from collector.verify.reception import day_text
from collector.verify.records import Journal, Run


class EpochRow(NamedTuple):
    """What the ledger says of a journal: a row of `epochs`."""

    stored: int
    stored_digest: bytes | None
    head: int
    archived: int


class Journals:
    """Gathers the runs of all journals.

    Args:
        journals: row of `epochs` → journal.
        zone: of the hall, to name days.
        purge_heads: row of `epochs` → seq and digest of its last record that was purged; what is
            left begins there.
    """

    def __init__(
        self,
        journals: Mapping[int, Journal],
        zone: ZoneInfo,
        purge_heads: Mapping[int, tuple[int, bytes]],
    ) -> None:
        self._journals = journals
        self._zone = zone
        self._runs: dict[int, list[Run]] = defaultdict(list)
        for epoch, (seq, digest) in purge_heads.items():
            self._runs[epoch].append(Run(1, seq, "", link_text(digest), 0, 0, 0))

    def take(self, runs: Iterable[tuple[int, Run]]) -> Iterable[Finding]:
        """Take in the runs of the next stretch of rows; tells those that do not link on."""
        for epoch, run in runs:
            known = self._runs[epoch]
            last = known[-1] if known else None
            if last is None or run.first_seq != last.last_seq + 1:
                known.append(run)
                continue
            if run.first_prev is not None and run.first_prev != last.last_link:
                yield _link_finding(self._zone, self._journals[epoch], run, last.last_link)
            known[-1] = last._replace(
                last_seq=run.last_seq, last_link=run.last_link, last_ms=run.last_ms
            )

    def findings(self, rows: Mapping[int, EpochRow]) -> Iterable[Finding]:
        """What is wrong with any journal, once all runs are taken in."""
        for epoch, row in rows.items():
            journal = self._journals.get(epoch)
            if journal is not None:
                yield from _Whole(self._zone, journal, row, self._runs.get(epoch, [])).findings()


class _Whole:
    """One journal with all its runs."""

    def __init__(self, zone: ZoneInfo, journal: Journal, row: EpochRow, runs: list[Run]) -> None:
        self._zone, self._journal, self._row = zone, journal, row
        self._runs = sorted(runs, key=lambda run: run.first_seq)

    def findings(self) -> Iterable[Finding]:
        row, stored, link = self._row, 0, ""
        end, end_link, end_ms = 0, "", None
        for run in self._runs:
            if run.first_seq <= end:
                yield self._finding(
                    Level.FAIL,
                    Check.CHAIN,
                    "stands in the ledger twice",
                    (run.first_seq, min(end, run.last_seq)),
                    run.first_ms,
                )
            elif run.first_seq == end + 1:
                if run.first_prev is not None and run.first_prev != end_link:
                    yield _link_finding(self._zone, self._journal, run, end_link)
            else:
                yield from self._gap(end + 1, run.first_seq - 1, end_ms, run.first_ms)
            if run.first_seq <= end + 1 and stored == end:
                stored, link = max(end, run.last_seq), run.last_link
            if run.last_seq > end:
                end, end_link, end_ms = run.last_seq, run.last_link, run.last_ms
        if row.head > end:
            yield from self._gap(end + 1, row.head, end_ms, end_ms)
        yield from self._said("stored", row.stored, stored, end_ms)
        yield from self._said("head", row.head, end, end_ms)
        said_link = link_text(row.stored_digest) if row.stored_digest else ""
        if row.stored == stored and said_link != link:
            what = "stored_digest is not the digest of the record at `stored`"
            yield self._finding(
                Level.FAIL, Check.JOURNAL, what, (stored, stored), end_ms, link, said_link
            )
        if row.archived > row.stored:
            what = "archived beyond what is stored"
            span = (row.stored + 1, row.archived)
            told = (f"at most {row.stored}", str(row.archived))
            yield self._finding(Level.FAIL, Check.JOURNAL, what, span, None, *told)
        if not self._runs and not row.head:
            yield self._finding(Level.FAIL, Check.JOURNAL, "a journal without any record", (0, 0))

    def _gap(
        self, first: int, last: int, before_ms: int | None, after_ms: int | None
    ) -> Iterable[Finding]:
        """Missing records: below the watermark or at the head they were there and are gone."""
        gone = min(last, self._row.stored)
        if gone >= first:
            yield self._finding(
                Level.FAIL,
                Check.CHAIN,
                "is missing, though it was stored",
                (first, gone),
                before_ms,
                until_ms=after_ms,
            )
            first = gone + 1
        if first <= last:
            what = "is missing: an open gap"
            yield self._finding(
                Level.NOTE, Check.GAP, what, (first, last), before_ms, until_ms=after_ms
            )

    def _said(self, name: str, said: int, found: int, ms: int | None) -> Iterable[Finding]:
        if said != found:
            yield self._finding(
                Level.FAIL,
                Check.JOURNAL,
                f"{name} of the journal is not what its records say",
                (min(said, found) + 1, max(said, found)),
                ms,
                str(found),
                str(said),
            )

    def _finding(
        self,
        level: Level,
        check: Check,
        what: str,
        seqs: tuple[int, int],
        ms: int | None = None,
        expected: str = "",
        got: str = "",
        *,
        until_ms: int | None = None,
    ) -> Finding:
        day = day_text(ms, self._zone) if ms is not None else ""
        last_day = day_text(until_ms, self._zone) if until_ms is not None else day
        days = sorted(one for one in (day or last_day, last_day or day))
        return Finding(
            level=level,
            check=check,
            what=what,
            device=self._journal.code,
            epoch=self._journal.epoch,
            first_on=days[0],
            last_on=days[-1],
            first_seq=seqs[0],
            last_seq=seqs[1],
            expected=expected,
            got=got,
            count=max(seqs[1] - seqs[0] + 1, 1),
        )


def _link_finding(zone: ZoneInfo, journal: Journal, run: Run, expected: str) -> Finding:
    day = day_text(run.first_ms, zone)
    return Finding(
        level=Level.FAIL,
        check=Check.CHAIN,
        what="prev is not the digest of the record before it",
        device=journal.code,
        epoch=journal.epoch,
        first_on=day,
        last_on=day,
        first_seq=run.first_seq,
        last_seq=run.first_seq,
        first_position=run.first_position,
        last_position=run.first_position,
        expected=expected,
        got=run.first_prev or "",
    )
