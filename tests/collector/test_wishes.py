"""The hand-over between dashboard and service: small files, each side writing its own folder."""

from __future__ import annotations

import json
import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.commanding import NoAnswer, Result, Silence
from collector.wish_service import (
    DEVICE_EVERY_S,
    MOST_A_MINUTE,
    WishLimits,
    WishService,
)
from collector.wishes import SENDING_S, SERVING_S, WISH_LIFE_S, Fate, Spool, Told, Wish
from firmware_config.contract import CONTRACT_VERSION, Answer, Identify

NOW = 1_800_000_000_000


def wish(number: int = 1, device: str = "w-a01", **changed: Any) -> Wish:
    values = {"asked_by": "li", "asked_ms": NOW, **changed}
    return Wish(id=f"{number:022d}", do="identify", device=device, **values)


class Sender:
    """Stands for the dispatcher: keeps what it is to send, and answers as told."""

    def __init__(self) -> None:
        self.sent: list[tuple[Identify, str, str]] = []
        self.outcome: Callable[[Identify], Result] = lambda command: Answer(
            dev=command.dev, id=command.id, outcome="done", v=CONTRACT_VERSION
        )
        self.error: Exception | None = None
        self.is_free = threading.Event()
        self.is_free.set()

    def new_command(
        self, kind: type[Identify], device: str, *, life_s: float, duration_s: int
    ) -> Identify:
        return kind(
            dev=device,
            id="c" * 22,
            issued_at="2026-05-13T07:12:00.000Z",
            expires_at="2026-05-13T07:12:20.000Z",
            v=CONTRACT_VERSION,
            duration_s=duration_s,
        )

    def send(
        self, commands: list[Identify], *, by: str, timeout_s: float, asked_by: str
    ) -> list[Result]:
        self.is_free.wait(60)
        if self.error is not None:
            raise self.error
        self.sent += [(command, by, asked_by) for command in commands]
        return [self.outcome(command) for command in commands]


class Served:
    """A spool with a service whose clock stands."""

    def __init__(self, folder: Path) -> None:
        self.now_ms = NOW
        self.spool = Spool(folder)
        self.sender = Sender()
        self.service = WishService(
            self.spool,
            self.sender,
            by="yiping-command@hall",
            devices={"w-a01", "w-a02"},
            clock_ms=lambda: self.now_ms,
        )

    def fate(self, one: Wish) -> Told:
        told = self.spool.fate(one.id, now_ms=self.now_ms)
        assert told is not None
        return told


@pytest.fixture
def served(tmp_path: Path) -> Any:
    made = Served(tmp_path / "wishes")
    yield made
    made.sender.is_free.set()
    made.service.stop()


def test_a_wish_is_sent_once_and_told_with_who_asked(served: Served) -> None:
    one = wish()
    served.service.turn()
    served.spool.ask(one)
    assert served.fate(one).fate is Fate.WAITING
    served.sender.is_free.clear()
    served.service.turn()
    assert served.fate(one).fate is Fate.SENDING
    served.sender.is_free.set()
    served.service.stop()
    assert served.fate(one).fate is Fate.DONE
    [(command, by, asked_by)] = served.sender.sent
    assert (command.dev, command.duration_s) == ("w-a01", 15)
    assert (by, asked_by) == ("yiping-command@hall", "li (dashboard)")
    assert list(served.spool.wishes()) == []


@pytest.mark.parametrize(
    ("outcome", "fate", "reason"),
    [
        (lambda c: NoAnswer(c.dev, c.id, Silence.OFFLINE, ""), Fate.NO_ANSWER, "offline"),
        (
            lambda c: Answer(
                dev=c.dev, id=c.id, outcome="refused", reason="testing", v=CONTRACT_VERSION
            ),
            Fate.REFUSED,
            "testing",
        ),
    ],
)
def test_what_the_device_did_is_told(served: Served, outcome: Any, fate: Fate, reason: str) -> None:
    served.sender.outcome = outcome
    served.spool.ask(wish())
    served.service.turn()
    served.service.stop()
    told = served.fate(wish())
    assert (told.fate, told.reason) == (fate, reason)


def test_a_log_that_cannot_be_written_is_told_and_the_service_goes_on(served: Served) -> None:
    served.sender.error = OSError("disk full")
    served.spool.ask(wish())
    served.service.turn()
    served.service.stop()
    assert served.fate(wish()).fate is Fate.FAILED
    served.service.turn()


