"""Sending the audit trail to a syslog server, in addition to keeping it.

What was sent is remembered by its number, so that nothing is left out while the server was away or
this program did not run. An entry may arrive twice, never out of order.
"""

from __future__ import annotations

import json
import logging
import os
import re
import socket
from datetime import UTC, datetime
from logging.handlers import SysLogHandler
from typing import Final

from collector.errors import CollectorError
from collector.office.audit_reading import AuditReader, KeptEntry
from collector.office.database import Office
from firmware_config.errors import ExitCode

SHIPPED: Final = "audit_shipped"
"""Key in `meta`: number of the last entry sent."""
APP_NAME: Final = "yiping"
_TARGET: Final = re.compile(r"(?P<kind>udp|tcp)://(?P<host>[^\s/:]+)(:(?P<port>\d{1,5}))?")
_SYSLOG_PORT: Final = 514
_WAIT_S: Final = 5.0
_LOG_AUDIT: Final = 13
"""Facility; severity is notice. Source: RFC 5424, 6.2.1."""


class SyslogUnreachable(CollectorError, OSError):
    """The syslog server cannot be reached."""

    exit_code = ExitCode.IO


class _Sender(SysLogHandler):
    """Lets an error out, where logging would print it and go on."""

    socket: socket.socket

    def wait_no_longer_than(self, seconds: float) -> None:
        """Give up a connection that takes nothing for so long."""
        self.socket.settimeout(seconds)

    def handleError(self, record: logging.LogRecord) -> None:
        raise

    def mapPriority(self, levelName: str) -> str:
        return "notice"


class Shipping:
    """Ships the trail of one `office.db`.

    Args:
        office: the database.
        target: `udp://host:port`, `tcp://host:port`, or the path of a local socket.
        host: name of this computer, as the server is told.
    """

    def __init__(self, office: Office, target: str, *, host: str = "") -> None:
        self._office = office
        self._target = target
        self._host = host or socket.gethostname() or "-"

    def ship(self) -> int:
        """Send every entry that was not sent yet; returns how many.

        Raises:
            SyslogUnreachable: the server cannot be reached; what was sent is remembered.
        """
        last = self._last()
        if not self._office.database.execute(
            "SELECT 1 FROM audit WHERE id > ? LIMIT 1", [last]
        ).fetchone():
            return 0
        sent = 0
        try:
            sender = self._open()
            try:
                for kept in AuditReader(self._office).after(last):
                    text = rfc5424(kept, self._host)
                    sender.emit(logging.makeLogRecord({"msg": text, "levelname": "NOTICE"}))
                    last, sent = kept.id, sent + 1
            finally:
                sender.close()
                self._remember(last)
        except OSError as error:
            raise SyslogUnreachable(f"syslog {self._target}: {error}") from error
        return sent

    def _open(self) -> _Sender:
        found = _TARGET.fullmatch(self._target)
        if found is None:
            sender = _Sender(self._target, facility=_LOG_AUDIT)
        else:
            is_tcp = found["kind"] == "tcp"
            address = (found["host"], int(found["port"] or _SYSLOG_PORT))
            if is_tcp:  # the handler itself would wait for as long as the system does
                socket.create_connection(address, _WAIT_S).close()
            kind = socket.SOCK_STREAM if is_tcp else socket.SOCK_DGRAM
            sender = _Sender(address, facility=_LOG_AUDIT, socktype=kind)
            sender.wait_no_longer_than(_WAIT_S)
        sender.append_nul = False
        is_stream = found is not None and found["kind"] == "tcp"
        sender.setFormatter(logging.Formatter("%(message)s\n" if is_stream else "%(message)s"))
        return sender

    def _last(self) -> int:
        row = self._office.database.execute(
            "SELECT value FROM meta WHERE key = ?", [SHIPPED]
        ).fetchone()
        return int(row[0]) if row else 0

    def _remember(self, number: int) -> None:
        self._office.database.execute(
            "INSERT INTO meta (key, value) VALUES (?, ?) "
            "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            [SHIPPED, str(number)],
        )


def rfc5424(kept: KeptEntry, host: str) -> str:
    """An entry as an RFC 5424 message without its priority, which the sender puts in front.

    The whole entry stands there as JSON in ASCII, so that no text in it can begin a line of its
    own, with its number and its digest: a trail that was cut at its end shows there.
    """
    entry = kept.entry
    at = datetime.fromtimestamp(entry.made_ms / 1000, UTC).isoformat(timespec="milliseconds")
    body = {
        "id": kept.id,
        "account": entry.account,
        "role": entry.role,
        "address": entry.address,
        "action": entry.action,
        "subject": entry.subject,
        "facts": entry.facts,
        "digest": kept.digest.hex(),
    }
    text = json.dumps(body, sort_keys=True)
    action = re.sub(r"[^!-~]", "_", entry.action)[:32] or "-"
    return f"1 {at.replace('+00:00', 'Z')} {host} {APP_NAME} {os.getpid()} {action} - {text}"
