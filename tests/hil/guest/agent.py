"""Runs inside the virtual Pi, as root: hands on keys, eyes on lights, and a shell for the tests.

Takes one JSON object a line from the host over a virtio port, answers with one. Everything that
must be timed (bounces, presses, how fast a light follows) is timed here, never by the host. Knows
nothing of the kiosk: keys and lights are GPIO numbers, a press pulls a line to ground through
gpio-sim's sysfs, a light is read back from there.

Only the standard library, only what is in a minimal Debian.
"""

from __future__ import annotations

import base64
import ctypes
import json
import os
import subprocess
import time
import traceback
from pathlib import Path
from typing import Any, Final

PORT: Final = "/dev/virtio-ports/yiping.hil"
LINES: Final = Path("/sys/devices/platform/gpio-sim.0/gpiochip0")
LIVE: Final = Path("/sys/kernel/config/gpio-sim/pi/live")
LOOK_S: Final = 0.002
"""Pause between two looks at the lights: the guest has one slow processor, the kiosk needs it."""
HOLD_S: Final = 0.06
"""How long the clerk's key is held: well over the debounce time."""

opened: dict[str, int] = {}


def boot_ms() -> float:
    """CLOCK_BOOTTIME in milliseconds, as the kiosk's records have it."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) / 1e6


def _file(gpio: int, name: str) -> int:
    path = f"{LINES}/sim_gpio{gpio}/{name}"
    if path not in opened:
        opened[path] = os.open(path, os.O_RDWR if name == "pull" else os.O_RDONLY)
    return opened[path]


def pull(gpio: int, is_down: bool) -> None:
    """Close (to ground) or open the contact of a key."""
    os.pwrite(_file(gpio, "pull"), b"pull-down" if is_down else b"pull-up", 0)


def is_high(gpio: int) -> bool:
    """Level of a line, as an output drives it or an input sees it."""
    return os.pread(_file(gpio, "value"), 2, 0)[:1] == b"1"


def until(on: list[int], off: list[int], within_s: float) -> float | None:
    """Wait until lights are on and others off; returns when (boot_ms), None: not in time."""
    end = time.monotonic() + within_s
    while True:
        if all(is_high(gpio) for gpio in on) and not any(is_high(gpio) for gpio in off):
            return boot_ms()
        if time.monotonic() > end:
            return None
        time.sleep(LOOK_S)


class Agent:
    """One method for each request; the request's other fields are its arguments."""

    def __init__(self, port: Any) -> None:
        self.port = port

    def say(self, message: dict[str, Any]) -> None:
        """Send one message; the host has it when this returns."""
        left = json.dumps(message).encode() + b"\n"
        while left:
            left = left[self.port.write(left) :]

    def hello(self) -> dict[str, Any]:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")
        return {"boot": boot, "boot_ms": boot_ms(), "wall_s": time.time()}

    def run(self, argv: list[str], within_s: float = 60, cwd: str = "/root") -> dict[str, Any]:
        """Run a command to its end; output is text."""
        done = subprocess.run(
            argv, cwd=cwd, capture_output=True, timeout=within_s, stdin=subprocess.DEVNULL
        )
        out, err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        return {"status": done.returncode, "out": out, "err": err}

    def put(self, path: str, content: str, mode: int) -> dict[str, Any]:
        """Write a file, its content in base64, with a full sync."""
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(base64.b64decode(content))
            file.flush()
            os.fsync(file.fileno())
        return {}

    def edges(self, script: list[list[float]]) -> dict[str, Any]:
        """Move keys by a timetable.

        Args:
            script: `[at_ms since the begin, gpio, 1 for down or 0 for up]`, in order.

        Returns:
            `at_ms`: when each was done (boot_ms).
        """
        for _, gpio, _ in script:
            _file(int(gpio), "pull")
        begun, done = time.perf_counter_ns(), []
        for at_ms, gpio, is_down in script:
            due_ns = begun + round(at_ms * 1e6)
            while (left_ns := due_ns - time.perf_counter_ns()) > 0:
                if left_ns > 400_000:
                    time.sleep((left_ns - 300_000) / 1e9)  # the kiosk needs the processor too
            done.append(boot_ms())
            pull(int(gpio), bool(is_down))
        return {"at_ms": done}

    def values(self, gpios: list[int]) -> dict[str, Any]:
        return {"high": [gpio for gpio in gpios if is_high(gpio)]}

    def wait(self, on: list[int], off: list[int], within_s: float) -> dict[str, Any]:
        return {"at_ms": until(on, off, within_s)}

    def serve(
        self, keys: list[list[int]], clerk: int, lights: list[int], buzzer: int, within_s: float
    ) -> dict[str, Any]:
        """Invite and press, once for each of `keys`; tell the host of every step as it happens.

        Args:
            keys: `[gpio of the key, gpio of its light]` of each press.
            clerk: the key that invites.
            lights: all keys' lights.
            within_s: how long each answer may take.
        """
        for number, (key, light) in enumerate(keys):
            pull(clerk, True)
            time.sleep(HOLD_S)
            pull(clerk, False)
            if until(lights, [], within_s) is None:
                return {"failed": number, "what": "not invited"}
            self.say({"event": "tried", "number": number})
            pressed_ms = boot_ms()
            pull(key, True)
            others = [gpio for gpio in lights if gpio != light]
            thanked_ms = until([light], others, within_s)
            if thanked_ms is not None:
                told = {"event": "thanked", "number": number}
                self.say(told | {"pressed_ms": pressed_ms, "thanked_ms": thanked_ms})
            has_beeped = until([buzzer], [], 0.1) is not None
            pull(key, False)
            if thanked_ms is None:
                return {"failed": number, "what": "not thanked"}
            self.say({"event": "released", "number": number, "has_beeped": has_beeped})
            time.sleep(0.03)  # a release settles too
        return {}

    def power_chip(self, is_on: bool) -> dict[str, Any]:
        """Take the GPIO chip away or put it back: as a driver that is unbound."""
        for file in opened.values():
            os.close(file)
        opened.clear()
        LIVE.write_text("1" if is_on else "0")
        return {}

    def set_clock(self, wall_s: float, is_synced: bool) -> dict[str, Any]:
        """Set the wall clock and say whether it is synchronised, as chrony does."""
        time.clock_settime(time.CLOCK_REALTIME, wall_s)
        timex = (ctypes.c_char * 512)()
        modes, status_unsync, status_pll = 0x0010 | 0x0004, 0x0040, 0x0001  # STATUS, MAXERROR
        ctypes.c_uint.from_buffer(timex, 0).value = modes
        ctypes.c_long.from_buffer(timex, 24).value = 1_000  # maxerror, µs
        ctypes.c_int.from_buffer(timex, 40).value = status_pll if is_synced else status_unsync
        return {"state": ctypes.CDLL(None).adjtimex(timex)}


def main() -> None:
    with open(PORT, "r+b", buffering=0) as port:
        agent = Agent(port)
        agent.say({"event": "ready"})
        buffer = b""
        while True:
            part = os.read(port.fileno(), 65536)
            if not part:
                time.sleep(0.05)  # nobody holds the other end
                continue
            buffer += part
            *lines, buffer = buffer.split(b"\n")
            for line in lines:
                request = json.loads(line)
                number = request.pop("id")
                try:
                    answer = getattr(agent, request.pop("do"))(**request)
                except Exception:  # noqa: BLE001 - the host is told, and the agent stays
                    answer = {"error": traceback.format_exc()}
                agent.say({"id": number} | answer)


if __name__ == "__main__":
    main()
