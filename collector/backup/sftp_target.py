"""Backups on another machine, over SFTP: sent, read back and compared before they count.

The only module that speaks SSH. The other machine's key must be in the file of known hosts: an
unknown one is an error and is never added.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISDIR
from typing import Any, Final, Self

import paramiko  # type: ignore[import-untyped]
from paramiko.sftp import CMD_EXTENDED  # type: ignore[import-untyped]

from collector.backup.errors import TargetFailed
from collector.backup.found import Found, examine
from collector.backup.manifest import Manifest
from collector.backup.naming import PART, is_partial
from collector.backup.snapshot import CHUNK_BYTES, Tell, chunks_of
from firmware_config.keys import VerifyKey

ADDRESS: Final = re.compile(r"sftp://([^@/:\s]+)@([^@/:\s]+)(?::([0-9]{1,5}))?(/\S*)")
"""`sftp://user@host:port/path`; the path is absolute, `/./x` begins at the user's home."""

# its words come with tracebacks; ours name the place and what went wrong
logging.getLogger("paramiko").setLevel(logging.CRITICAL)


class SftpTarget:
    """The backups of one kind on another machine; a context manager that connects.

    Args:
        address: matches `ADDRESS`.
        kind: `ledger` or `office`; its backups have a folder of their own under the path.
        key: the collector's, to know our own manifests; None when it cannot be read.
        private_key: file of the SSH key to log in with.
        known_hosts: file with the other machine's key.
        timeout_s: longest silence of the other machine, seconds.
    """

    def __init__(
        self,
        address: str,
        kind: str,
        key: VerifyKey | None,
        *,
        private_key: Path,
        known_hosts: Path,
        timeout_s: float,
    ) -> None:
        match = ADDRESS.fullmatch(address)
        if match is None:
            raise TargetFailed(f"{address}: expected sftp://user@host:port/path")
        self.place = address
        self._user, self._host = match[1], match[2]
        self._port = int(match[3] or 22)
        self._base = match[4].removeprefix("/./") or "."
        self._root = f"{self._base.rstrip('/')}/{kind}"
        self._key = key
        self._private_key = private_key
        self._known_hosts = known_hosts
        self._timeout_s = timeout_s
        self._client: paramiko.SSHClient | None = None
        self._sftp: Any = None

    def __enter__(self) -> Self:
        """Connect. Raises TargetFailed."""
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        try:
            with self._told("cannot be reached"):
                client.load_system_host_keys(str(self._known_hosts))  # read, never written
                client.connect(
                    self._host,
                    self._port,
                    self._user,
                    key_filename=str(self._private_key),
                    look_for_keys=False,
                    allow_agent=False,
                    timeout=self._timeout_s,
                    banner_timeout=self._timeout_s,
                    auth_timeout=self._timeout_s,
                    channel_timeout=self._timeout_s,
                )
                self._sftp = client.open_sftp()
                self._sftp.get_channel().settimeout(self._timeout_s)
        except BaseException:
            client.close()
            raise
        self._client = client
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnect."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def prepare(self) -> None:
        """Make the folder where needed, and remove what a killed program left.

        Raises:
            TargetFailed: it cannot be written.
        """
        with self._told(f"{self._root}: cannot be written"):
            names = self._names(self._base)
            if self._root.rpartition("/")[2] not in names:
                self._sftp.mkdir(self._root, 0o750)
            for name in self._names(self._root):
                if is_partial(name):
                    self._remove_folder(f"{self._root}/{name}")

    def store(self, folder: Path, name: str, manifest: Manifest, tell: Tell) -> None:
        """Send a verified backup, read it back, compare, and only then give it its name.

        Args:
            folder: where it lies here.
            name: what it is called.
            manifest: says what its files must be.
            tell: the progress.

        Raises:
            TargetFailed: it could not be sent, or came back different.
        """
        part = f"{self._root}/{name}{PART}"
        with self._told(f"{part}: cannot be written"):
            self._sftp.mkdir(part, 0o750)
            for path in sorted(folder.iterdir()):
                remote, size = f"{part}/{path.name}", path.stat().st_size
                sent = self._send(path, remote, size, tell)
                if path.name in manifest.files:
                    sent = manifest.files[path.name].sha256
                got = self._sha256(remote, size, tell)
                if got != sent:
                    raise TargetFailed(
                        f"{self.place}: {remote}: read back: expected SHA-256 {sent}, got {got}"
                    )
            self._rename(part, f"{self._root}/{name}")

    def found(self) -> list[Found]:
        """All backups, oldest first. Raises TargetFailed."""
        with self._told(f"{self._root}: cannot be read"):
            try:
                names = self._names(self._root)
            except FileNotFoundError:
                return []
            found = (self._examine(name) for name in sorted(names))
            return [one for one in found if one is not None]

    def fetch(self, name: str, folder: Path, manifest: Manifest, tell: Tell) -> None:
        """Bring a backup's files here, into a folder that exists; their digests are compared.

        Raises:
            TargetFailed: it could not be fetched, or is not what its manifest says.
        """
        for file, mark in manifest.files.items():
            remote = f"{self._root}/{name}/{file}"
            with self._told(f"{remote}: cannot be fetched"):
                got = self._sha256(remote, mark.bytes, tell, folder / file)
            if got != mark.sha256:
                raise TargetFailed(
                    f"{self.place}: {remote}: expected SHA-256 {mark.sha256}, got {got}"
                )

    def remove(self, name: str) -> None:
        """Remove a backup; killed half-way, what is left is a `.part`. Raises TargetFailed."""
        with self._told(f"{self._root}/{name}: cannot be removed"):
            part = f"{self._root}/{name}{PART}"
            self._rename(f"{self._root}/{name}", part)
            self._remove_folder(part)

    def _send(self, path: Path, remote: str, size: int, tell: Tell) -> str:
        digest, done = hashlib.sha256(), 0
        with self._sftp.open(remote, "wbx") as file:
            file.set_pipelined(True)
            for chunk in chunks_of(path):
                file.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                tell("send", done, size)
            file.flush()
            self._sync(file)
        return digest.hexdigest()

    def _sync(self, file: Any) -> None:
        """Ask for fsync; a server without that extension says so, and cannot be helped."""
        try:
            self._sftp._request(CMD_EXTENDED, "fsync@openssh.com", file.handle)
        except OSError as error:
            if "unsupported" not in str(error).lower():
                raise

    def _sha256(self, remote: str, size: int, tell: Tell, copy: Path | None = None) -> str:
        """Digest of a remote file as it is read now, and a copy of it where one is asked for."""
        digest, done = hashlib.sha256(), 0
        out = copy.open("xb") if copy is not None else None
        try:
            with self._sftp.open(remote, "rb") as file:
                file.prefetch(size)
                while chunk := file.read(CHUNK_BYTES):
                    digest.update(chunk)
                    if out is not None:
                        out.write(chunk)
                    done += len(chunk)
                    tell("read back" if out is None else "fetch", done, size)
        finally:
            if out is not None:
                out.close()
        return digest.hexdigest()

    def _examine(self, name: str) -> Found | None:
        folder = f"{self._root}/{name}"

        def read(file: str) -> bytes | None:
            try:
                with self._sftp.open(f"{folder}/{file}", "rb") as opened:
                    return bytes(opened.read())
            except FileNotFoundError:
                return None

        def sizes() -> dict[str, int]:
            return {entry.filename: entry.st_size for entry in self._sftp.listdir_attr(folder)}

        return examine(name, self.place, read, sizes, self._key)

    def _names(self, folder: str) -> list[str]:
        entries = self._sftp.listdir_attr(folder)
        return [entry.filename for entry in entries if S_ISDIR(entry.st_mode or 0)]

    def _rename(self, old: str, new: str) -> None:
        try:
            self._sftp.posix_rename(old, new)
        except OSError as error:
            if "unsupported" not in str(error).lower():
                raise
            self._sftp.rename(old, new)

    def _remove_folder(self, folder: str) -> None:
        for name in self._sftp.listdir(folder):
            self._sftp.remove(f"{folder}/{name}")
        self._sftp.rmdir(folder)

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except TargetFailed:
            raise
        except (paramiko.SSHException, OSError, EOFError) as error:
            text = str(error) or type(error).__name__
            raise TargetFailed(f"{self.place}: {what}: {text}") from error
