"""Who may publish and read what at the broker: one table, from which each broker's form derives.

Pure. A device may only touch its own topics, so that one stolen password is one window's trouble.
"""

from __future__ import annotations

from typing import Final

from firmware_config.contract import Channel, topic, topic_filter

COLLECTOR_USER: Final = "collector"
"""The collector's user name at the broker; no device may have it as its id."""
DEVICE_WRITES: Final = (Channel.JOURNAL, Channel.STATUS, Channel.HEALTH, Channel.ANSWER)
DEVICE_READS: Final = (Channel.RECEIPT, Channel.COMMAND)
COLLECTOR_READS: Final = DEVICE_WRITES
COLLECTOR_WRITES: Final = DEVICE_READS


def mosquitto_acl(hall: str) -> str:
    """The ACL file of mosquitto: `%u` stands for the user name, which is the device id."""
    lines = ["# A device writes and reads its own topics only; %u is the user it logged in as."]
    lines += [f"pattern write {topic(hall, '%u', channel)}" for channel in DEVICE_WRITES]
    lines += [f"pattern read {topic(hall, '%u', channel)}" for channel in DEVICE_READS]
    lines += ["", f"user {COLLECTOR_USER}"]
    lines += [f"topic read {topic_filter(hall, channel)}" for channel in COLLECTOR_READS]
    lines += [f"topic write {topic_filter(hall, channel)}" for channel in COLLECTOR_WRITES]
    return "\n".join(lines) + "\n"


def topics_by_user(
    hall: str, devices: tuple[str, ...]
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The same rights written out for each user: what each may publish, and what each may read.

    For a broker whose access lists know no pattern for the user's own name.
    """
    writes = {COLLECTOR_USER: [topic_filter(hall, channel) for channel in COLLECTOR_WRITES]}
    reads = {COLLECTOR_USER: [topic_filter(hall, channel) for channel in COLLECTOR_READS]}
    for device in devices:
        writes[device] = [topic(hall, device, channel) for channel in DEVICE_WRITES]
        reads[device] = [topic(hall, device, channel) for channel in DEVICE_READS]
    return writes, reads
