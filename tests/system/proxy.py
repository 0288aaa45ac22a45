"""A TCP proxy that breaks, in a thread of its own: what a network does to a connection.

Bytes pass unread. What can happen to a way (`Way`), all of it to every connection on it:

- `CUT`: connections end in order, new ones at once.
- `RESET`: connections end by RST, with whatever was under way; new ones are taken.
- `STALL`: nothing passes in either direction, nothing ends; later TCP carries what it held back.
- `HALF_OPEN`: one side is gone and the other never hears of it; new connections are taken.
- `SLOW`: 20 kB a second in each direction.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
import threading
from collections.abc import Coroutine
from enum import Enum, auto
from typing import Any

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: closing sends RST; socket(7)
_SLOW_BYTES_A_S = 20_000


class Fault(Enum):
    CUT = auto()
    RESET = auto()
    STALL = auto()
    HALF_OPEN = auto()
    SLOW = auto()


class _Pair:
    """One connection and its continuation."""

    def __init__(self, ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter]) -> None:
        self.ends = ends
        self.is_dead = False  # what is sent into it vanishes

    def end(self, *, by_reset: bool = False, far_only: bool = False) -> None:
        for writer in self.ends[1:] if far_only else self.ends:
            if by_reset:
                with contextlib.suppress(OSError):
                    endpoint = writer.get_extra_info("socket")
                    endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort() if by_reset else writer.close()


class Way:
    """A port of the loopback that leads to another one.

    Attributes:
        port: where to connect.
        faults: how often each kind befell it.
    """

    def __init__(self, proxy: Proxy, to_port: int) -> None:
        self.port = 0
        self.faults: dict[Fault, int] = dict.fromkeys(Fault, 0)
        self._proxy = proxy
        self._to_port = to_port
        self._server: asyncio.Server | None = None
        self._pairs: set[_Pair] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._is_slow = self._is_cut = False

    def suffer(self, fault: Fault) -> None:
        """Let something happen; `mend` ends what lasts."""
        self.faults[fault] += 1
        self._proxy.call(self._suffer(fault))

    def mend(self) -> None:
        """Everything passes again; what is half open stays so."""
        self._proxy.call(self._mend())

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _suffer(self, fault: Fault) -> None:
        if fault is Fault.STALL:
            self._flows.clear()
        elif fault is Fault.SLOW:
            self._is_slow = True
        elif fault is Fault.HALF_OPEN:
            for pair in self._pairs:
                pair.is_dead = True
                pair.end(by_reset=True, far_only=True)
        else:
            # the server stays: asyncio 3.11 leaks what it has accepted when one is closed
            self._is_cut = fault is Fault.CUT
            for pair in self._pairs:
                pair.end(by_reset=fault is Fault.RESET)

    async def _mend(self) -> None:
        self._flows.set()
        self._is_slow = self._is_cut = False

    async def end(self) -> None:
        if self._server is not None:
            self._server.close()
        for pair in self._pairs:
            pair.end(by_reset=True)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0.05)  # the loop closes what was closed

    async def _serve(self, near: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        pair = None
        try:
            if self._is_cut:
                return
            far, far_writer = await asyncio.open_connection("127.0.0.1", self._to_port)
            pair = _Pair((writer, far_writer))
            self._pairs.add(pair)
            async with asyncio.TaskGroup() as directions:
                directions.create_task(self._carry(pair, near, far_writer))
                directions.create_task(self._carry(pair, far, writer))
        except (OSError, ExceptionGroup, asyncio.CancelledError):
            pass  # nobody there, a fault, or the end
        finally:
            writer.transport.abort()
            if pair is not None:
                pair.ends[1].transport.abort()
                self._pairs.discard(pair)
            self._tasks.discard(task)

    async def _carry(
        self, pair: _Pair, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while chunk := await reader.read(65_536):
            await self._flows.wait()
            if self._is_slow:
                await asyncio.sleep(len(chunk) / _SLOW_BYTES_A_S)
            if not pair.is_dead:
                writer.write(chunk)
                await writer.drain()
        if pair.is_dead and writer is pair.ends[0]:
            await asyncio.Event().wait()  # the near side must not hear that the far side has gone
        raise ConnectionResetError


class Proxy:
    """The proxy's thread, and its ways."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._ways: list[Way] = []

    def way_to(self, port: int) -> Way:
        """A new way to a port of the loopback."""
        way = Way(self, port)
        self.call(way.listen())
        self._ways.append(way)
        return way

    def call(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something in the proxy's thread and wait for it."""
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def stop(self) -> None:
        for way in self._ways:
            self.call(way.end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Weather(threading.Thread):
    """Faults on the ways of a proxy, by a seed, until `clear` is called.

    Args:
        calm_s: longest time between two faults; half of it on average.
        lasting_s: longest time of a fault that lasts.
    """

    def __init__(self, ways: list[Way], seed: int, *, calm_s: float, lasting_s: float) -> None:
        super().__init__(name="weather", daemon=True)
        self._ways = ways
        self._draw = random.Random(seed)
        self._calm_s, self._lasting_s = calm_s, lasting_s
        self._is_over = threading.Event()

    def run(self) -> None:
        draw = self._draw
        while not self._is_over.wait(draw.uniform(0, self._calm_s)):
            way = draw.choice(self._ways)
            fault = draw.choice(list(Fault))
            way.suffer(fault)
            if fault not in (Fault.RESET, Fault.HALF_OPEN):
                self._is_over.wait(draw.uniform(0, self._lasting_s))
            way.mend()

    def clear(self) -> None:
        """End it, with every way mended."""
        self._is_over.set()
        self.join()
