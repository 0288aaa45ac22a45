"""One verification, from opening the ledger to the report.

1. Read what the ledger says besides its records, in one snapshot, and note how far it goes.
2. Gather what is known from elsewhere: keys, kept checkpoints, exports, the fleet.
3. Check every record up to there, on all cores; beside it make everything derived anew.
4. Put journals and Merkle tree together, and compare.

Records that are stored meanwhile are left for the next time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from collector.ledger.readers import LedgerReader, LedgerUnavailable
from collector.verify.facts import LedgerFacts, read_facts
from collector.verify.findings import Check, Finding, Findings, Level
from collector.verify.journals import Journals
from collector.verify.known import Known, export_marks, fleet_findings, key_findings
from collector.verify.purges import check_purges
from collector.verify.reception import Bracket, set_back
from collector.verify.records import Checked
from collector.verify.scan import Crew, Job
from collector.verify.statements import Statements
from collector.verify.structure import check_refused, check_schema, check_state
from collector.verify.tree import Mark, Tree, node_findings, root_findings
from firmware_config.chain import b64url

MAX_HOLES: Final = 1_000_000
"""More missing places than this are told, and what stands behind them is not checked: one row with
an absurd place must not keep a verification busy for years."""
Progress = Callable[[int, int], None]
"""Called with the number of records checked so far, and of all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a verification says.

    Attributes:
        records: how many were checked.
        devices: devices that have any.
        gen: life of the ledger.
        root: Merkle root over the records as they are, base64url.
        findings: failures first.
    """

    records: int
    devices: int
    gen: str
    root: str
    findings: list[Finding]

    @property
    def failures(self) -> list[Finding]:
        """The findings that make it fail."""
        return [one for one in self.findings if one.level is Level.FAIL]


def verify(
    path: Path, known: Known, *, jobs: int = 1, progress: Progress = lambda done, total: None
) -> Report:
    """Check a ledger; only reads, also while ingest writes it.

    Args:
        path: of the ledger.
        known: what to hold it against.
        jobs: processes.

    Raises:
        LedgerUnavailable: there is no ledger, or SQLite cannot read it.
        LedgerMismatch: not a ledger of this program.
        CollectorError: it could not be finished; see its exit code.
        sqlite3.Error: the file is damaged beyond reading.
    """
    # before the ledger: what is exported meanwhile would speak of records we do not see
    exports, unreadable = export_marks(known.exports) if known.exports is not None else ([], [])
    with LedgerReader(path) as reader:
        facts = read_facts(reader)
        findings = Findings(check_schema(reader))
        findings.extend(check_state(facts))
        findings.extend(check_purges(facts, known.collector_key))
        findings.extend(check_refused(reader, facts))
        last = _last_place(reader, facts, findings)
        findings.extend(key_findings(facts, known.device_keys))
        findings.extend(fleet_findings(facts, known))
        findings.extend(unreadable)
        statements = _statements(facts, known, exports, last, findings)
        marks = [
            *statements.marks,
            *(Mark(row.up_to, row.root, Check.PURGE, f"purge {row.id}") for row in facts.purges),
            Mark(facts.size, facts.root, Check.ROOT, "ledger_state"),
        ]
        now = Bracket(last, known.now_ms, "the time of this verification")
        with tempfile.TemporaryDirectory(prefix="yiping-verify-") as folder:
            job = Job(
                facts=facts,
                last=last,
                sizes=(*(mark.size for mark in marks if 0 <= mark.size <= last), last),
                brackets=(*statements.brackets, now),
                folder=Path(folder),
                since=known.since,
                jobs=jobs,
            )
            with Crew(job) as crew:
                tree = _check_rows(crew.stretches(), facts, last, findings, progress)
                for part in crew.parts():
                    findings.extend(part)
        if not reader.is_current:
            raise LedgerUnavailable(f"{path}: was written to without a log meanwhile: try again")
    findings.extend(root_findings(marks, tree.roots, last))
    findings.extend(node_findings(tree))
    if facts.size == last and facts.frontier != tree.packed:
        findings.add(
            Finding(
                level=Level.FAIL,
                check=Check.ROOT,
                what="the frontier is not that of the records (told by its SHA-256)",
                where="ledger_state",
                expected=sha256(tree.packed).hexdigest(),
                got=sha256(facts.frontier).hexdigest(),
            )
        )
    return Report(
        records=last,
        devices=len({facts.journals[epoch].device for epoch in facts.epochs}),
        gen=facts.meta.get("gen", ""),
        root=b64url(tree.roots[last]).decode("ascii"),
        findings=findings.all(),
    )


def _last_place(reader: LedgerReader, facts: LedgerFacts, findings: Findings) -> int:
    """The last place to look at."""
    row = reader.row("SELECT count(*) FROM records WHERE position > ?", facts.purged_to)
    number = facts.purged_to + (row[0] if row else 0)
    last = min(facts.last_position, number + MAX_HOLES)
    if last < facts.last_position:
        findings.add(
            Finding(
                level=Level.FAIL,
                check=Check.POSITIONS,
                what="records far behind the last place: they were not checked",
                first_position=last + 1,
                last_position=facts.last_position,
                expected=f"{number} records",
                got=f"last place {facts.last_position}",
            )
        )
    return max(last, 0)


def _statements(
    facts: LedgerFacts, known: Known, exports: list[Mark], last: int, findings: Findings
) -> Statements:
    """Everything that is said of the ledger's roots, and what is wrong with it already."""
    statements = Statements(facts.gens, last, facts.hall, known.collector_key, known.restored)
    statements.take_lives(facts.meta.get("gen", ""))
    statements.take_checkpoints(facts.checkpoints)
    statements.take_kept(known.kept, [(row.gen, row.on_date) for row in facts.checkpoints])
    for mark in exports:
        statements.take_mark(mark)
    findings.extend(statements.findings)
    for is_missing, what in (
        (
            known.collector_key is None,
            "signatures of checkpoints and purges: the collector's key is not known",
        ),
        (known.device_keys is None, "whether keys are the devices': there is no folder with keys"),
        (known.fleet is None, "assignments: there is no fleet file"),
        (
            not exports and not known.kept,
            "roots kept elsewhere: there is no export and no --checkpoint, so that an end cut off, "
            "or all made anew with these keys, would not show",
        ),
    ):
        if is_missing:
            findings.add(Finding(level=Level.NOTE, check=Check.NOT_CHECKED, what=what))
    return statements


def _check_rows(
    stretches: Iterable[Checked],
    facts: LedgerFacts,
    last: int,
    findings: Findings,
    progress: Progress,
) -> Tree:
    """Take all stretches in; returns the tree over them."""
    tree, journals = Tree(facts.nodes), Journals(facts.journals, facts.zone, facts.purge_heads)
    tree.finish_empty()
    done, latest_ms = 0, 0
    progress(0, last)
    for checked in stretches:
        findings.extend(checked.findings)
        findings.extend(journals.take(checked.runs))
        tree.take(checked)
        if checked.first_ms is not None and checked.latest_ms is not None:
            if checked.first_ms < latest_ms:
                place = checked.first_position
                findings.add(set_back(place, latest_ms, checked.first_ms, facts.zone))
            latest_ms = max(latest_ms, checked.latest_ms)
        done += checked.rows
        progress(done, last)
    findings.extend(journals.findings(facts.epochs))
    return tree
