"""`collector checkpoint`: listing, proving, and checking what others keep of the ledger."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from collector.cli import main
from collector.ledger.checkpoints import make_checkpoint
from collector.ledger.fleet_loader import load_into_ledger
from collector.ledger.gens import begin_gen
from collector.ledger.migrations import open_ledger
from collector.ledger.writer import LedgerWriter
from firmware_config.chain import digest, unb64url
from firmware_config.contract import encode
from firmware_config.errors import ExitCode
from firmware_config.fleet import sample_fleet_path
from firmware_config.keys import load_or_create_signing_key, save_verify_key
from firmware_config.merkle_proof import is_consistent, is_included, leaf_hash

Run = Callable[..., tuple[int, str, str]]


class Books:
    """A ledger with checkpoints of two days, and the tokens that somebody keeps."""

    def __init__(self, folder: Path, fleet: Any, journal: Any) -> None:
        self.folder = folder
        self.key = load_or_create_signing_key(folder / "collector.jwk")
        self.journal = journal
        self.db = open_ledger(folder / "ledger.db")
        load_into_ledger(self.db, fleet, {journal.device: journal.key.public}, now_ms=0)
        self.writer = LedgerWriter(self.db, hall="hall-1", clock_ms=lambda: 1_782_900_000_000)
        self.config = folder / "collector.toml"
        self.config.write_text(
            f'hall = "hall-1"\nfleet = "{sample_fleet_path()}"\ndevice_keys = "keys"\n'
            'key = "collector.jwk"\nledger = "ledger.db"\n[broker]\nhost = "127.0.0.1"\n',
            encoding="utf-8",
        )

    def grow(self, number: int) -> None:
        for _ in range(number):
            token = self.journal.rate()
            self.writer.store([self.journal.message(token)])

    def checkpoint(self, day: int) -> str:
        on = date(2026, 7, day)
        made = make_checkpoint(self.db, on, hall="hall-1", key=self.key, now_ms=day)
        return made.token.decode("ascii")


@pytest.fixture
def books(tmp_path: Path, small_fleet: Any, journal_of: Any) -> Any:
    made = Books(tmp_path, small_fleet(), journal_of("dev-1"))
    yield made
    made.db.close()


@pytest.fixture
def run(books: Books, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(["checkpoint", *arguments, "--config", str(books.config)], environ={})
        out, err = capsys.readouterr()
        return code, out, err

    return call


def raw(text: str) -> bytes:
    return unb64url(text.encode("ascii"))


def test_checkpoints_are_listed_and_shown_by_day_or_size(books: Books, run: Run) -> None:
    assert run("--json") == (0, "[]\n", "")
    books.grow(3)
    first = books.checkpoint(1)
    books.grow(4)
    books.checkpoint(2)
    rows = json.loads(run("--json")[1])
    assert [(row["on"], row["size"]) for row in rows] == [("2026-07-02", 7), ("2026-07-01", 3)]
    assert run()[1].splitlines()[1].split()[:2] == ["2026-07-02", "7"]
    assert run("--csv")[1].splitlines()[0] == "on,size,root,time,gen"
    for which in ("2026-07-01", "3"):
        shown = json.loads(run("show", which, "--json")[1])
        assert shown["token"] == first
        assert f"token  {first}" in run("show", which)[1]
    code, _, err = run("show", "2026-07-09")
    assert (code, "2026-07-09" in err) == (ExitCode.USAGE, True)


def test_consistency_between_any_two_sizes_is_proven_for_others_to_check(
    books: Books, run: Run
) -> None:
    books.grow(9)
    document = json.loads(run("prove", "3", "7")[1])
    first, second = document["from"], document["to"]
    proof = [raw(text) for text in document["proof"]]
    assert (first["size"], second["size"]) == (3, 7)
    assert is_consistent(3, 7, raw(first["root"]), raw(second["root"]), proof)
    for wrong in (("7", "3"), ("1", "10")):
        assert run("prove", *wrong)[0] == ExitCode.USAGE


def test_a_record_is_proven_with_its_token(books: Books, run: Run) -> None:
    books.grow(9)
    for seq, size in ((4, 9), (4, 6), (9, 9)):
        out = run("prove-record", "dev-1", books.journal.epoch, str(seq), "--size", str(size))[1]
        document = json.loads(out)
        assert document["token"].encode() == books.journal.tokens[seq - 1]
        leaf = leaf_hash(digest(document["token"].encode()))
        proof = [raw(text) for text in document["proof"]]
        assert is_included(leaf, document["index"], size, proof, raw(document["root"]))
    assert json.loads(run("prove-record", "dev-1", books.journal.epoch, "1")[1])["size"] == 9
    assert run("prove-record", "dev-1", books.journal.epoch, "10")[0] == ExitCode.USAGE
    assert run("prove-record", "dev-1", books.journal.epoch, "9", "--size", "8")[0] == 2


def test_whatever_text_the_tokens_are_in_they_are_found_and_consistent(
    books: Books, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    books.grow(3)
    tokens = [books.checkpoint(1)]
    books.grow(4)
    tokens.append(books.checkpoint(2))
    receipt = books.writer.receipt(("dev-1", books.journal.epoch))
    assert receipt is not None
    tokens.append(books.key.token(encode(receipt)).decode())
    books.grow(2)
    begin_gen(books.db, "renewed", 5)  # a later life still holds what was said before
    for text in ("\n".join(tokens), json.dumps({"a": tokens}), f"QR: {tokens[0]} 。"):
        (books.folder / "kept.txt").write_text(text, encoding="utf-8")
        code, out, _ = run("check", str(books.folder / "kept.txt"))
        assert code == 0
        assert all(line.startswith("consistent: ") for line in out.splitlines())
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(tokens)))
    assert [row["what"] for row in json.loads(run("check", "-", "--json")[1])] == [
        "checkpoint",
        "checkpoint",
        "receipt",
    ]


def test_a_text_without_a_token_and_a_missing_file_are_told(books: Books, run: Run) -> None:
    (books.folder / "kept.txt").write_text("nothing")
    code, _, err = run("check", str(books.folder / "kept.txt"))
    assert (code, "no token in it" in err) == (ExitCode.USAGE, True)
    assert run("check", str(books.folder / "missing"))[0] == ExitCode.IO


def altered(books: Books) -> None:
    """Everything rewritten after an altered record, as who holds the file can."""
    from collector.ledger.tree import fill_nodes
    from collector.merkle import Frontier

    books.db.execute("DROP TRIGGER records_are_never_changed")
    books.db.execute("UPDATE records SET digest = ? WHERE position = 2", [b"x" * 32])
    rows = books.db.execute("SELECT digest FROM records ORDER BY position").fetchall()
    frontier = Frontier()
    frontier.extend([row[0] for row in rows])
    books.db.execute(
        "UPDATE ledger_state SET frontier = ?, root = ?", [frontier.packed(), frontier.root()]
    )
    books.db.execute("DROP TRIGGER merkle_nodes_are_never_deleted")
    books.db.execute("DELETE FROM merkle_nodes")
    fill_nodes(books.db.conn)


def went_back(books: Books) -> None:
    books.db.execute("DROP TRIGGER records_are_only_purged")
    books.db.execute("PRAGMA foreign_keys = OFF")
    books.db.execute("DELETE FROM records WHERE position > 2")
    books.db.execute("UPDATE ledger_state SET size = 2")


def restored_without_the_day(books: Books) -> None:
    went_back(books)
    begin_gen(books.db, "restored", 5)


@pytest.mark.parametrize(
    ("break_it", "problem"),
    [
        (altered, "root of the first 3 rows: here "),
        (went_back, "the ledger has only 2 rows, this says 3: it was cut"),
        (restored_without_the_day, "the ledger went back to 2 rows, this says 3"),
    ],
)
def test_an_altered_ledger_is_not_consistent_with_what_others_keep(
    books: Books, run: Run, break_it: Callable[[Books], None], problem: str
) -> None:
    books.grow(3)
    (books.folder / "kept.txt").write_text(books.checkpoint(1))
    books.grow(1)
    break_it(books)
    code, out, _ = run("check", str(books.folder / "kept.txt"))
    assert code == ExitCode.FAILURE
    assert out.startswith("NOT CONSISTENT: checkpoint 2026-07-01 size 3")
    assert problem in out


def test_what_is_not_of_this_hall_key_or_ledger_is_told_apart(
    books: Books, run: Run, tmp_path: Path, small_fleet: Any, journal_of: Any
) -> None:
    books.grow(3)
    kept = tmp_path / "kept.txt"
    token = books.checkpoint(1)
    (tmp_path / "other").mkdir()
    other = Books(tmp_path / "other", small_fleet(), journal_of("dev-2"))
    other.grow(1)

    def says(text: str, *arguments: str) -> str:
        kept.write_text(text)
        code, out, _ = run("check", str(kept), *arguments)
        assert code == ExitCode.FAILURE
        return out

    assert "signed by key" in says(other.checkpoint(1))
    header, _, signature = token.split(".")
    forged = ".".join([header, books.checkpoint(2).split(".")[1], signature])
    assert "the signature is not the collector's" in says(forged)
    assert "cannot be read" in says("a.b.c")
    other.key = books.key
    assert "of another ledger" in says(other.checkpoint(2))
    on = date(2026, 7, 3)
    foreign = make_checkpoint(books.db, on, hall="hall-2", key=books.key, now_ms=1).token.decode()
    assert "of hall hall-2" in says(foreign)
    save_verify_key(tmp_path / "public.jwk", journal_of("dev-3").key.public)
    assert "signed by key" in says(token, "--public-key", str(tmp_path / "public.jwk"))
    other.db.close()
