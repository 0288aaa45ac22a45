"""kill -9 at any moment leaves whole exports or none, and the next run goes on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap

import pytest

from collector.export.folders import ExportFolder, ExportUnwritable
from firmware_config.errors import ExitCode

_PROGRAM = textwrap.dedent("""
    import os, signal, sys
    from datetime import datetime
    from pathlib import Path
    from collector.export.command import add_parser, run
    from collector.settings import CollectorSettings, ExportSettings
    from firmware_config.settings_broker import BrokerSettings
    import argparse

    folder, now, stop_at = Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2]), int(sys.argv[3])
    calls, fsync = 0, os.fsync
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT

    def stop_here():
        global calls
        calls += 1
        if calls == stop_at:
            os.kill(os.getpid(), signal.SIGSTOP)  # stands still until the test kills it

    def on_event(event, args):  # before every change of a file or folder, whoever makes it
        if event in ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "fcntl.flock"):
            stop_here()
        elif event == "open" and args[2] & writing and str(folder) in str(args[0]):
            stop_here()

    def stopping_fsync(descriptor):
        stop_here()
        fsync(descriptor)

    os.fsync = stopping_fsync
    sys.addaudithook(on_event)
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    settings = CollectorSettings(
        hall="hall-1", fleet=folder, device_keys=folder, key=folder / "key",
        ledger=folder / "ledger.db", broker=BrokerSettings(host="localhost"),
        export=ExportSettings(folder=folder / "export"),
    )
    sys.exit(run(parser.parse_args(["export"]), settings, clock=lambda: now))
""")


@pytest.fixture
def busy_hall(hall, at):
    """Three days with ratings."""
    for day in (2, 3, 4):
        for minute in range(10):
            hall.devices["w-a01"].serve(at(day, 9, minute), 5 - minute % 5)
        hall.store(at(day, 18))
    return hall


def kill_at(hall, now, call):
    """Run an export and kill -9 it at its n-th system call of interest; False: it ended before."""
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(hall.folder), now.isoformat(), str(call)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            process.returncode = os.waitstatus_to_exitcode(status)
            assert process.returncode == 0
            return False
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    finally:
        process.stdout.close()


@pytest.mark.system
def test_killed_at_every_step_what_is_visible_is_whole_and_the_next_run_completes(busy_hall, at):
    call, seen = 0, set()

    while kill_at(busy_hall, at(4, 2), call := call + 1):
        made = ExportFolder(busy_hall.exports).exports()
        assert not made or busy_hall.check().findings == []
        seen.add(len(made))

        assert busy_hall.export(now=at(4, 2)) is ExitCode.OK
        made = ExportFolder(busy_hall.exports).exports()
        assert [export.name for export in made] == ["2026-11-02", "2026-11-03"]
        assert busy_hall.check().findings == []
        hidden = sorted(p.name for p in busy_hall.exports.iterdir() if p.name.startswith("."))
        assert hidden == [".lock", ".state.json"]
        shutil.rmtree(busy_hall.exports)

    assert call > 30
    assert seen == {0, 1, 2}  # kills hit before, between and after exports


@pytest.mark.system
def test_an_export_standing_still_keeps_another_one_out(busy_hall, at):
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(busy_hall.folder), at(5, 2).isoformat(), "4"],
        stdout=subprocess.DEVNULL,
    )
    try:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        with pytest.raises(BlockingIOError, match="another export is running"):
            busy_hall.export(now=at(5, 2))
    finally:
        process.kill()
        process.wait()
    assert busy_hall.export(now=at(5, 2)) is ExitCode.OK


def test_a_full_disk_leaves_nothing_half_written(busy_hall, at, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    busy_hall.export(now=at(3, 2))
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(ExportUnwritable, match="No space left") as caught:
            busy_hall.export(now=at(5, 2))

    assert caught.value.exit_code is ExitCode.IO
    assert [e.name for e in ExportFolder(busy_hall.exports).exports()] == ["2026-11-02"]
    assert not list(busy_hall.exports.glob(".*.partial"))
    assert busy_hall.export(now=at(5, 2)) is ExitCode.OK
    assert busy_hall.check().findings == []