def test_without_a_service_the_page_says_so(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.ask(wish())
    fates = [spool.fate(wish().id, now_ms=NOW)]
    spool.serve(now_ms=NOW)
    fates.append(spool.fate(wish().id, now_ms=NOW))
    later = NOW + int(SERVING_S * 1000) + 1
    fates.append(spool.fate(wish().id, now_ms=later))
    fates.append(spool.fate(wish().id, now_ms=NOW + int(WISH_LIFE_S * 1000) + 1))
    assert [told and told.fate for told in fates] == [
        Fate.NOBODY,
        Fate.WAITING,
        Fate.NOBODY,
        Fate.TOO_LATE,
    ]
    assert spool.fate("x" * 22, now_ms=NOW) is None


def test_a_service_that_was_killed_while_it_sent_leaves_no_wish_open(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.tell(Told(id=wish().id, device="w-a01", fate=Fate.SENDING, told_ms=NOW))
    soon, later = NOW + 1000, NOW + int(SENDING_S * 1000) + 1
    assert [spool.fate(wish().id, now_ms=at).fate for at in (soon, later)] == [  # type: ignore[union-attr]
        Fate.SENDING,
        Fate.NO_ANSWER,
    ]


@pytest.mark.parametrize(
    ("one", "fate"),
    [
        (wish(device="w-zzz"), Fate.UNKNOWN_DEVICE),
        (wish(asked_ms=NOW - int(WISH_LIFE_S * 1000) - 1), Fate.TOO_LATE),
        (wish(asked_ms=NOW + 60_000), Fate.TOO_LATE),
        (wish(), None),
    ],
)
def test_a_wish_is_judged(one: Wish, fate: Fate | None) -> None:
    assert WishLimits({"w-a01"}).judge(one, NOW) is fate


def test_one_device_is_not_asked_again_at_once() -> None:
    limits = WishLimits({"w-a01", "w-a02"})
    again_ms = NOW + int(DEVICE_EVERY_S * 1000)
    assert limits.judge(wish(1), NOW) is None
    assert limits.judge(wish(2), again_ms - 1) is Fate.TOO_MANY
    assert limits.judge(wish(3, "w-a02"), again_ms - 1) is None
    assert limits.judge(wish(4), again_ms) is None


@given(st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 40)), max_size=120))
def test_no_minute_has_more_than_the_most(steps: list[tuple[int, int]]) -> None:
    limits = WishLimits({f"w-{number}" for number in range(41)})
    now_ms, granted = NOW, []
    for step_ms, number in steps:
        now_ms += step_ms
        if limits.judge(wish(device=f"w-{number}", asked_ms=now_ms), now_ms) is None:
            granted.append((now_ms, number))
    for at, device in granted:
        assert sum(at <= other < at + 60_000 for other, _ in granted) <= MOST_A_MINUTE
        assert not any(
            one == device and at < other < at + DEVICE_EVERY_S * 1000 for other, one in granted
        )


def _document(**changed: Any) -> bytes:
    told = {"id": "0" * 22, "do": "identify", "device": "w-a01", "asked_by": "li", "asked_ms": NOW}
    return json.dumps(told | changed).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        _document(do="pause"),
        _document(do="settings"),
        _document(device="../x"),
        _document(device="W"),
        _document(asked_by=""),
        _document(asked_by="x" * 65),
        _document(asked_by="li\nforged line"),
        _document(id="../../etc/passwd"),
        _document(id="1" * 22),
        _document(asked_ms="now"),
        _document(asked_by="x" * 3000),
    ],
)
def test_what_is_no_wish_is_left_alone(served: Served, content: bytes) -> None:
    served.spool.asked.mkdir(parents=True)
    (served.spool.asked / f"{'0' * 22}.json").write_bytes(content)
    served.service.turn()
    served.service.stop()
    assert served.sender.sent == []


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_a_file_that_is_none_neither_misleads_nor_stops_the_service(
    served: Served, tmp_path: Path, kind: str
) -> None:
    path = served.spool.asked / f"{'0' * 22}.json"
    path.parent.mkdir(parents=True)
    if kind == "link":
        secret = tmp_path / "secret"
        secret.write_bytes(_document())
        path.symlink_to(secret)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    served.service.turn()
    served.service.stop()
    assert served.sender.sent == []


def test_both_sides_can_read_each_other_whatever_their_umask(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    before = os.umask(0o077)
    try:
        spool.ask(wish())
        spool.tell(Told(id=wish().id, device="w-a01", fate=Fate.DONE, told_ms=NOW))
    finally:
        os.umask(before)
    for folder in (spool.asked, spool.told):
        [path] = folder.iterdir()
        assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_old_files_are_taken_away_by_who_wrote_them(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.ask(wish(1))
    spool.tell(Told(id=wish(1).id, device="w-a01", fate=Fate.DONE, told_ms=NOW))
    for path in (spool.asked / f"{wish(1).id}.json", spool.told / f"{wish(1).id}.json"):
        os.utime(path, (NOW / 1000 - 7200, NOW / 1000 - 7200))
    spool.ask(wish(2))
    assert [path.stem for path in spool.asked.iterdir()] == [wish(2).id]
    spool.serve(now_ms=NOW)
    assert [path.name for path in spool.told.iterdir()] == ["serving"]


def test_a_folder_full_of_wishes_takes_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collector.wishes.MOST_FILES", 3)
    spool = Spool(tmp_path)
    now_ms = time.time_ns() // 1_000_000  # files have the time of the disk
    for number in range(3):
        spool.ask(wish(number, asked_ms=now_ms))
    with pytest.raises(OSError, match="expected fewer than 3 wishes"):
        spool.ask(wish(4, asked_ms=now_ms))
    assert len(list(spool.wishes())) == 3
