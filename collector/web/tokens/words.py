"""Groups of addresses, and roles, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask_babel import lazy_gettext as _

from collector.office.roles import Role
from collector.web.token_groups import Group

GROUPS: Final[Mapping[str, Any]] = {
    Group.FIGURES: _("figures"),
    Group.RECORDS: _("single ratings"),
    Group.STAFF: _("staff"),
    Group.DEVICES: _("devices"),
    Group.LEDGER: _("ledger and exports"),
    Group.METRICS: _("monitoring"),
    "any": _("every token"),
    "": _("none"),
}
HELP: Final[Mapping[str, Any]] = {
    Group.FIGURES: _("rates and sums of hall, departments and windows, live"),
    Group.RECORDS: _("ratings one by one with case numbers, bad ratings, corrections"),
    Group.STAFF: _("figures by member of staff"),
    Group.DEVICES: _("state and health of the devices"),
    Group.LEDGER: _("size, root, backups, exports; whole hall only"),
    Group.METRICS: _("/metrics for Prometheus; whole hall only"),
}
ROLES: Final[Mapping[str, Any]] = {
    Role.DIRECTOR: _("director"),
    Role.DEPARTMENT: _("department manager"),
    Role.SUPERVISOR: _("supervisor"),
    Role.OPERATOR: _("operator"),
    Role.ADMINISTRATOR: _("administrator"),
}


def group_text(group: str) -> str:
    """A group of addresses in words."""
    return str(GROUPS[group])


def role_text(role: str) -> str:
    """A role in words."""
    return str(ROLES[role])
