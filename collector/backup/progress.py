"""A progress bar on standard error, when a person looks."""

from __future__ import annotations

import sys
from typing import Any, Self


class Watching:
    """Shows how far a backup or restore is; its `tell` may be called very often."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._stage = ""

    def tell(self, stage: str, done: int, total: int) -> None:
        """What is being done, how much of it is done, and how much there is (0: not known)."""
        if self._bar is None:
            return
        if stage != self._stage:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._stage = stage
            self._task = self._bar.add_task(stage, total=total or None)
        self._bar.update(self._task, completed=done, total=total or None)

    def __enter__(self) -> Self:
        """Show it."""
        if sys.stderr.isatty():
            from rich.console import Console  # 40 ms that a nightly run need not wait for
            from rich.progress import (
                BarColumn,
                Progress,
                TaskProgressColumn,
                TextColumn,
                TimeRemainingColumn,
            )

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take it away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
