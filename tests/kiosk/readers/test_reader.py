"""Readers as a device meets them: plugged, pulled out, read too often, shown the wrong card."""

from __future__ import annotations

import errno
import logging
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from serial import SerialException

from firmware_config.contract import Kind
from firmware_config.counter_settings import ReaderSettings
from kiosk.clock import ManualClock
from kiosk.events import BadgeRead, Event, Noted
from kiosk.readers import reader_of
from kiosk.readers.evdev import INPUT_EVENT, EvdevSource, grab
from kiosk.readers.lines import NumberShape
from kiosk.readers.reader import REPORT_MS, Reader
from kiosk.readers.serial import SerialSource, _as_os_error

if TYPE_CHECKING:
    from tests.kiosk.readers.conftest import Full, Keyboard, Typist

PATIENCE_S = 20
RESIDENT_ID = "11010519491231002X"


class Events(queue.SimpleQueue[Event]):
    """What the reader gave, waited for."""

    def next(self) -> Event:
        return self.get(timeout=PATIENCE_S)

    def staff_no(self) -> str:
        event = self.next()
        assert isinstance(event, BadgeRead)
        return event.staff_no


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, "it never came"
        threading.Event().wait(0.001)


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def reader(typist: Typist, events: Events, clock: ManualClock) -> Iterator[Reader]:
    """A reader of the device, started by the test; a device that is away is tried all the time."""
    reader = Reader(
        typist.source(),
        name=str(typist.path),
        shape=NumberShape(),
        on_event=events.put,
        clock=clock,
        retry_s=(0.001,),
    )
    yield reader
    reader.stop()


@pytest.fixture
def ready(reader: Reader, typist: Typist, events: Events) -> Reader:
    """The same, started, and known to read."""
    typist.plug()
    reader.start()
    wait_until(lambda: reader.is_ready)
    return reader


def test_a_line_is_a_badge_at_the_time_it_ended(
    ready: Reader, typist: Typist, events: Events, clock: ManualClock
) -> None:
    clock.advance(5_000)
    typist.type("A1024\n")

    assert events.next() == BadgeRead(at_ms=clock.mono_ms(), staff_no="A1024")
    assert (ready.is_alive, ready.is_ready, ready.problem) == (True, True, "")


def test_the_same_badge_counts_once_within_three_seconds_and_again_after(
    ready: Reader, typist: Typist, events: Events, clock: ManualClock
) -> None:
    typist.type("1024\n1024\n2048\n")
    assert [events.staff_no(), events.staff_no()] == ["1024", "2048"]
    clock.advance(3_000)
    typist.type("2048\n")

    assert events.staff_no() == "2048"


def test_a_half_typed_number_is_forgotten_after_ten_seconds(
    ready: Reader, typist: Typist, events: Events, clock: ManualClock
) -> None:
    typist.type("7777\n99")
    assert events.staff_no() == "7777"
    wait_until(lambda: "".join(ready._lines._characters) == "99")
    clock.advance(10_001)
    typist.type("1024\n")

    assert events.staff_no() == "1024"


def test_a_card_that_is_no_badge_is_counted_and_its_content_told_to_nobody(
    ready: Reader, typist: Typist, events: Events, caplog: pytest.LogCaptureFixture
) -> None:
    typist.type(f"{RESIDENT_ID}\n{'9' * 100}\nhttp://x/?secret\n1024\n")

    assert events.staff_no() == "1024"
    ready.stop()
    assert ready.rejected == 3
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert 1 <= len(warnings) <= 3
    for record in caplog.records:
        for secret in (RESIDENT_ID, "9999", "secret"):
            assert secret not in record.getMessage()


def test_keys_the_kernel_had_to_drop_make_no_wrong_number(
    hasty: Full | Keyboard, events: Events, clock: ManualClock
) -> None:
    reader = Reader(
        hasty.source(),
        name="x",
        shape=NumberShape(),
        on_event=events.put,
        clock=clock,
        retry_s=(0.001,),
    )
    reader.start()
    wait_until(lambda: reader.is_ready)
    hasty.burst("a" * 200 + "1024\n")
    wait_until(lambda: reader.rejected == 1)

    hasty.type("2048\n")

    assert events.staff_no() == "2048"
    reader.stop()


def test_a_device_pulled_out_is_told_once_and_read_again_when_it_is_back(
    ready: Reader, typist: Typist, events: Events, caplog: pytest.LogCaptureFixture
) -> None:
    typist.unplug()
    fault = events.next()
    wait_until(lambda: "No such file" in ready.problem)
    typist.plug()
    wait_until(lambda: ready.is_ready)
    typist.type("1024\n")

    assert isinstance(fault, Noted)
    assert (fault.kind, fault.fields["reason"]) == (Kind.FAULT, "reader-lost")
    assert str(typist.path) in fault.fields["detail"]
    assert events.staff_no() == "1024"
    assert [record.levelno for record in caplog.records].count(logging.ERROR) == 1


