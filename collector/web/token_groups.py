"""Which part of the API a token may read: groups of addresses, deny by default. Pure.

A token also needs a role that may open the address, see `rights.toml`: a group never opens more.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Group(StrEnum):
    """FIGURES rates and sums, RECORDS single ratings and corrections, STAFF figures of people,
    DEVICES states of devices, LEDGER state of ledger and exports, METRICS the page for monitors."""

    FIGURES = "figures"
    RECORDS = "records"
    STAFF = "staff"
    DEVICES = "devices"
    LEDGER = "ledger"
    METRICS = "metrics"


ANY: Final = "any"
"""Of an address that every token may read."""
ADDRESSES: Final[Mapping[str, Group | str]] = {
    "/api/v1/openapi.json": ANY,
    "/api/v1/hall": Group.FIGURES,
    "/api/v1/live": Group.FIGURES,
    "/api/v1/departments": Group.FIGURES,
    "/api/v1/windows": Group.FIGURES,
    "/api/v1/windows/": Group.RECORDS,  # one window lists its last sessions, with case numbers
    "/api/v1/reports": Group.FIGURES,
    "/api/v1/rules": Group.FIGURES,
    "/api/v1/staff": Group.STAFF,
    "/api/v1/ratings": Group.RECORDS,
    "/api/v1/records": Group.RECORDS,
    "/api/v1/bad-ratings": Group.RECORDS,
    "/api/v1/corrections": Group.RECORDS,
    "/api/v1/devices": Group.DEVICES,
    "/api/v1/integrity": Group.LEDGER,
    "/api/v1/exports": Group.LEDGER,
    "/metrics": Group.METRICS,
}
"""Beginning of an address → its group; the longest beginning decides."""


def group_of(rule: str) -> str | None:
    """The group of an address as the router has it; None: no token opens it."""
    fitting = [
        known
        for known in ADDRESSES
        if rule == known
        or (rule.startswith(known) and (known[-1] == "/" or rule[len(known)] == "/"))
    ]
    return str(ADDRESSES[max(fitting, key=len)]) if fitting else None
