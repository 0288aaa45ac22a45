"""Whether `/metrics` is open to this request without a token: by setting, and on this machine."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

from flask import request

from collector.web.dashboard import dashboard

ENDPOINT: Final = "metrics.index"
FORWARDED: Final = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")
"""Headers by which a proxy on this machine says that it asks for somebody else."""


def is_open() -> bool:
    """Whether nobody need sign in for this request."""
    if request.endpoint != ENDPOINT or not dashboard().options.care.metrics_open:
        return False
    if any(name in request.headers for name in FORWARDED):
        return False
    try:
        return ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False
