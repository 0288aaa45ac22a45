"""The uplink's window and what a receipt is worth."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_config.contract import MAX_IN_FLIGHT_RECORDS, Receipt
from kiosk.window import FRESH_MS, Watermarks, Weighing, Weight, Window, time_ms, weigh

EPOCH = "e" * 22
NOON_MS = time_ms("2026-03-02T04:00:00.000Z")


def wall(ms: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def digest(seq: int) -> str:
    return f"{seq:0>43}"


def receipt(**changes: Any) -> Receipt:
    values: dict[str, Any] = {
        "dev": "w-a01",
        "gen": "g1",
        "epoch": EPOCH,
        "stored": 10,
        "stored_hash": digest(10),
        "archived": 0,
        "server_time": wall(NOON_MS),
        "ledger_size": 1,
        "ledger_root": "",
        "v": 1,
    }
    return Receipt(**(values | changes))


def judge(kept: Watermarks, got: Receipt, **changes: Any) -> Weighing:
    values: dict[str, Any] = {
        "dev": "w-a01",
        "epoch": EPOCH,
        "head": 20,
        "digest_of": digest,
        "is_retained": False,
        "wall_ms": None,
    }
    return weigh(kept, got, **(values | changes))


KEPT = Watermarks(gen="g1", stored=12, archived=5, server_ms=NOON_MS)


def test_the_first_receipt_is_taken() -> None:
    weighing = judge(Watermarks(), receipt(archived=7))
    assert weighing.weight is Weight.TAKEN
    assert weighing.watermarks == Watermarks(gen="g1", stored=10, archived=7, server_ms=NOON_MS)


def test_a_late_receipt_of_the_same_gen_lowers_nothing() -> None:
    weighing = judge(KEPT, receipt(stored=3, stored_hash=digest(3), server_time=wall(0)))
    assert weighing.weight is Weight.TAKEN
    assert weighing.watermarks == KEPT


def test_a_newer_gen_is_taken_even_when_lower() -> None:
    later = wall(NOON_MS + 1000)
    weighing = judge(KEPT, receipt(gen="g2", stored=3, stored_hash=digest(3), server_time=later))
    assert weighing.is_new_gen
    assert (weighing.watermarks.stored, weighing.watermarks.archived) == (3, 0)


def test_an_empty_restored_database_takes_everything_back() -> None:
    got = receipt(gen="g2", stored=0, stored_hash="", server_time=wall(NOON_MS + 1000))
    assert judge(KEPT, got).watermarks.stored == 0


@pytest.mark.parametrize(
    ("is_retained", "wall_ms", "weight"),
    [
        pytest.param(True, NOON_MS - 60_000, Weight.STALE, id="it lay on the broker"),
        pytest.param(True, None, Weight.STALE, id="it lay there, and our own clock cannot tell"),
        pytest.param(False, None, Weight.TAKEN, id="live, and our own clock cannot tell"),
        pytest.param(False, NOON_MS + FRESH_MS, Weight.STALE, id="it is not fresh"),
        pytest.param(False, NOON_MS - 60_000, Weight.TAKEN, id="live and fresh"),
    ],
)
def test_another_gen_from_before_must_be_live_and_fresh(
    is_retained: bool, wall_ms: int | None, weight: Weight
) -> None:
    got = receipt(gen="g0", server_time=wall(NOON_MS - 60_000))
    assert judge(KEPT, got, is_retained=is_retained, wall_ms=wall_ms).weight is weight


def test_a_ledger_that_went_back_without_a_new_gen_gets_everything_again() -> None:
    later = wall(NOON_MS + 1000)
    got = receipt(stored=3, stored_hash=digest(3), server_time=later)
    weighing = judge(KEPT, got, is_retained=False)
    assert weighing.is_new_gen
    assert weighing.watermarks.stored == 3
    assert judge(KEPT, got, is_retained=True).watermarks.stored == 12


def test_another_digest_at_stored_is_a_fork_and_nothing_is_taken() -> None:
    weighing = judge(KEPT, receipt(stored=15, stored_hash=digest(99)))
    assert weighing.weight is Weight.FORK
    assert weighing.watermarks.has_fork
    assert weighing.watermarks.stored == 12


def test_a_collector_that_holds_more_than_the_journal_is_a_fork() -> None:
    assert judge(KEPT, receipt(stored=21, stored_hash=digest(21))).weight is Weight.FORK


def test_a_pruned_record_at_stored_cannot_contradict() -> None:
    assert judge(KEPT, receipt(), digest_of=lambda _: None).weight is Weight.TAKEN


def test_archived_is_never_believed_beyond_stored() -> None:
    assert judge(Watermarks(), receipt(archived=15)).watermarks.archived == 10


@pytest.mark.parametrize("changes", [{"dev": "w-a02"}, {"epoch": "f" * 22}])
def test_a_receipt_for_another_journal_is_not_for_us(changes: dict[str, str]) -> None:
    assert judge(KEPT, receipt(**changes)).weight is Weight.FOREIGN


# --- the window ---


def send_all(window: Window, head: int, now_ms: int = 0, limit: int = 20) -> list[int]:
    sent: list[int] = []
    while seqs := window.next_seqs(head, limit):
        window.sent(seqs[-1], now_ms, 0.0)
        sent += seqs
    return sent


def test_records_go_in_order_and_at_most_so_many_at_a_time() -> None:
    window = Window(10_000, 60_000)
    most = MAX_IN_FLIGHT_RECORDS
    assert send_all(window, 3 * most) == list(range(1, most + 1))
    window.cover(20)
    assert send_all(window, 3 * most) == list(range(most + 1, most + 21))


def test_what_is_in_extra_is_neither_sent_nor_in_flight() -> None:
    window = Window(10_000, 60_000)
    window.cover(4, ((6, 9),))
    assert send_all(window, 11) == [5, 10, 11]
    assert window.in_flight == 3


def test_without_a_receipt_everything_is_sent_again_after_growing_waits() -> None:
    window = Window(10_000, 60_000)
    now_ms, waits = 0, []
    for _ in range(6):
        assert send_all(window, 3, now_ms) == [1, 2, 3]
        due_ms = window.due_ms()
        assert due_ms is not None
        waits.append(due_ms - now_ms)
        assert not window.expire(due_ms - 1)
        assert window.expire(due_ms)
        now_ms = due_ms
    assert waits == [10_000, 20_000, 40_000, 60_000, 60_000, 60_000]
    window.cover(1)
    send_all(window, 3, now_ms)
    assert window.due_ms() == now_ms + 10_000


def test_jitter_only_lengthens_the_wait() -> None:
    window = Window(10_000, 60_000)
    window.sent(1, 0, 1.0)
    assert window.due_ms() == 12_500


def test_a_new_connection_and_a_new_gen_start_from_the_watermark() -> None:
    window = Window(10_000, 60_000)
    window.cover(2)
    send_all(window, 5)
    window.restart()
    assert send_all(window, 5) == [3, 4, 5]
    window.cover(1, is_new_gen=True)
    assert send_all(window, 5) == [2, 3, 4, 5]


def test_a_covered_message_is_not_waited_for() -> None:
    window = Window(10_000, 60_000)
    send_all(window, 5)
    window.cover(5)
    assert window.due_ms() is None
    assert window.in_flight == 0


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_faults_over_everything_arrives_whatever_was_lost(data: st.DataObject) -> None:
    window, held = Window(100, 400), set[int]()
    head, now_ms = 0, 0

    def deliver(is_lossy: bool) -> None:
        nonlocal now_ms
        while seqs := window.next_seqs(head, 20):
            assert window.in_flight + len(seqs) <= MAX_IN_FLIGHT_RECORDS
            assert seqs == sorted(seqs)
            assert not is_known(seqs)
            window.sent(seqs[-1], now_ms, 0.5)
            if not (is_lossy and data.draw(st.booleans(), "message lost")):
                held.update(seqs)
        if not (is_lossy and data.draw(st.booleans(), "receipt lost")):
            answer()

    def is_known(seqs: list[int]) -> bool:
        return any(seq <= told_stored or _in(seq, told_extra) for seq in seqs)

    told_stored, told_extra = 0, ()

    def answer() -> None:
        nonlocal told_stored, told_extra
        stored = 0
        while stored + 1 in held:
            stored += 1
        rest = sorted(seq for seq in held if seq > stored)
        told_stored, told_extra = stored, tuple((seq, seq) for seq in rest)
        window.cover(told_stored, told_extra)

    for _ in range(data.draw(st.integers(0, 12), "rounds")):
        head += data.draw(st.integers(0, 40), "new records")
        now_ms += data.draw(st.integers(0, 500), "time")
        window.expire(now_ms)
        if data.draw(st.integers(0, 5), "reconnect") == 0:
            window.restart()
        deliver(is_lossy=True)

    rounds = 0
    while len(held) < head:
        rounds += 1
        assert rounds <= 2 * (head // MAX_IN_FLIGHT_RECORDS + 2)  # bounded: I6
        now_ms += 500
        window.expire(now_ms)
        deliver(is_lossy=False)
    assert held == set(range(1, head + 1))


def _in(seq: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(start <= seq <= end for start, end in ranges)
