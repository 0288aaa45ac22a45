"""What waits for the work thread: presses and other events first, then the network, bounded.

Whoever reaches the broker can send faster than a device can check signatures. So keys never wait
behind the network: all events are taken first, and of the network's a few at a time; what does not
fit is dropped. Nothing is lost by that: receipts and commands come again.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Final

from firmware_config.mqtt_link import Arrived, LinkEvent
from kiosk.events import Event

NETWORK_A_TURN: Final = 16
"""Most link events taken at once. Our choice: checking as many signatures takes some milliseconds
here and some tens on a Pi Zero, and a press waits no longer than that."""
NETWORK_MAXIMUM: Final = 256
PAYLOAD_MAXIMUM: Final = 16_384
"""Largest message that can mean anything to a device: receipts and commands are far smaller."""
PRESSURE_S: Final = 0.005
"""Wait of the network thread for each message that finds no room: so the flood backs up at the
broker instead of taking the processor from the keys."""

Item = Event | threading.Event
"""An event, or somebody who waits until everything before it is done."""


class Inbox:
    """Filled by any thread, emptied by the work thread.

    Attributes:
        dropped: messages that found no room or were too large, since the start.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._items: deque[Item] = deque()
        self._network: deque[LinkEvent] = deque()
        self._arrived = threading.Event()

    @property
    def is_empty(self) -> bool:
        """Whether no event waits; the network may go on for ever."""
        return not self._items

    def put(self, item: Item) -> None:
        """An edge, an event, a waiter; never refused."""
        self._items.append(item)
        self._arrived.set()

    def put_network(self, event: LinkEvent) -> None:
        """Something from the link; its thread only queues, and waits a moment in a flood."""
        if isinstance(event, Arrived):
            if len(event.payload) > PAYLOAD_MAXIMUM:
                self.dropped += 1
                return
            if len(self._network) >= NETWORK_MAXIMUM:
                self.dropped += 1
                time.sleep(PRESSURE_S)
                return
        self._network.append(event)
        self._arrived.set()

    def wake(self) -> None:
        """Make a waiting `take` return."""
        self._arrived.set()

    def take(self, wait_s: float) -> tuple[list[Item], list[LinkEvent]]:
        """Everything but the network, and the next of the network; waits when there is nothing."""
        if not (self._items or self._network) and wait_s > 0:
            self._arrived.wait(wait_s)
        self._arrived.clear()  # before looking: what comes now makes the next call return at once
        items = [self._items.popleft() for _ in range(len(self._items))]
        network = [self._network.popleft() for _ in range(min(len(self._network), NETWORK_A_TURN))]
        return items, network
