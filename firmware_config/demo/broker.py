"""The demo's MQTT broker: amqtt, with the configuration that `provision_hall` wrote.

`python -m firmware_config.demo.broker CONFIG`

It keeps nothing on disk and needs nothing kept: devices and collector survive its restart by
themselves, because the journals hold every record until the collector's receipt.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

from amqtt.broker import Broker
from amqtt.errors import BrokerError
from amqtt.session import Session

from firmware_config.errors import ExitCode
from firmware_config.service_manager import service_notify

logger = logging.getLogger(__name__)


class QuietBroker(Broker):  # type: ignore[misc]
    """amqtt without its flood of retained messages.

    amqtt 0.12.1 sends every client that connects the retained messages of all subscriptions of
    *all* clients, whatever the access lists say: 135 devices got 95,000 receipts and statuses of
    each other in 14 s, and half of them were not connected by then (measured). Only a client's own
    subscriptions are served here.
    """

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        subscribers = self.subscriptions.get(subscription[0], [])
        if any(subscriber is session for subscriber, _ in subscribers):
            await super()._publish_retained_messages_for_subscription(subscription, session)


async def _serve(config: dict[str, Any]) -> None:
    broker = QuietBroker(config)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await broker.start()
    logger.info("broker listens on %s", config["listeners"]["default"]["bind"])
    service_notify()("READY=1")
    await stopping.wait()
    await broker.shutdown()


def main(argv: list[str]) -> ExitCode:
    """Run the broker until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for name in ("amqtt", "transitions", "asyncio"):
        # amqtt logs each packet; and every client that asks for MQTT 5 first, as ours do, leaves a
        # warning and a traceback from asyncio
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # amqtt 0.12 warns of its option `acl`, the only name it takes when configured like this
    warnings.filterwarnings("ignore", category=DeprecationWarning, module="amqtt")
    if len(argv) != 1:
        logger.error("usage: python -m firmware_config.demo.broker CONFIG")
        return ExitCode.USAGE
    try:
        asyncio.run(_serve(json.loads(Path(argv[0]).read_text("utf-8"))))
    except (OSError, BrokerError) as error:
        logger.error("broker cannot start: %s", error)
        return ExitCode.IO
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