def test_a_loose_plug_does_not_fill_the_journal(
    ready: Reader, typist: Typist, events: Events, clock: ManualClock
) -> None:
    for _ in range(3):
        typist.unplug()
        wait_until(lambda: not ready.is_ready)
        typist.plug()
        wait_until(lambda: ready.is_ready)
    typist.type("1024\n")
    assert isinstance(events.next(), Noted)
    assert events.staff_no() == "1024"
    clock.advance(REPORT_MS)
    typist.unplug()

    assert isinstance(events.next(), Noted)


class HalfDead:
    """Opens, and fails at a later read: a stick that dies, a line that another program empties.

    Args:
        good: reads of each opening that succeed.
    """

    def __init__(self, good: int = 0) -> None:
        self._good = good
        self._left = 0
        self._descriptor: int | None = None
        self.opens = 0

    def open(self) -> int:
        self.opens += 1
        assert self.opens <= 10_000, "it is opened without a pause"  # ends the thread
        self._left = self._good
        self._descriptor, end = os.pipe()
        os.close(end)  # always something to read: its end
        return self._descriptor

    def read(self) -> str:
        if self._left:
            self._left -= 1
            return ""
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def waits_of(
    source: HalfDead, events: Events, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> list[float]:
    """How long the reader waited after each of six losses, seven seconds each in the log's time."""
    waits: list[float] = []
    reader = Reader(source, name="x", shape=NumberShape(), on_event=events.put, clock=clock)
    is_woken = reader._is_woken

    def note(descriptor: int | None, wait_s: float | None) -> bool:
        if descriptor is not None:
            return is_woken(descriptor, wait_s)
        assert wait_s is not None
        waits.append(wait_s)
        clock.advance(7_000)
        reader._is_stopping = len(waits) == 6
        return not reader._is_stopping

    monkeypatch.setattr(reader, "_is_woken", note)
    reader.start()
    wait_until(lambda: not reader.is_alive)
    reader.stop()
    return waits


def test_a_device_that_opens_and_cannot_be_read_is_tried_ever_more_seldom_and_told_once(
    events: Events,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    source = HalfDead()

    waits = waits_of(source, events, clock, monkeypatch)

    assert waits == [1.0, 2.0, 5.0, 10.0, 10.0, 10.0]
    assert source.opens == len(waits)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert isinstance(events.next(), Noted)
    assert events.empty()


def test_a_device_that_comes_and_goes_is_waited_for_each_time_and_logged_once_a_minute(
    events: Events,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)

    waits = waits_of(HalfDead(good=1), events, clock, monkeypatch)

    assert waits == [1.0] * 6
    levels = [record.levelname for record in caplog.records]
    assert levels == ["INFO", "ERROR", "INFO"]  # ready, lost, ready again, and then nothing


def test_a_loss_that_was_not_logged_is_logged_when_it_lasts(
    events: Events, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    reader = Reader(
        HalfDead(),
        name="x",
        shape=NumberShape(),
        on_event=events.put,
        clock=clock,
        retry_s=(0.001,),
    )
    reader._logged_ms = clock.mono_ms()  # an earlier loss, just now

    reader.start()
    assert isinstance(events.next(), Noted)
    assert not caplog.records
    clock.advance(60_000)

    wait_until(lambda: bool(caplog.records))
    reader.stop()
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_a_device_that_is_back_and_silent_is_well_after_a_while(
    typist: Typist, events: Events, clock: ManualClock
) -> None:
    reader = Reader(
        typist.source(), name="x", shape=NumberShape(), on_event=events.put, clock=clock,
        retry_s=(0.001,), settle_s=0.001,
    )  # fmt: skip
    reader.start()
    wait_until(lambda: reader.problem != "")

    typist.plug()

    wait_until(lambda: reader.problem == "")
    reader.stop()


def test_a_device_that_is_not_there_at_the_start_is_no_error_and_found_later(
    reader: Reader, typist: Typist, events: Events
) -> None:
    reader.start()
    assert isinstance(events.next(), Noted)
    wait_until(lambda: reader.problem != "")
    typist.plug()
    wait_until(lambda: reader.is_ready)
    typist.type("1024\n")

    assert reader.is_alive
    assert events.staff_no() == "1024"


def test_stopping_is_prompt_idempotent_and_lets_the_device_go(
    ready: Reader, typist: Typist
) -> None:
    descriptors = len(os.listdir("/proc/self/fd"))
    ready.stop()
    ready.stop()

    assert not ready.is_alive
    assert len(os.listdir("/proc/self/fd")) < descriptors


def test_a_reader_that_never_started_can_be_stopped(reader: Reader) -> None:
    reader.stop()

    assert not reader.is_alive


def test_it_can_be_started_again(ready: Reader, typist: Typist, events: Events) -> None:
    ready.stop()
    ready.start()
    wait_until(lambda: ready.is_ready)
    typist.type("1024\n")

    assert events.staff_no() == "1024"


def test_stopping_waits_for_no_backoff(typist: Typist, events: Events, clock: ManualClock) -> None:
    reader = Reader(
        typist.source(),
        name="x",
        shape=NumberShape(),
        on_event=events.put,
        clock=clock,
        retry_s=(3600,),
    )
    reader.start()
    events.next()

    reader.stop()

    assert not reader.is_alive


def test_a_bug_ends_the_thread_and_shows(
    typist: Typist, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(event: Event) -> None:
        raise LookupError("a bug")

    reader = Reader(typist.source(), name="x", shape=NumberShape(), on_event=fail, clock=clock)
    reader.start()
    wait_until(lambda: not reader.is_alive)

    assert "a bug" in reader.problem
    assert "reader ended" in caplog.text
    reader.stop()


def test_a_grab_that_is_refused_leaves_the_device_closed(tmp_path: Path) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    path = tmp_path / "event0"
    os.mkfifo(path)
    before = len(os.listdir("/proc/self/fd"))

    with pytest.raises(OSError, match="busy"):
        EvdevSource(str(path), grab=refuse).open()
    with pytest.raises(OSError, match="ioctl"):
        EvdevSource(str(path), grab=grab).open()  # a pipe cannot be grabbed
    assert len(os.listdir("/proc/self/fd")) == before


def test_an_event_has_the_kernels_size() -> None:
    assert INPUT_EVENT.size == (24 if sys.maxsize > 2**32 else 16)


def test_a_serial_line_that_another_program_holds_is_refused(tmp_path: Path) -> None:
    ends = os.openpty()
    path = os.ttyname(ends[1])
    first, second = SerialSource(path, baud=9600), SerialSource(path, baud=9600)
    first.open()

    with pytest.raises(OSError, match="temporarily unavailable"):
        second.open()
    first.close()
    second.open()
    second.close()
    for end in ends:
        os.close(end)


def test_what_pyserial_says_becomes_one_word_of_the_system() -> None:
    assert _as_os_error(SerialException(errno.EACCES, "could not open")).errno == errno.EACCES
    assert _as_os_error(SerialException("device reports readiness")).errno == errno.ENODEV


@pytest.mark.parametrize(
    ("kind", "source"), [("evdev", EvdevSource), ("serial", SerialSource), ("none", None)]
)
def test_the_setting_decides_which_reader_there_is(
    kind: str, source: type | None, events: Events, clock: ManualClock
) -> None:
    settings = ReaderSettings(kind=kind, device="/dev/ttyUSB0")

    reader = reader_of(settings, on_event=events.put, clock=clock)

    assert source is None if reader is None else type(reader._source) is source


def test_the_settings_say_what_a_staff_number_looks_like(
    events: Events, clock: ManualClock
) -> None:
    settings = ReaderSettings(
        kind="serial", device="/dev/ttyUSB0",
        prefix="Y", suffix="P", characters="digits", shortest=3, longest=4,
    )  # fmt: skip

    reader = reader_of(settings, on_event=events.put, clock=clock)

    assert reader is not None
    shape = NumberShape(prefix="Y", suffix="P", is_digits=True, shortest=3, longest=4)
    assert reader._badges._shape == shape


@pytest.mark.parametrize(
    ("kind", "absent"),
    [
        ("none", ["serial", "kiosk.readers.reader", "kiosk.readers.evdev"]),
        ("evdev", ["serial", "kiosk.readers.serial"]),
        ("serial", ["kiosk.readers.evdev"]),
    ],
)
def test_only_what_the_kind_needs_is_imported(kind: str, absent: list[str]) -> None:
    code = f"""
import sys
from firmware_config.counter_settings import ReaderSettings
from kiosk.clock import ManualClock
from kiosk.readers import reader_of
settings = ReaderSettings(kind={kind!r}, device="/dev/null")
reader_of(settings, on_event=print, clock=ManualClock())
found = [name for name in {absent!r} if name in sys.modules]
assert not found, found
"""
    subprocess.run([sys.executable, "-c", code], check=True)
