"""Run a module as another Unix user: `as_user.py UID GID GROUP,… UMASK MODULE [ARGUMENT …]`.

Interpreter and checkout may lie where that user cannot get, e.g. in root's home. So their folders
are opened as root and reached by descriptor afterwards; everything else is the user's own right.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import sys
from pathlib import Path

PR_SET_DUMPABLE = 4
ROOT = Path(__file__).resolve().parents[2]


def held(folder: str) -> str:
    """A path of a folder that needs no right on the folders above it."""
    return f"/proc/self/fd/{os.open(folder, os.O_PATH | os.O_DIRECTORY)}"


def become(uid: int, gid: int, groups: list[int], umask: int) -> None:
    sys.path[:] = [held(path) for path in (str(ROOT), *sys.path[1:]) if Path(path).is_dir()]
    sys.path_importer_cache.clear()
    for module in list(sys.modules.values()):
        if folders := getattr(module, "__path__", None):
            module.__path__ = [held(folder) for folder in folders if Path(folder).is_dir()]
    os.umask(umask)
    os.setgroups(groups)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    # a process that changed its user may not look into its own /proc otherwise
    if ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0:
        raise OSError("prctl failed")


if __name__ == "__main__":
    uid, gid, groups, umask, name, *arguments = sys.argv[1:]
    become(int(uid), int(gid), [int(one) for one in groups.split(",") if one], int(umask, 8))
    sys.argv = [name, *arguments]
    runpy.run_module(name, run_name="__main__", alter_sys=True)
