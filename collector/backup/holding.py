"""Whether the configured places hold a copy, so that what is in it may be called archived."""

from __future__ import annotations

from collections.abc import Callable

from collector.backup.errors import TargetFailed
from collector.backup.found import Found
from collector.backup.manifest import Manifest
from collector.backup.run import Places


def lacking(places: Places, manifest: Manifest, *, is_in_all: bool) -> list[str]:
    """Why a copy's records may not be called archived; nothing: they may.

    Only a backup counts that is whole, signed by our key, and the same to the last byte.

    Args:
        places: of the settings; no further one is asked when the answer is known.
        manifest: of the copy.
        is_in_all: whether every place must hold it, or any.
    """
    asked: list[tuple[str, Callable[[], list[Found]]]] = []
    if places.folder is not None:
        asked.append((places.folder.place, places.folder.found))
    if places.sftp is not None:
        asked.append((places.sftp.place, lambda: _far(places)))
    reasons = []
    for place, find in asked:
        try:
            if any(_is_same(one, manifest) for one in find()):
                if not is_in_all:
                    return []
            else:
                reasons.append(f"{place}: holds no backup with our signature that is this copy")
        except TargetFailed as error:
            reasons.append(str(error))
    return reasons


def _far(places: Places) -> list[Found]:
    assert places.sftp is not None
    with places.sftp as sftp:
        return sftp.found()


def _is_same(one: Found, manifest: Manifest) -> bool:
    return one.is_good and one.is_ours is True and one.manifest == manifest
