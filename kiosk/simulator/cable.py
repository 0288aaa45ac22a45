"""Network cables that can be cut: a TCP relay of its own between a virtual kiosk and the broker.

The kiosk connects to a port of the loopback, the relay to the broker; bytes pass unread. What
happens at a cut is what TCP does, not what somebody thinks it does.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from kiosk.simulator.scenario import Manner

LOOPBACK: Final = "127.0.0.1"
_CHUNK: Final = 65_536
_CALL_S: Final = 10.0
"""Longest wait for the relay's thread."""
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER on, 0 s: closing resets the connection. Source: socket(7)."""
_T = TypeVar("_T")


class Cables:
    """The relay's thread; lays cables."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="cables", daemon=True)
        self._cables: list[Cable] = []

    def lay(self, host: str, port: int) -> Cable:
        """A cable to a broker, connected.

        Raises:
            OSError: no port is free.
        """
        if not self._thread.is_alive():
            self._thread.start()
        cable = Cable(self, host, port)
        self.call(cable.listen())
        self._cables.append(cable)
        return cable

    def call(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run something in the relay's thread and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_CALL_S)

    def stop(self) -> None:
        """Take all cables away; idempotent."""
        if self._thread.is_alive():
            self.call(self._take_away())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        if not self._loop.is_closed():
            self._loop.close()

    async def _take_away(self) -> None:
        for cable in self._cables:
            await cable.unlisten()
        while asyncio.all_tasks() != {asyncio.current_task()}:
            await asyncio.sleep(0)  # what was just being taken is refused in its turn
        await asyncio.sleep(0)  # and its socket closed in the next

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()


class Cable:
    """One kiosk's cable.

    Args:
        cables: whose thread it works in.
        host: of the broker; `port`: its port.

    Attributes:
        port: of the loopback, where the kiosk connects.
    """

    def __init__(self, cables: Cables, host: str, port: int) -> None:
        self.port = 0
        self._cables = cables
        self._broker = (host, port)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._carries = asyncio.Event()
        self._carries.set()

    def cut(self, manner: Manner = Manner.CLOSED) -> None:
        """Cut it; nothing passes any more."""
        self._cables.call(self._cut(manner))

    def mend(self) -> None:
        """As before the cut; after a silent one TCP carries what it held back."""
        self._cables.call(self._mend())

    # --- in the relay's thread ---

    async def listen(self) -> None:
        """Take connections."""
        self._server = await asyncio.start_server(self._serve, LOOPBACK, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def unlisten(self) -> None:
        """Refuse connections and reset those there are."""
        server, self._server = self._server, None
        if server is not None:
            for listening in server.sockets:
                asyncio.get_running_loop().remove_reader(listening.fileno())
            await asyncio.sleep(0)  # what was just taken joins the server; a closed one denies it
            server.close()
        for writer in self._writers:
            endpoint = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):  # the other side was faster
                endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _cut(self, manner: Manner) -> None:
        if manner is Manner.SILENT:
            self._carries.clear()
        else:
            await self.unlisten()

    async def _mend(self) -> None:
        self._carries.set()
        if self._server is None:
            await self.listen()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None:  # cut while it was being taken
            writer.transport.abort()
            return
        me = asyncio.current_task()
        assert me is not None
        self._tasks.add(me)
        self._writers.add(writer)
        far: asyncio.StreamWriter | None = None
        carriers: list[asyncio.Task[None]] = []
        try:
            far_reader, far = await asyncio.open_connection(*self._broker)
            self._writers.add(far)
            carriers = [
                asyncio.create_task(self._carry(reader, far)),
                asyncio.create_task(self._carry(far_reader, writer)),
            ]
            await asyncio.wait(carriers, return_when=asyncio.FIRST_COMPLETED)
        except (OSError, asyncio.CancelledError):
            pass  # no broker, or cut: the kiosk sees its connection end
        finally:
            for carrier in carriers:
                carrier.cancel()
            for end in (writer, far):
                if end is not None:
                    end.close()
                    self._writers.discard(end)
            self._tasks.discard(me)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                await self._carries.wait()
                writer.write(chunk)
                await writer.drain()
