"""A virtual Pi that is switched on, talked to, and switched off by pulling the plug."""

from __future__ import annotations

import base64
import json
import queue
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from tests.hil.image import Image
from tests.hil.shell import HilError, run

BOOT_S: Final = 180
"""Longest a guest may take to answer; a shared machine without KVM needs about 15 s."""
MEMORY: Final = "512M"
HOST: Final = "10.0.2.2"
"""How the guest reaches this machine's loopback, in qemu's user-mode network."""


class VirtualPi:
    """One virtual Pi with a card of its own, kept over power cuts.

    Args:
        image: what was built; stays as it is.
        folder: gets the console's log, one for all boots.

    Attributes:
        boot: kernel boot id of the boot that runs.
        events: what the agent says unasked, in order: dicts with `event`.
        boots: how often it was switched on.
    """

    def __init__(self, image: Image, folder: Path) -> None:
        self.boot = ""
        self.boots = 0
        self.events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.console = folder / "console.log"
        self._image = image
        self._answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._number = 0
        # a socket's path may have 107 characters only, and pytest's folders are long
        self._short = Path(tempfile.mkdtemp(prefix="hil-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._port: socket.socket | None = None
        self._reader: threading.Thread | None = None
        self._card = folder / "card.qcow2"
        backing = ("-b", str(image.disk), "-F", "raw")
        run("qemu-img", "create", "-q", "-f", "qcow2", *backing, str(self._card))

    def __enter__(self) -> VirtualPi:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.cut_power()
        shutil.rmtree(self._short, ignore_errors=True)

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def switch_on(self, *, rtc: str = "utc") -> float:
        """Boot and wait until the agent answers.

        Args:
            rtc: what the clock says at power-on: `utc` or a time like `2000-01-01T00:00:00`.

        Returns:
            Seconds from power-on to the agent's first answer.

        Raises:
            HilError: it did not come up; with the console's last words.
        """
        path = self._short / f"port-{self.boots}"
        self.boots += 1
        begun = time.monotonic()
        with self.console.open("ab") as console:
            self._process = subprocess.Popen(
                self._command(path, rtc),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )
        self.events = queue.SimpleQueue()
        self._answers = queue.SimpleQueue()
        self._connect(path, begun + BOOT_S)
        self.next_event("ready", BOOT_S)
        hello = self.ask("hello")
        self.boot = hello["boot"]
        return time.monotonic() - begun

    def cut_power(self) -> None:
        """End qemu at once; what is not on the card by now is lost. Idempotent."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._reader is not None:
            self._reader.join()
            self._reader = None
        if self._port is not None:
            self._port.close()
            self._port = None

    def ask(self, do: str, *, answer_s: float = 90, **arguments: Any) -> dict[str, Any]:
        """Have the agent do something; see `guest/agent.py`.

        Raises:
            HilError: it could not, or did not answer in time.
        """
        self.send(do, **arguments)
        return self.answer(answer_s)

    def send(self, do: str, **arguments: Any) -> None:
        """Ask and do not wait."""
        assert self._port is not None, "switched off"
        self._number += 1
        request = {"id": self._number, "do": do} | arguments
        self._port.sendall(json.dumps(request).encode() + b"\n")

    def answer(self, within_s: float) -> dict[str, Any]:
        """The answer to the last request."""
        try:
            found = self._answers.get(timeout=within_s)
        except queue.Empty:
            raise HilError(f"no answer within {within_s} s\n{self.tail()}") from None
        if "error" in found:
            raise HilError(found["error"])
        assert found["id"] == self._number
        return found

    def next_event(self, name: str, within_s: float) -> dict[str, Any]:
        """Wait for an event of this name; others before it are dropped."""
        end = time.monotonic() + within_s
        while True:
            try:
                event = self.events.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                raise HilError(f"no {name!r} within {within_s} s\n{self.tail()}") from None
            if event["event"] == name:
                return event

    def shell(self, line: str, *, within_s: float = 90, may_fail: bool = False) -> str:
        """Run a line in the guest's shell, as root, in our checkout; returns its output."""
        limits = {"within_s": within_s, "answer_s": within_s + 30}
        done = self.ask("run", argv=["sh", "-euc", line], cwd="/root/yiping", **limits)
        if done["status"] and not may_fail:
            raise HilError(f"exit {done['status']}: {line}\n{done['out']}{done['err']}")
        return str(done["out"])

    def put(self, path: str, content: bytes, mode: int = 0o644) -> None:
        """Write a file on the card."""
        self.ask("put", path=path, content=base64.b64encode(content).decode(), mode=mode)

    def tail(self) -> str:
        """The console's last words."""
        return self.console.read_text(errors="replace")[-3000:] if self.console.exists() else ""

    def _command(self, path: Path, rtc: str) -> list[str]:
        return [
            *("nice", "-n", "5", "qemu-system-x86_64", "-nodefaults", "-no-user-config"),
            # without KVM: it is not everywhere, and guests were seen to hang under a nested one
            *("-machine", "q35", "-accel", "tcg", "-cpu", "max", "-smp", "1", "-m", MEMORY),
            *("-display", "none", "-serial", "stdio", "-no-reboot", "-rtc", f"base={rtc}"),
            *("-kernel", str(self._image.kernel), "-initrd", str(self._image.initrd)),
            *("-append", "console=ttyS0 quiet panic=-1 net.ifnames=0"),
            *("-drive", f"file={self._card},if=virtio,format=qcow2,cache=writeback"),
            *("-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile="),
            *("-device", "virtio-serial-pci", "-chardev"),
            f"socket,id=port,path={path},server=on,wait=off",
            *("-device", "virtserialport,chardev=port,name=yiping.hil"),
        ]

    def _connect(self, path: Path, end: float) -> None:
        self._port = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self._port.connect(str(path))
                break
            except OSError:
                if not self.is_running or time.monotonic() > end:
                    raise HilError(f"qemu does not run\n{self.tail()}") from None
                time.sleep(0.02)
        self._reader = threading.Thread(target=self._read, args=(self._port,), daemon=True)
        self._reader.start()

    def _read(self, port: socket.socket) -> None:
        buffer = b""
        while True:
            try:
                part = port.recv(65536)
            except OSError:
                return
            if not part:
                return
            *lines, buffer = (buffer + part).split(b"\n")
            for line in lines:
                message = json.loads(line)
                (self.events if "event" in message else self._answers).put(message)
