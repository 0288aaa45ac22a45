"""What the ledger and others say of its size and root, and what of it can be compared. No I/O.

A ledger has lives (`gens`): one more whenever it may have gone back. What a former life said of a
size beyond where the next one began cannot be compared: those records were sent again, perhaps in
another order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from collector.press_time import wall_ms
from collector.verify.findings import Check, Finding, Level
from collector.verify.reception import Bracket, time_text
from collector.verify.tree import Mark
from firmware_config.chain import b64url, split_token, unb64url
from firmware_config.contract import decode_checkpoint, decode_receipt
from firmware_config.errors import ContractError
from firmware_config.keys import VerifyKey


class GenRow(NamedTuple):
    """A row of `gens`."""

    id: int
    gen: str
    began_ms: int
    reason: str
    size: int
    root: bytes


class CheckpointRow(NamedTuple):
    """A row of `checkpoints`."""

    id: int
    gen: str
    size: int
    root: bytes
    on_date: str
    made_ms: int
    token: bytes


class Kept(NamedTuple):
    """A token somebody kept: from where, and its bytes."""

    source: str
    token: bytes


class Statements:
    """Judges what is said of the ledger's roots.

    Args:
        gens: all lives, by id.
        size: rows of the ledger.
        hall: its id.
        key: the collector's public key; None: signatures cannot be checked.
        restored: lives that are known to have begun with a restored copy.

    Attributes:
        marks: what can be compared with the records.
        brackets: signed times at which the ledger had a size.
        findings: what is wrong with the statements themselves.
    """

    def __init__(
        self,
        gens: Sequence[GenRow],
        size: int,
        hall: str,
        key: VerifyKey | None,
        restored: Collection[str] = (),
    ) -> None:
        self._gens = gens
        self._restored = restored
        self._size = size
        self._hall = hall
        self._key = key
        self._at = {row.gen: at for at, row in enumerate(gens)}
        self.marks: list[Mark] = []
        self.brackets: list[Bracket] = []
        self.findings: list[Finding] = []

    def take_lives(self, gen: str) -> None:
        """The lives themselves; `gen`: the one the ledger says it is in."""
        before = 0
        for at, row in enumerate(self._gens):
            where = f"gen {row.id} ({row.reason})"
            if row.id != at + 1:
                self._fail(Check.GENS, "a life is missing before this one", where, at + 1, row.id)
            if (row.reason == "made") != (at == 0):
                expected = "made" if at == 0 else "restored or renewed"
                self._fail(Check.GENS, "not how a life begins", where, expected, row.reason)
            if not before <= row.size <= self._size:
                span = f"{before} to {self._size} records"
                self._fail(Check.GENS, "began with another size", where, span, row.size)
            before = max(before, row.size)
            if 0 <= row.size <= self._size:
                self.marks.append(Mark(row.size, row.root, Check.GENS, where))
            if row.reason == "restored":
                told = f"{where} {time_text(row.began_ms)}, {row.size} records"
                self._note(Check.GENS, "the ledger was restored from a copy", told)
        if not self._gens or self._gens[-1].gen != gen:
            expected = self._gens[-1].gen if self._gens else "a life"
            self._fail(Check.GENS, "meta.gen is not the last life", "meta", expected, gen)

    def take_checkpoints(self, rows: Sequence[CheckpointRow]) -> None:
        """The ledger's own checkpoints, by id."""
        last: dict[str, CheckpointRow] = {}
        for at, row in enumerate(rows):
            where, before = f"checkpoint of {row.on_date}", last.get(row.gen)
            if row.id != (rows[at - 1].id + 1 if at else 1):
                what, expected = "a checkpoint is missing before this one", rows[at - 1].id + 1
                self._fail(
                    Check.CHECKPOINT, what, where, expected if at else 1, row.id, row.on_date
                )
            if before is not None and not (
                before.size <= row.size
                and before.on_date < row.on_date
                and before.made_ms <= row.made_ms
            ):
                what = "size, day or time is lower than in the checkpoint before it"
                self._fail(Check.CHECKPOINT, what, where, before[2:6:3], row[2:6:3], row.on_date)
            last[row.gen] = row
            self._take_checkpoint(row, where)

    def _take_checkpoint(self, row: CheckpointRow, where: str) -> None:
        is_signed = self._signed(Check.CHECKPOINT, Kept(where, row.token), row.on_date)
        try:
            said = decode_checkpoint(split_token(row.token).payload)
            signed_root = _root(said.root)
        except ContractError as error:
            what = "the token is not a checkpoint"
            self._fail(Check.CHECKPOINT, what, where, "", error, row.on_date)
            return
        root = b64url(row.root).decode("ascii")
        columns = {
            "hall": (said.hall, self._hall),
            "gen": (said.gen, row.gen),
            "on_date": (said.on, row.on_date),
            "size": (said.size, row.size),
            "root": (said.root, root),
            "made_ms": (said.time, time_text(row.made_ms)),
        }
        for name, (signed, kept) in columns.items():
            if signed != kept:
                what = f"{name} of the row is not that of the signed token"
                self._fail(Check.CHECKPOINT, what, where, signed, kept, row.on_date)
        if row.gen not in self._at:
            what = "of a life this ledger does not know"
            self._fail(Check.CHECKPOINT, what, where, "", row.gen, row.on_date)
        elif said.size > (end := self._end(row.gen)):
            # a copy cannot hold what its ledger said after it was made
            what = "of a former life, with more records than it left"
            self._fail(Check.CHECKPOINT, what, where, f"at most {end}", said.size, row.on_date)
            return
        mark = Mark(said.size, signed_root, Check.CHECKPOINT, where, is_signed, said.gen, said.on)
        self.take_mark(mark, said.time)

    def take_kept(self, kept: Iterable[Kept], known: Iterable[tuple[str, str]]) -> None:
        """Tokens kept elsewhere: checkpoints, or receipts, which name size and root too.

        Args:
            known: (gen, day) of every checkpoint the ledger has.
        """
        has = set(known)
        for one in kept:
            is_signed = self._signed(Check.KEPT, one)
            try:
                payload = split_token(one.token).payload
                mark, time = _read_kept(one.source, payload, self._hall, is_signed)
            except ContractError as error:
                what = "neither a checkpoint nor a receipt of this hall"
                self._fail(Check.KEPT, what, one.source, "", error)
                continue
            self.take_mark(mark, time)
            is_ours = mark.gen in self._at and mark.size <= self._end(mark.gen)
            if mark.on and is_ours and (mark.gen, mark.on) not in has:
                what = "the ledger does not have this checkpoint of its own"
                self._fail(Check.KEPT, what, mark.source, "", "", mark.on)

    def take_mark(self, mark: Mark, time: str = "") -> None:
        """One statement; `time`: when it was signed (contract.WallTime), where that is known."""
        if mark.gen in self._at and mark.size > self._end(mark.gen) and not self._is_last(mark.gen):
            heir = self._gens[self._at[mark.gen] + 1]
            if heir.gen in self._restored:
                what = "said more than the restored copy had: it cannot be compared by place"
                self._note(mark.check, what, mark.source, mark.on)
            else:
                self._fail(
                    mark.check,
                    f"a life began with fewer records; if it is a restore you know of, say "
                    f"--restored {heir.gen}",
                    mark.source,
                    f"at least {mark.size} records",
                    f"{heir.size}, {time_text(heir.began_ms)}",
                    mark.on,
                )
            return
        self.marks.append(mark)
        at_ms = wall_ms(time) if time and mark.is_witness else None
        if at_ms is not None:
            self.brackets.append(Bracket(mark.size, at_ms, mark.source))

    def _is_last(self, gen: str) -> bool:
        return self._at[gen] == len(self._gens) - 1

    def _end(self, gen: str) -> int:
        """Up to which size a life's statements can be compared."""
        return self._size if self._is_last(gen) else self._gens[self._at[gen] + 1].size

    def _signed(self, check: Check, kept: Kept, on: str = "") -> bool:
        """Whether the collector signed it; without its key nothing is told."""
        if self._key is None:
            return False
        try:
            token = split_token(kept.token)
        except ContractError as error:
            self._fail(check, "not a token", kept.source, "", error, on)
            return False
        is_signed = self._key.has_signed(token)
        if not is_signed:
            what = "not signed by the collector's key"
            self._fail(check, what, kept.source, self._key.kid, token.kid, on)
        return is_signed

    def _fail(
        self, check: Check, what: str, where: str, expected: object, got: object, on: str = ""
    ) -> None:
        self.findings.append(
            Finding(
                level=Level.FAIL,
                check=check,
                what=what,
                where=where,
                first_on=on,
                last_on=on,
                expected=str(expected),
                got=str(got),
            )
        )

    def _note(self, check: Check, what: str, where: str, on: str = "") -> None:
        self.findings.append(
            Finding(level=Level.NOTE, check=check, what=what, where=where, first_on=on, last_on=on)
        )


def _read_kept(source: str, payload: bytes, hall: str, is_signed: bool) -> tuple[Mark, str]:
    """A kept payload as a statement, and when it was signed. Raises ContractError."""
    try:
        said = decode_checkpoint(payload)
    except ContractError:
        receipt = decode_receipt(payload)
        root = _root(receipt.ledger_root)
        where = f"{source}: receipt of {receipt.dev}, {receipt.server_time}"
        mark = Mark(receipt.ledger_size, root, Check.KEPT, where, is_signed, receipt.gen)
        return mark, receipt.server_time
    if said.hall != hall:
        raise ContractError("hall", f"expected {hall}, got {said.hall}") from None
    where = f"{source}: checkpoint of {said.on}"
    root = _root(said.root)
    return Mark(said.size, root, Check.KEPT, where, is_signed, said.gen, said.on), said.time


def _root(text: str) -> bytes:
    return unb64url(text.encode("ascii"))
