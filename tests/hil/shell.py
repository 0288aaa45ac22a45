"""Running the host's tools, with an error that says what went wrong."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

TAIL: Final = 3_000


class HilError(RuntimeError):
    """The virtual Pi cannot be built or does not answer."""


def run(*command: str, cwd: Path | None = None, environ: Mapping[str, str] | None = None) -> str:
    """Run to the end; returns standard output.

    Args:
        environ: replaces this process's environment, except for the path; None: as it is.

    Raises:
        HilError: not there, or failed; with the last words.
    """
    env = None if environ is None else {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", **environ}
    try:
        done = subprocess.run(
            command, cwd=cwd, env=env, capture_output=True, stdin=subprocess.DEVNULL, check=False
        )
    except OSError as error:
        raise HilError(f"{command[0]}: {error}") from error
    if done.returncode:
        words = (done.stdout + done.stderr).decode(errors="replace")[-TAIL:]
        raise HilError(f"exit {done.returncode}: {' '.join(command)}\n{words}")
    return done.stdout.decode(errors="replace")
