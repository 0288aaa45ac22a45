"""`collector verify` of a ledger with real signatures, against bare Ed25519 verifications.

Both on all cores and in turns, so that whatever else the machine does meets both. The bare side
checks signatures over messages of the size of a record's in as many processes, and nothing else;
the other side reads, rebuilds and hashes every token, follows the chains, makes everything derived
anew and compares it. Run: `python -m bench verify [--quick]`.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import sqlite3
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from bench.figures import Figure, at_least, table
from bench.make_ledger import make_ledger
from collector.ledger.migrations import open_ledger
from collector.ledger.rebuild import rebuild
from collector.verify.known import Known
from collector.verify.run import verify
from firmware_config.chain import header_segment, signing_input
from firmware_config.keys import VerifyKey

ROUNDS = 3


def run(*, quick: bool) -> list[Figure]:
    """Records and signatures a second and core, their ratio, and the sizes."""
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "ledger.db"
        records = make_ledger(
            path, 20_000 if quick else 200_000, until=datetime.now(UTC), is_signed=True
        )
        with_boots(path)
        samples = signed_samples(path, 2_000)
        length = round(sum(len(signed) for _, signed, _ in samples) / len(samples))
        ours, bare, ours_cpu, bare_cpu = [], [], [], []
        for _ in range(1 if quick else ROUNDS):
            seconds, cpu_s, number = bare_on_all_cores(samples, cores, records // cores)
            bare.append(number / seconds / cores)
            bare_cpu.append(number / cpu_s)
            seconds, cpu_s = verified(path, cores, records)
            ours.append(records / seconds / cores)
            ours_cpu.append(records / cpu_s)
        size_mib = path.stat().st_size / 2**20
    note = f"{records:,} records, {size_mib:,.0f} MiB, median of {len(ours)}, {cores} processes"
    wall = median(a / b for a, b in zip(ours, bare, strict=True))
    cpu = median(a / b for a, b in zip(ours_cpu, bare_cpu, strict=True))
    return [
        Figure(name="collector verify, per core", value=median(ours), unit="records/s", note=note),
        Figure(
            name="bare Ed25519, per core",
            value=median(bare),
            unit="signatures/s",
            note=f"{length} bytes signed",
        ),
        at_least("verify ÷ bare, per core", wall, 0.5, "by the clock on the wall"),
        Figure(
            name="verify ÷ bare, per second of processor",
            value=cpu,
            unit="ratio",
            note="whatever else the machine does",
        ),
        Figure(name="ten years of 135 windows", value=ten_years_h(ours), unit="h", note="estimate"),
    ]


def ten_years_h(rates: list[float]) -> float:
    """Hours on four cores. Source: 30 cases a window and day, two records each, 3,000 days."""
    return 135 * 30 * 2 * 3000 / (median(rates) * 4) / 3600


def with_boots(path: Path) -> None:
    """What `make_ledger` leaves out of the derived tables."""
    db = open_ledger(path)
    db.execute("BEGIN IMMEDIATE")
    rebuild(db)
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def signed_samples(path: Path, number: int) -> list[tuple[str, bytes, bytes]]:
    """Public key, bytes signed, signature, of the first records."""
    connection = sqlite3.connect(path)
    rows = connection.execute(
        "SELECT k.x, k.kid, r.payload, r.signature FROM records r"
        " JOIN device_keys k ON k.id = r.key ORDER BY r.position LIMIT ?",
        [number],
    ).fetchall()
    connection.close()
    return [
        (x, signing_input(header_segment(kid), payload), sign) for x, kid, payload, sign in rows
    ]


def bare_part(samples: list[tuple[str, bytes, bytes]], number: int) -> int:
    """Check so many signatures in this process."""
    keys = {x: VerifyKey(x).is_signed for x, _, _ in samples}
    ready = [(keys[x], signed, signature) for x, signed, signature in samples]
    done = 0
    while done < number:
        for is_signed, signed, signature in ready:
            if not is_signed(signed, signature):
                raise AssertionError("a signature of the benchmark's own ledger is wrong")
        done += len(ready)
    return done


def bare_on_all_cores(
    samples: list[tuple[str, bytes, bytes]], cores: int, number: int
) -> tuple[float, float, int]:
    """Wall seconds, processor seconds, and how many were checked, with a process for each core."""
    context = multiprocessing.get_context("spawn")
    begin, cpu = time.perf_counter(), cpu_s()
    with ProcessPoolExecutor(cores, context) as pool:
        done = sum(pool.map(bare_part, [samples] * cores, [number] * cores))
    return time.perf_counter() - begin, cpu_s() - cpu, done


def verified(path: Path, cores: int, records: int) -> tuple[float, float]:
    """Wall and processor seconds of a whole verification."""
    begin, cpu = time.perf_counter(), cpu_s()
    report = verify(path, Known(now_ms=time.time_ns() // 1_000_000), jobs=cores)
    seconds = time.perf_counter() - begin
    if report.failures or report.records != records:
        raise AssertionError(f"the benchmark's ledger is not right: {report.failures[:3]}")
    return seconds, cpu_s() - cpu


def cpu_s() -> float:
    """Processor seconds of this process and of those of its children that have ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    print(table(run(quick="--quick" in sys.argv)))
