"""What the ledger holds of each journal: the judge's view of it, cached by journal."""

from __future__ import annotations

import msgspec
from sqlite_utils import Database

from collector.ledger.bulk import BulkInsert
from collector.linking import link_text
from collector.verdict import EpochState, EpochVerdict, Reason, StoredLink
from firmware_config.chain import unb64url

MAX_EXTRA = 64
"""Most ranges a receipt names (firmware_config.contract.Receipt.extra)."""

ISLANDS_ABOVE = (
    "SELECT min(seq), max(seq) FROM ("
    " SELECT seq, seq - row_number() OVER (ORDER BY seq) AS island"
    " FROM records WHERE epoch = ? AND seq > ?"
    ") GROUP BY island ORDER BY 1"
)
"""Ranges of a journal (row) above a seq that are stored; rows of one share seq - row_number."""

_SAVE = BulkInsert(
    "epochs",
    ("id", "device", "epoch", "stored", "stored_digest", "head"),
    "ON CONFLICT (id) DO UPDATE SET stored = excluded.stored,"
    " stored_digest = excluded.stored_digest, head = excluded.head",
)


class _Link(msgspec.Struct):
    prev: str


_prev = msgspec.json.Decoder(_Link)


class EpochStates:
    """Journals by (device row, epoch id); one `EpochState` object each for the writer's life."""

    def __init__(self, db: Database) -> None:
        self._connection = db.conn
        self._states: dict[tuple[int, str], EpochState] = {}
        self._extras: dict[int, list[list[int]]] = {}  # journal with a gap -> ranges above it
        row = self._connection.execute("SELECT coalesce(max(id), 0) FROM epochs").fetchone()
        self._last_id: int = row[0]

    def epoch_state(self, device: int, epoch: str) -> EpochState:
        """State of a journal; one with id 0 when nothing of it is stored."""
        state = self._states.get((device, epoch))
        if state is None:
            row = self._connection.execute(
                "SELECT id, stored, head, stored_digest, (SELECT max(seq) FROM purge_heads p"
                " WHERE p.epoch = epochs.id),"
                " EXISTS (SELECT 1 FROM conflicts WHERE conflicts.epoch = epochs.id)"
                " FROM epochs WHERE device = ? AND epoch = ?",
                (device, epoch),
            ).fetchone()
            if row is None:
                return EpochState(0, device, epoch)  # not kept: a stranger may name any number
            link = link_text(row[3]) if row[3] else ""
            state = EpochState(
                *(row[0], device, epoch, row[1], row[2], link),
                purged=row[4] or 0,
                is_forked=bool(row[5]),
            )
            self._states[device, epoch] = state
        return state

    def stored_link(self, state: EpochState, seq: int) -> StoredLink | None:
        """Digest and `prev` of the record at `seq`, or None; of the last purged one the digest."""
        if seq == state.purged and seq:
            head = self._connection.execute(
                "SELECT digest FROM purge_heads WHERE epoch = ? AND seq = ?", (state.id, seq)
            ).fetchone()
            return StoredLink(link_text(head[0]), "") if head else None
        row = self._connection.execute(
            "SELECT digest, payload FROM records WHERE epoch = ? AND seq = ?", (state.id, seq)
        ).fetchone()
        return StoredLink(link_text(row[0]), _prev.decode(row[1]).prev) if row else None

    def put_aside(self, link: str) -> bytes | None:
        """The quarantined token of this digest, as sent; None: none, or it was a `broken-link`."""
        row = self._connection.execute(
            "SELECT raw FROM quarantine WHERE digest = ? AND reason <> ?",
            (unb64url(link.encode("ascii")), Reason.BROKEN_LINK.value),
        ).fetchone()
        return bytes(row[0]) if row else None

    def save(self, verdicts: list[EpochVerdict]) -> None:
        """Give new journals their rows and write the states as the verdicts leave them."""
        rows = []
        for verdict in verdicts:
            state = verdict.state
            state.is_forked = state.is_forked or verdict.is_forked
            if not verdict.accepted:
                continue
            if not state.id:
                self._last_id += 1
                state.id = self._last_id
                self._states[state.device, state.epoch] = state
            state.stored, state.head, state.link = verdict.stored, verdict.head, verdict.link
            self._keep_extra(verdict)
            digest = unb64url(state.link.encode("ascii")) if state.link else None
            rows.append((state.id, state.device, state.epoch, state.stored, digest, state.head))
        _SAVE.run(self._connection, rows)

    def archived(self, state: EpochState) -> int:
        """Every seq up to this one is in a verified backup."""
        row = self._connection.execute(
            "SELECT archived FROM epochs WHERE id = ?", (state.id,)
        ).fetchone()
        return int(row[0]) if row else 0

    def extra(self, state: EpochState) -> list[tuple[int, int]]:
        """Ranges `[from, to]` stored above the watermark, lowest first, at most MAX_EXTRA."""
        if state.head == state.stored:
            return []
        ranges = self._extras.get(state.id)
        if ranges is None:
            rows = self._connection.execute(ISLANDS_ABOVE, (state.id, state.stored))
            ranges = self._extras[state.id] = [list(row) for row in rows]
        return [(low, high) for low, high in ranges[:MAX_EXTRA]]

    def _keep_extra(self, verdict: EpochVerdict) -> None:
        """Follow a group in the ranges, so that a lasting gap costs no scan a second."""
        state = verdict.state
        if state.head == state.stored:
            self._extras.pop(state.id, None)
            return
        ranges = self._extras.get(state.id)
        if ranges is not None:
            seqs = [candidate.record.seq for candidate in verdict.accepted]
            merged = merge_ranges(ranges, [[seq, seq] for seq in seqs])
            self._extras[state.id] = [one for one in merged if one[0] > state.stored]


def merge_ranges(ranges: list[list[int]], more: list[list[int]]) -> list[list[int]]:
    """Ranges `[low, high]` of both lists, sorted, touching ones joined."""
    merged: list[list[int]] = []
    for low, high in sorted(ranges + more):
        if merged and low <= merged[-1][1] + 1:
            merged[-1][1] = max(merged[-1][1], high)
        else:
            merged.append([low, high])
    return merged
