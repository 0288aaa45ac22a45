"""What views call to leave an entry in the audit trail."""

from __future__ import annotations

from typing import Any

from flask import request

from collector.office.audit import AuditTrail, Entry
from collector.web.dashboard import dashboard, real_ms, visitor


def note(action: str, subject: str = "", **facts: Any) -> None:
    """Add an entry about what the visitor does.

    Args:
        action: what kind of thing, e.g. `account.add`, `rule.change`, `report.download`.
        subject: what it is done to: a name, a number, an address.
        facts: what else a later reader needs; never a secret.
    """
    who = visitor()
    AuditTrail(dashboard().office).add(
        Entry(
            made_ms=real_ms(),
            account=who.name if who else "",
            role=who.role if who else "",
            address=request.remote_addr or "",
            action=action,
            subject=subject,
            facts=facts,
        )
    )
