"""Words to the service manager: they arrive, and a manager that does not read delays nobody."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import closing
from pathlib import Path

import pytest

from firmware_config.service_manager import service_notify


def test_what_is_told_arrives(tmp_path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as manager:
        manager.bind(str(tmp_path / "notify"))
        service_notify({"NOTIFY_SOCKET": str(tmp_path / "notify")})("READY=1")
        assert manager.recv(64) == b"READY=1"


def test_a_manager_that_does_not_read_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as manager:
        manager.bind(str(tmp_path / "notify"))
        notify = service_notify({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        told = threading.Event()

        def tell() -> None:
            for _ in range(40):  # net.unix.max_dgram_qlen is 10 by default, 512 with systemd
                notify("WATCHDOG=1")
            told.set()

        # with a socket that waits for ever this thread would never end
        threading.Thread(target=tell, daemon=True).start()
        assert told.wait(60)


@pytest.mark.parametrize(
    "environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/nowhere/notify"}]
)
def test_without_a_manager_nothing_happens(environ: dict[str, str]) -> None:
    service_notify(environ)("READY=1")


def test_the_abstract_namespace_is_understood() -> None:
    name = f"yiping-{os.getpid()}"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as manager:
        manager.bind("\0" + name)
        service_notify({"NOTIFY_SOCKET": "@" + name})("READY=1")
        assert manager.recv(64) == b"READY=1"
