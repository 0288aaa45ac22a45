"""Reading all records, on all cores: every process checks stretches of places by itself.

What goes beside the signatures (making the derived tables anew, SQLite's own checks, the
day-closes, what purges left) is begun first, so that the last process to end has been checking
signatures.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from collector.errors import CollectorError
from collector.ledger.readers import LedgerReader
from collector.merkle import HASH_BYTES
from collector.press_time import FUTURE_TOLERANCE_MS
from collector.verify.day_closes import check_day_closes
from collector.verify.derived import check_derived
from collector.verify.facts import LedgerFacts
from collector.verify.findings import Finding
from collector.verify.purges import check_frozen
from collector.verify.reception import Bracket
from collector.verify.records import BLOCK, Checked, RowChecker
from collector.verify.structure import check_integrity

MAX_STRETCH: Final = 1 << 13
"""Most places in one stretch: about 5 MB of rows, and a second or so of checking. A multiple of
`records.BLOCK`. Source: our choice."""
STRETCHES_EACH: Final = 4
"""A small ledger is cut into so many for each process, so that all have work to the end."""
TOLERANCE_MS: Final = FUTURE_TOLERANCE_MS
"""How far a time of reception may contradict a signed time. Source: as far as the clock of a device
may be ahead and is still believed."""
_ROWS: Final = (
    "SELECT position, epoch, seq, digest, kind, key, received_ms, payload, signature FROM records"
    " WHERE position >= ? AND position < ? ORDER BY position"
)
_PURGED: Final = "SELECT block, digests FROM purged_digests WHERE block >= ? AND block < ?"

Stretch = tuple[int, int]
"""Places from (included) … to (excluded)."""


class WorkerEnded(CollectorError, RuntimeError):
    """A process that checked a part of the ledger is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What every process needs to know.

    Attributes:
        last: last place to check.
        sizes: sizes whose roots are wanted.
        brackets: signed times at which the ledger had a size.
        folder: for what is made anew.
        since: first day whose day-closes are compared; None: all.
        jobs: number of processes.
    """

    facts: LedgerFacts
    last: int
    sizes: tuple[int, ...]
    brackets: tuple[Bracket, ...]
    folder: Path
    since: date | None
    jobs: int

    def stretches(self) -> list[Stretch]:
        """All places, each stretch but the last a multiple of `records.BLOCK` long."""
        fair = self.last // (self.jobs * STRETCHES_EACH)
        step = min(max(fair // BLOCK, 1) * BLOCK, MAX_STRETCH)
        end = self.last + 1
        return [(first, min(first + step, end)) for first in range(1, end, step)]


class Worker:
    """One process's part; opens its own connection when first needed."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._reader: LedgerReader | None = None
        facts = job.facts
        self._checker = RowChecker(
            facts.journals,
            facts.keys(),
            facts.zone,
            sizes=job.sizes,
            brackets=job.brackets,
            tolerance_ms=TOLERANCE_MS,
        )

    def rows(self, stretch: Stretch) -> Checked:
        """Check a stretch of places."""
        first, end = stretch
        if self._reader is None:
            self._reader = LedgerReader(self._job.facts.path, is_snapshot=False).open()
        purged = self._purged(self._reader, first, min(end, self._job.facts.purged_to + 1))
        rows = self._reader.rows(_ROWS, first + len(purged), end)
        return self._checker.check(rows, first, end, purged)

    @staticmethod
    def _purged(reader: LedgerReader, first: int, end: int) -> list[bytes]:
        """Digests of the purged records of places `[first, end)`; zeros for one that is lost."""
        digests: list[bytes] = []
        if end <= first:
            return digests
        blocks = range((first - 1) // BLOCK, -(-(end - 1) // BLOCK))
        held: dict[int, bytes] = dict(reader.rows(_PURGED, blocks.start, blocks.stop))
        for block in blocks:
            joined = held.get(block, b"").ljust(BLOCK * HASH_BYTES, b"\0")
            digests += [joined[at : at + HASH_BYTES] for at in range(0, len(joined), HASH_BYTES)]
        return digests[: end - first]

    def derived(self) -> list[Finding]:
        """Compare what is derived."""
        return check_derived(self._job.facts, self._job.folder)

    def integrity(self) -> list[Finding]:
        """Let SQLite check the file."""
        with LedgerReader(self._job.facts.path) as reader:
            return list(check_integrity(reader))

    def day_closes(self) -> list[Finding]:
        """Compare the devices' counts."""
        return check_day_closes(self._job.facts, self._job.since)

    def frozen(self) -> list[Finding]:
        """Compare what purges left."""
        return check_frozen(self._job.facts)

    def close(self) -> None:
        """Close its connection; idempotent."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None


PARTS: Final = (Worker.derived, Worker.integrity, Worker.day_closes, Worker.frozen)
"""What is checked beside the rows."""
_worker: Worker | None = None


class Crew:
    """The processes; with one job everything is done in this process, one after the other."""

    def __init__(self, job: Job) -> None:
        self._stretches = job.stretches()
        self._own: Worker | None = None
        self._pool: ProcessPoolExecutor | None = None
        self._parts: list[Future[list[Finding]]] = []
        if job.jobs == 1:
            self._own = Worker(job)
        else:
            # not forked: this process may have threads and open databases
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(job.jobs, context, _begin, (job,))

    def __enter__(self) -> Self:
        """Begin the parts that go beside."""
        if self._pool is not None:
            self._parts = [self._pool.submit(_part, at) for at in range(len(PARTS))]
        return self

    def stretches(self) -> Iterator[Checked]:
        """Every stretch of rows, in order.

        Raises:
            WorkerEnded: a process was killed.
        """
        if self._own is not None:
            yield from map(self._own.rows, self._stretches)
        elif self._pool is not None:
            try:
                yield from self._pool.map(_rows, self._stretches)
            except BrokenProcessPool as error:
                raise WorkerEnded(
                    "a process that checked records was ended from outside"
                ) from error

    def parts(self) -> Iterator[Sequence[Finding]]:
        """What was found beside the rows; waits for it."""
        if self._own is not None:
            for part in PARTS:
                yield part(self._own)
        for future in self._parts:
            try:
                yield future.result()
            except BrokenProcessPool as error:
                raise WorkerEnded("a process that checked a part was ended from outside") from error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End all; what is not begun is left."""
        if self._own is not None:
            self._own.close()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)


def _begin(job: Job) -> None:
    global _worker
    _worker = Worker(job)


def _of_this_process() -> Worker:
    assert _worker is not None  # the pool has called _begin
    return _worker


def _rows(stretch: Stretch) -> Checked:
    return _of_this_process().rows(stretch)


def _part(at: int) -> list[Finding]:
    part: Callable[[Worker], list[Finding]] = PARTS[at]
    return part(_of_this_process())
