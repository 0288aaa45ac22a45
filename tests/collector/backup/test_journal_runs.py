"""A journal's chain is followed whatever order its records come in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collector.backup.journal_runs import JournalRuns

LENGTH = 12


def link(seq: int) -> str:
    return f"digest-{seq}" if seq else ""


def follow(seqs: list[int], *, wrong: int = 0, key_of: dict[int, int] | None = None) -> JournalRuns:
    """Add records in this order; `wrong` names another predecessor than it has."""
    journal = JournalRuns("dev-1", "e", 0, None)
    told = []
    for seq in seqs:
        prev = "another" if seq == wrong else link(seq - 1)
        told += list(journal.add(seq, prev, link(seq), (key_of or {}).get(seq, 1)))
    journal.dev = "; ".join(told)
    return journal


@given(st.permutations(range(1, LENGTH + 1)), st.integers(0, LENGTH))
def test_the_watermark_is_what_is_there_without_a_gap(seqs: list[int], number: int) -> None:
    there = seqs[:number]

    journal = follow(there)

    expected = 0
    while expected + 1 in there:
        expected += 1
    assert journal.dev == ""
    assert journal.contiguous == expected
    # each run has one end, and only runs whose beginning misses something are waited for
    assert set(journal.tails) == {seq for seq in there if seq + 1 not in there}
    assert set(journal.heads) == {seq for seq in there if seq > 1 and seq - 1 not in there}


@given(st.permutations(range(1, LENGTH + 1)), st.integers(1, LENGTH))
def test_a_wrong_link_is_named_in_any_order(seqs: list[int], wrong: int) -> None:
    told = follow(seqs, wrong=wrong).dev

    assert told.startswith(f"dev-1 seq {wrong}: ")
    assert ";" not in told


@given(st.permutations(range(1, LENGTH + 1)), st.integers(2, LENGTH))
def test_the_last_record_of_a_key_is_remembered_in_any_order(seqs: list[int], first: int) -> None:
    keys = {seq: 1 if seq < first else 2 for seq in seqs}

    assert follow(seqs, key_of=keys).lasts == [first - 1]
