"""A progress bar on standard error, when a person looks."""

from __future__ import annotations

import sys
from typing import Any, Self


class Watching:
    """Shows how far long work is; its methods may be called very often, and do nothing unwatched.

    Args:
        is_counted: things are counted (`17/135`); else the share is told in percent.
        is_wanted: False: show nothing, whoever looks.
    """

    def __init__(self, *, is_counted: bool = False, is_wanted: bool = True) -> None:
        self._is_counted = is_counted
        self._is_wanted = is_wanted
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
        if self._is_wanted and sys.stderr.isatty():
            from rich.console import Console  # 40 ms that no timer and no service need wait for
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                Progress,
                TaskProgressColumn,
                TextColumn,
                TimeElapsedColumn,
                TimeRemainingColumn,
            )

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                *(
                    (MofNCompleteColumn(), TimeElapsedColumn())
                    if self._is_counted
                    else (TaskProgressColumn(),)
                ),
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
