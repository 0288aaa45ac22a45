"""A backup as it lies in a place: read by its manifest, or told why it cannot be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from collector.backup.errors import BackupDamaged
from collector.backup.manifest import (
    MANIFEST_NAME,
    TOKEN_NAME,
    Manifest,
    decode_manifest,
)
from collector.backup.naming import moment_of
from firmware_config.chain import split_token
from firmware_config.errors import ContractError
from firmware_config.keys import VerifyKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One backup in a place.

    Attributes:
        name: of its folder.
        place: where, in words.
        at: when its copy was begun, UTC.
        manifest: None when there is none to read; `problem` says why.
        problem: what is wrong with it at first sight; empty for nothing.
        is_ours: whether its manifest is signed by the key that was asked for; None: not signed.
    """

    name: str
    place: str
    at: datetime
    manifest: Manifest | None
    problem: str
    is_ours: bool | None

    @property
    def is_good(self) -> bool:
        """Whether it was verified when it was made and is all there."""
        return self.manifest is not None and not self.problem


def examine(
    name: str,
    place: str,
    read: Callable[[str], bytes | None],
    sizes: Callable[[], Mapping[str, int]],
    key: VerifyKey | None,
) -> Found | None:
    """What a folder says of itself; None when its name is not a backup's.

    Args:
        name: of the folder.
        place: in words.
        read: the content of a small file in it; None: there is none.
        sizes: file name → bytes, of every file in it.
        key: the collector's; None when it is not known here.

    Raises:
        OSError: the place cannot be read.
    """
    at = moment_of(name)
    if at is None:
        return None
    manifest, problem, is_ours = None, "", None
    try:
        content = read(MANIFEST_NAME)
        if content is None:
            problem = f"{MANIFEST_NAME}: is not there"
        else:
            manifest = decode_manifest(content, MANIFEST_NAME)
            is_ours = _is_signed(content, read(TOKEN_NAME), key)
            problem = _missing(manifest, sizes())
    except (BackupDamaged, ContractError) as error:
        problem = str(error)
    return Found(name=name, place=place, at=at, manifest=manifest, problem=problem, is_ours=is_ours)


def just_made(name: str, place: str, manifest: Manifest, *, is_signed: bool) -> Found:
    """A backup that this run has made and verified there."""
    at = moment_of(name)
    assert at is not None
    return Found(
        name=name,
        place=place,
        at=at,
        manifest=manifest,
        problem="",
        is_ours=True if is_signed else None,
    )


def _is_signed(content: bytes, raw: bytes | None, key: VerifyKey | None) -> bool | None:
    """Whether the manifest is signed by this key; None: not signed, or the key is not known."""
    if raw is None:
        return None
    token = split_token(raw.strip())
    if token.payload != content:
        raise BackupDamaged([f"{TOKEN_NAME}: is of another manifest"])
    if key is None:
        return None
    return key.has_signed(token)


def _missing(manifest: Manifest, sizes: Mapping[str, int]) -> str:
    for name, mark in manifest.files.items():
        if sizes.get(name) != mark.bytes:
            got = f"{sizes[name]}" if name in sizes else "no file"
            return f"{name}: expected {mark.bytes} bytes, got {got}"
    return ""
