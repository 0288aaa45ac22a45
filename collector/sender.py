"""Who sends commands: what the kernel says of this process, and what the environment claims.

The environment is the caller's: with a shell as the user for commands, `SUDO_USER=chief` makes
whoever has it the chief. So `by` holds only what the kernel says, and the claim has a place of its
own in the command log. It is kept for programs such as a queue system, which never logged in: of
them only sudo knows who they are.
"""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Final

LOGIN_UID_FILE: Final = Path("/proc/self/loginuid")
"""User that logged in; neither su nor sudo changes it. Source: pam_loginuid(8)."""
NO_LOGIN: Final = 2**32 - 1
"""What the kernel says of services, which nobody logged in for. Source: audit(7), unset (-1)."""
MAX_CLAIM_CHARS: Final = 64


def login_uid(file: Path = LOGIN_UID_FILE) -> int | None:
    """User id of the login this process comes from; None: of none, or a kernel without audit."""
    try:
        uid = int(file.read_text("ascii"))
    except (OSError, ValueError):
        return None
    return None if uid == NO_LOGIN else uid


def sender() -> str:
    """Who runs this by the kernel, e.g. `yiping-command@collector`; when somebody else logged in,
    `wang as yiping-command@collector`."""
    user, login = os.geteuid(), login_uid()
    before = "" if login is None or login == user else f"{_name(login)} as "
    return f"{before}{_name(user)}@{socket.gethostname()}"


def sender_facts(environ: Mapping[str, str]) -> dict[str, object]:
    """What the command log keeps of this process beside `by`.

    Returns:
        `uid`: the effective one; `login_uid`: see `login_uid`; `claimed_sudo_user`: what the
        environment says, left out when it says nothing.
    """
    claimed = environ.get("SUDO_USER", "")[:MAX_CLAIM_CHARS]
    return {
        "uid": os.geteuid(),
        "login_uid": login_uid(),
        **({"claimed_sudo_user": claimed} if claimed else {}),
    }


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # a user without a name, as in containers
        return f"uid {uid}"
