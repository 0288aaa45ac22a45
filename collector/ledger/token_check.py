"""Whether a ledger is consistent with what was once said of it, in a checkpoint or a receipt.

Whoever kept one (a device, a receiver of exports, a sheet of paper with its code) can have it
checked. Compared are sizes and kept roots, so it costs O(log n) however old the token is; that the
records still make those roots is what `collector verify` computes.
"""

from __future__ import annotations

from dataclasses import dataclass

from collector.ledger.gens import Lives, read_lives
from collector.ledger.tree import Ask, LedgerTree
from firmware_config.chain import b64url, split_token
from firmware_config.contract import (
    Checkpoint,
    Receipt,
    decode_checkpoint,
    decode_receipt,
)
from firmware_config.errors import ContractError
from firmware_config.keys import VerifyKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was found about one token; fields of what could not be read are empty.

    Attributes:
        what: `checkpoint` or `receipt`.
        on: the local day of a checkpoint.
        problem: what contradicts what; empty: the ledger begins with exactly these rows.
    """

    what: str = ""
    gen: str = ""
    on: str = ""
    size: int = 0
    root: str = ""
    problem: str = ""


class TokenCheck:
    """Checks tokens against one ledger.

    Args:
        hall: whose checkpoints these must be.
        key: the collector's public key.
    """

    def __init__(self, ask: Ask, *, hall: str, key: VerifyKey) -> None:
        self._tree = LedgerTree(ask)
        self._lives: Lives = read_lives(ask)
        self._hall = hall
        self._key = key

    def check(self, raw: bytes) -> Checked:
        """Check one compact token."""
        try:
            token = split_token(raw)
            if token.kid != self._key.kid:
                return Checked(problem=f"signed by key {token.kid}, expected {self._key.kid}")
            if not self._key.is_signed(token.signing_input, token.signature):
                return Checked(problem="the signature is not the collector's")
            said = _decoded(token.payload)
        except ContractError as error:
            return Checked(problem=f"cannot be read: {error}")
        if isinstance(said, Checkpoint):
            what, on, size, root = "checkpoint", said.on, said.size, said.root
            if said.hall != self._hall:
                problem = f"of hall {said.hall}, expected {self._hall}"
            else:
                problem = self._problem(said.gen, size, root)
        else:
            what, on, size, root = "receipt", "", said.ledger_size, said.ledger_root
            problem = self._problem(said.gen, size, root)
        return Checked(what=what, gen=said.gen, on=on, size=size, root=root, problem=problem)

    def _problem(self, gen: str, size: int, root: str) -> str:
        if not any(life.gen == gen for life in self._lives):
            return f"of another ledger: gen {gen} is not among this one's {len(self._lives)}"
        if not self._lives.still_holds(gen, size):
            kept = min(
                life.size
                for at, life in enumerate(self._lives)
                if any(before.gen == gen for before in self._lives[:at])
            )
            return f"the ledger went back to {kept} rows, this says {size}: cannot be proven"
        if size > self._tree.size:
            return f"the ledger has only {self._tree.size} rows, this says {size}: it was cut"
        own = b64url(self._tree.root(size)).decode("ascii")
        return "" if own == root else f"root of the first {size} rows: here {own}, this says {root}"


def _decoded(payload: bytes) -> Checkpoint | Receipt:
    try:
        return decode_checkpoint(payload)
    except ContractError as error:
        try:
            return decode_receipt(payload)
        except ContractError:
            raise error from None
