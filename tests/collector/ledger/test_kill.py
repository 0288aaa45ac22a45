"""kill -9 of the process that writes the ledger: nothing it acknowledged is ever lost."""

from __future__ import annotations

import random
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path
from typing import Any

from collector.ledger.migrations import open_ledger
from collector.ledger.rebuild import DERIVED_TABLES, rebuild
from collector.ledger.writer import LedgerWriter
from collector.merkle import Frontier
from firmware_config.chain import split_token

WRITER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from typing import NamedTuple
    from collector.ledger.migrations import open_ledger
    from collector.ledger.writer import LedgerWriter
    class Sent(NamedTuple):
        topic: str
        payload: bytes
        retain: bool = False
    db = open_ledger(Path(sys.argv[1]))
    writer = LedgerWriter(db, hall="hall-1", clock_ms=lambda: 1_782_900_000_000)
    print("ready", flush=True)
    for line in sys.stdin:
        topic, *tokens = line.split()
        writer.store([Sent(topic, token.encode()) for token in tokens])
        print(len(tokens), flush=True)  # the acknowledgement: only after store returned
    """
)


def test_a_killed_writer_loses_no_acknowledged_record(ledger: Any, journal_of: Any) -> None:
    """I2, the collector's part, at 20 kills between and inside commits."""
    dice = random.Random(20)
    journal = journal_of("dev-1")
    for number in range(900):
        journal.invite() if number % 3 == 0 else journal.rate(case_no=f"C-{number % 200}")
    ledger.db.close()
    path, acknowledged = ledger.path, 0
    for _ in range(20):
        acknowledged = kill_while_writing(path, journal, acknowledged, dice)
        with closing(open_ledger(path)) as db:
            stored = check(db, journal)
        assert stored >= acknowledged
    assert acknowledged > 100


def kill_while_writing(path: Path, journal: Any, at: int, dice: random.Random) -> int:
    """Feed groups to a writer process and kill it; returns how many tokens were acknowledged."""
    root = Path(__file__).resolve().parents[3]
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    for _ in range(dice.randrange(8)):
        group = journal.tokens[at : at + dice.randrange(1, 9)]
        process.stdin.write(f"{journal.topic} {' '.join(token.decode() for token in group)}\n")
        process.stdin.flush()
        at += int(process.stdout.readline())
    group = journal.tokens[at : at + 60]
    process.stdin.write(f"{journal.topic} {' '.join(token.decode() for token in group)}\n")
    process.stdin.flush()
    if dice.random() < 0.8:  # else: surely after the COMMIT, perhaps before the acknowledgement
        dice_wait(process, dice)
    process.kill()
    process.stdin.close()
    acknowledged = sum(int(line) for line in process.stdout.read().split())
    process.stdout.close()
    process.wait()
    return at + acknowledged


def dice_wait(process: subprocess.Popen[str], dice: random.Random) -> None:
    """Let the writer get somewhere, at most 15 ms on."""
    try:
        process.wait(dice.random() * 0.015)
    except subprocess.TimeoutExpired:
        return
    raise AssertionError("the writer ended by itself")


def check(db: Any, journal: Any) -> int:
    """The ledger is whole: a prefix of the journal, with everything derived from just that."""
    digests = [row[0] for row in db.execute("SELECT digest FROM records ORDER BY position")]
    assert digests == [split_token(token).digest for token in journal.tokens[: len(digests)]]
    frontier = Frontier()
    frontier.extend(digests)
    assert db.execute("SELECT size, root FROM ledger_state").fetchone() == (
        len(digests),
        frontier.root(),
    )
    assert db.execute("SELECT sum(stored) FROM epochs").fetchone()[0] in (len(digests), None)
    LedgerWriter(db, hall="hall-1", clock_ms=lambda: 0)
    live = [db.execute(f"SELECT * FROM {name}").fetchall() for name in DERIVED_TABLES]
    db.execute("BEGIN")
    rebuild(db)
    db.execute("COMMIT")
    assert [db.execute(f"SELECT * FROM {name}").fetchall() for name in DERIVED_TABLES] == live
    return len(digests)
