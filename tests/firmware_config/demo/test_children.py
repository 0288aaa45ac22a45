import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from firmware_config.demo.children import Child, ChildDied

NOTIFY = """
import os, socket, sys, time
def say(text):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        name = os.environ["NOTIFY_SOCKET"]
        try:
            out.sendto(text.encode(), "\\0" + name[1:])
        except OSError:
            pass
"""


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[str], Child]]:
    """A child that runs a piece of Python; stopped at the end."""
    made: list[Child] = []

    def child(program: str) -> Child:
        command = [sys.executable, "-c", NOTIFY + program]
        made.append(Child("part", command, tmp_path / "log" / "part.log", dict(os.environ)))
        made[-1].start()
        return made[-1]

    yield child
    for one in made:
        one.stop()


def wait_ready(child: Child) -> None:
    end = time.monotonic() + 20
    while not child.is_ready(wait_s=0.1):
        child.check()
        assert time.monotonic() < end


def test_a_child_is_ready_when_it_says_so_and_not_before(make: Callable[[str], Child]) -> None:
    child = make(
        'say("STATUS=not yet"); time.sleep(0.3); say("STATUS=x\\nREADY=1"); time.sleep(60)'
    )

    assert not child.is_ready(wait_s=0.01)
    wait_ready(child)
    assert child.is_ready(wait_s=0.01)


def test_a_child_that_ends_is_told_with_its_status_and_its_last_lines(
    make: Callable[[str], Child],
) -> None:
    child = make('print("line one"); print("it went wrong", file=sys.stderr); sys.exit(3)')

    with pytest.raises(ChildDied, match="part: ended with exit code 3") as raised:
        wait_ready(child)

    assert set(raised.value.lines) == {"line one", "it went wrong"}


def test_a_talkative_child_never_waits_for_us(make: Callable[[str], Child]) -> None:
    child = make(
        'say("READY=1")\n'
        "for _ in range(200):\n    say('WATCHDOG=1')\n"
        'print("still here", flush=True); time.sleep(60)'
    )
    wait_ready(child)

    end = time.monotonic() + 20
    while child.last_lines() != ["still here"]:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_stopping_lets_it_finish_its_work_and_can_be_repeated(make: Callable[[str], Child]) -> None:
    child = make(
        "import signal\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('finished', flush=True), sys.exit(0)))\n"
        'say("READY=1"); time.sleep(60)'
    )
    wait_ready(child)

    assert child.stop() == 0
    assert child.last_lines() == ["finished"]
    assert child.stop() is None


def test_one_that_will_not_stop_is_killed(
    make: Callable[[str], Child], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firmware_config.demo.children.STOP_S", 0.3)
    child = make(
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        'say("READY=1"); time.sleep(60)'
    )
    wait_ready(child)

    assert child.stop() == -9
