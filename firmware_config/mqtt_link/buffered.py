"""paho's client with buffered reads and writes.

paho 2.2 reads a packet's first bytes one by one and sends each packet alone: three system calls
for a message and one for its PUBACK. Both methods overridden here are paho's own seams between
packets and socket; tests/firmware_config/test_mqtt_link.py fails if a release moves them.
"""

from __future__ import annotations

from typing import Any, Final

import paho.mqtt.client as paho

READ_BYTES: Final = 262_144


class BufferedClient(paho.Client):
    """paho's client, reading and writing its socket in large pieces."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._received = memoryview(b"")
        self._unsent = bytearray()
        self.is_drained = False  # the socket has given all it had
        self.sends_at_once = False

    def _sock_recv(self, bufsize: int) -> bytes:
        if not self._received:
            try:
                chunk = super()._sock_recv(READ_BYTES)
            except BlockingIOError:
                self.is_drained = True
                raise
            if not chunk:
                return chunk
            self._received = memoryview(chunk)
        taken, self._received = self._received[:bufsize], self._received[bufsize:]
        return bytes(taken)

    def _sock_send(self, buf: Any) -> int:
        if self.sends_at_once:
            return super()._sock_send(buf)
        self._unsent += buf
        return len(buf)

    def flush(self) -> bool:
        """Send what is buffered. Returns whether all of it went; raises OSError when the link is
        gone."""
        while self._unsent:
            try:
                sent = super()._sock_send(self._unsent)
            except BlockingIOError:
                return False
            if not sent:
                return False
            del self._unsent[:sent]
        return True
