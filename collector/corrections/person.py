"""Who proposes and decides on the command line."""

from __future__ import annotations

import pwd

from collector.corrections.entries import UNIX
from collector.errors import UsageError
from collector.sender import login_uid


def who() -> str:
    """Who works here: `unix:` and the user who logged in by the kernel's word.

    Raises:
        UsageError: nobody did. The effective user would be the service's, and whoever may start
            one would have a second name for their own proposals.
    """
    uid = login_uid()
    if uid is None:
        raise UsageError(
            "expected a person, and nobody logged in for this process: propose and decide on the "
            "dashboard or from a login shell"
        )
    try:
        return UNIX + pwd.getpwuid(uid).pw_name
    except KeyError:  # a user without a name, as in containers
        return f"{UNIX}uid-{uid}"
