"""One MQTT connection that comes back by itself; the only module that imports paho.

Both programs use it, so what paho does to its users is met in one place: every connection gets a
client object of its own (nothing queued or half-acknowledged survives a reconnect), the network
thread is ours (an exception ends it visibly instead of leaving `is_connected()` true for ever),
reads and writes are buffered (paho reads byte by byte and sends each PUBACK alone), and waiting
uses poll, which has no limit of 1,024 file descriptors.

MQTT 5 is tried first because only there a denied publish is visible; a broker that does not speak
it is asked again with 3.1.1.
"""

from firmware_config.mqtt_link.events import (
    Arrived,
    BrokerAddress,
    Connected,
    Disconnected,
    LinkEvent,
    Publication,
    Published,
    Refused,
)
from firmware_config.mqtt_link.link import Link

__all__ = [
    "Arrived",
    "BrokerAddress",
    "Connected",
    "Disconnected",
    "Link",
    "LinkEvent",
    "Publication",
    "Published",
    "Refused",
]
