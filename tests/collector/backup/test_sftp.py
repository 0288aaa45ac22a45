"""Backups on another machine: a real sshd on the loopback."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from collector.backup.restoring import restore
from collector.backup.sftp_target import SftpTarget

NAME = "20260701T100000Z"


class SshServer:
    """One sshd with keys of its own; `folder` is where backups go."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self.folder = folder / "remote"
        self.folder.mkdir()
        self._folder = folder
        for name in ("host", "client", "stranger"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)],
                check=True,
            )
        self.client_key = folder / "client"
        self.known_hosts = folder / "known_hosts"
        self.know("host")
        authorized = folder / "authorized_keys"
        authorized.write_bytes((folder / "client.pub").read_bytes())
        authorized.chmod(0o600)
        config = folder / "sshd_config"
        config.write_text(
            f"ListenAddress 127.0.0.1:{port}\nHostKey {folder / 'host'}\nPidFile none\n"
            f"AuthorizedKeysFile {authorized}\nStrictModes no\nUsePAM no\n"
            "PasswordAuthentication no\nPermitRootLogin prohibit-password\n"
            "Subsystem sftp internal-sftp\n"
        )
        Path("/run/sshd").mkdir(exist_ok=True)  # sshd's own, fixed place when it is root's
        program = shutil.which("sshd", path=os.environ["PATH"] + ":/usr/sbin")
        assert program, "sshd is needed for this test: apt-get install openssh-server"
        with (folder / "sshd.log").open("wb") as log:
            self._process = subprocess.Popen([program, "-D", "-e", "-f", str(config)], stderr=log)
        end = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                assert time.monotonic() < end, (folder / "sshd.log").read_text()
                time.sleep(0.02)

    def know(self, key: str) -> None:
        """Write the file of known hosts with this key for the server."""
        public = (self._folder / f"{key}.pub").read_text()
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {public}")

    @property
    def address(self) -> str:
        return f"sftp://{getpass.getuser()}@127.0.0.1:{self.port}{self.folder}"

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def server(
    tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]
) -> Iterator[SshServer]:
    made = SshServer(tmp_path_factory.mktemp("sshd"), free_port())
    yield made
    made.stop()


@pytest.fixture
def far(hall: Any, server: SshServer) -> Any:
    """The hall, with a folder and another machine."""
    hall.set(
        sftp=server.address,
        sftp_key=server.client_key,
        sftp_known_hosts=server.known_hosts,
        sftp_timeout_s=20.0,
    )
    return hall


def test_both_places_get_the_same_bytes(far: Any, server: SshServer) -> None:
    report = far.back_up()

    assert report.stored == [str(far.disk), server.address]
    for name in ("ledger.db", "manifest.json", "manifest.jws"):
        near = far.disk / "ledger" / NAME / name
        assert near.read_bytes() == (server.folder / "ledger" / NAME / name).read_bytes()
    assert {"send", "read back"} <= set(far.stages)
    assert far.archived() == {"dev-1": 30, "dev-2": 30}


def test_without_a_folder_the_copy_is_made_beside_the_ledger_and_not_left_there(
    far: Any, server: SshServer
) -> None:
    far.set(folder=None)

    assert far.back_up().stored == [server.address]

    assert not (far.settings.ledger.parent / "backup-staging").exists()
    assert far.archived() == {"dev-1": 30, "dev-2": 30}


def test_one_place_that_fails_does_not_stop_the_other(far: Any, server: SshServer) -> None:
    far.disk.rmdir()
    report = far.back_up()
    assert (report.stored, list(report.failed)) == ([server.address], [str(far.disk)])

    far.disk.mkdir()
    server.stop()
    far.now += timedelta(days=1)
    report = far.back_up()
    assert (report.stored, list(report.failed)) == ([str(far.disk)], [server.address])
    assert "cannot be reached" in report.failed[server.address]


@pytest.mark.parametrize(("required", "archived"), [("any", 30), ("all", 0)])
def test_archived_moves_when_as_many_places_have_it_as_are_required(
    far: Any, server: SshServer, required: str, archived: int
) -> None:
    far.set(required=required)
    server.stop()

    far.back_up()

    assert far.archived() == {"dev-1": archived, "dev-2": archived}


def test_a_host_key_that_is_not_known_is_an_error_and_is_not_added(
    far: Any, server: SshServer
) -> None:
    server.known_hosts.write_text("")

    [told] = far.back_up().failed.values()

    assert "not found in known_hosts" in told
    assert server.known_hosts.read_text() == ""
    assert os.listdir(server.folder) == []


def test_another_host_key_than_the_known_one_is_an_error(far: Any, server: SshServer) -> None:
    server.know("stranger")

    [told] = far.back_up().failed.values()

    assert "does not match" in told
    assert os.listdir(server.folder) == []


def test_a_folder_that_is_not_there_is_told_by_its_place(far: Any, server: SshServer) -> None:
    server.folder.rmdir()

    [told] = far.back_up().failed.values()

    assert told.startswith(server.address)
    assert "cannot be written" in told


def test_what_was_sent_and_came_back_different_has_no_name(
    far: Any, server: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other machine's disk alters a byte between sending and reading back."""

    sync = SftpTarget._sync

    def spoil(self: SftpTarget, file: Any) -> None:
        sync(self, file)
        path = server.folder / "ledger" / f"{NAME}.part" / "ledger.db"
        content = bytearray(path.read_bytes())
        content[5000] ^= 1
        path.write_bytes(content)

    monkeypatch.setattr(SftpTarget, "_sync", spoil)

    [told] = far.back_up().failed.values()

    assert "read back: expected SHA-256" in told
    assert os.listdir(server.folder / "ledger") == [f"{NAME}.part"]


def test_the_rotation_and_what_a_killed_run_left_are_the_same_there(
    far: Any, server: SshServer
) -> None:
    far.set(keep_daily=1, keep_weekly=0, keep_monthly=0)
    far.back_up()
    part = server.folder / "ledger" / "20200101T000000Z.part"
    part.mkdir()
    (part / "ledger.db").write_bytes(b"half")
    far.now += timedelta(days=1)

    report = far.back_up()

    assert report.removed[server.address] == [NAME]
    assert os.listdir(server.folder / "ledger") == [report.name]


def test_a_restore_from_there_brings_the_same_ledger(far: Any, server: SshServer) -> None:
    far.set(folder=None)
    far.back_up()
    far.ledger.db.close()
    far.settings.ledger.unlink()

    done = restore(far.settings, "latest", is_from_sftp=True, now=lambda: far.now, tell=far.tell)

    assert done.mark.size == 60
    assert far.settings.ledger.is_file()
    assert not (far.settings.ledger.parent / "backup-staging").exists()


@pytest.mark.parametrize("is_lost", [False, True])
def test_a_restore_archives_nothing_that_only_one_of_all_places_holds(
    far: Any, server: SshServer, is_lost: bool
) -> None:
    far.set(required="all")
    far.back_up()
    far.ledger.db.close()
    if is_lost:
        server.stop()

    done = restore(far.settings, "latest", is_from_sftp=False, now=lambda: far.now, tell=far.tell)

    assert done.is_archived is not is_lost
    with closing(sqlite3.connect(far.settings.ledger)) as ledger:
        rows = ledger.execute("SELECT archived FROM epochs").fetchall()
    assert rows == [(0 if is_lost else 30,)] * 2
    assert any("cannot be reached" in told for told in done.warnings) is is_lost
