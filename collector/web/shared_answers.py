"""Answers that many open pages ask for in the same moment: made once and given to all.

A live event tells every open page at once that it has become old, so forty pages ask within a few
milliseconds. Who waits for an answer that is being made takes it instead of making it again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Final

MOST_KEPT: Final = 200
"""Kinds of answers kept. Two languages times the departments' own views are 150."""


class SharedAnswers:
    """The newest answer of each kind; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[Hashable, tuple[Hashable, str]] = {}

    def answer(self, kind: Hashable, state: Hashable, make: Callable[[], str]) -> str:
        """The kept answer while its state is the one asked for; else a new one.

        Args:
            kind: everything about the visitor that the answer depends on.
            state: everything else that it depends on.
            make: makes it; an exception is the caller's, and nothing is kept.
        """
        with self._lock:
            kept = self._kept.get(kind)
            if kept is not None and kept[0] == state:
                return kept[1]
            made = make()
            if kind not in self._kept and len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[kind] = state, made
            return made
