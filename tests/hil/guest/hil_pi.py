"""In the guest only: what gpiozero and lgpio must be told where there is no Pi.

gpiozero asks /proc for a Pi's revision code. And a test must be able to end lgpio's thread of
notifications as an error in it would: once BREAK is there, its next edge does.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import os
import sys
from types import ModuleType

PI_4B = 0xC03114
BREAK = "/run/hil-break-notify"


class _Breaking:
    """lgpio's pipe of notifications."""

    def __init__(self, file):  # type: ignore[no-untyped-def]
        self.file = file

    def read(self, size: int) -> bytes:
        got: bytes = self.file.read(size)
        if os.path.exists(BREAK):
            raise OSError("broken by a test")
        return got


def _change(module: ModuleType) -> None:
    if module.__name__ == "lgpio":
        thread = module._notify_thread
        thread._file = _Breaking(thread._file)
    else:
        module.get_pi_revision = lambda: PI_4B  # type: ignore[attr-defined]


class _Changes(importlib.abc.MetaPathFinder):
    """Changes two modules when they are imported; other programs import nothing more."""

    def find_spec(self, name, path=None, target=None):  # type: ignore[no-untyped-def]
        if name not in ("gpiozero.pins.local", "lgpio"):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        assert spec is not None
        assert spec.loader is not None
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            _change(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


sys.meta_path.insert(0, _Changes())
