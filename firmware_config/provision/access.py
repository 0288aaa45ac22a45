"""Who may publish and read what at the broker: one table, from which each broker's form derives.

Pure. A device may only touch its own topics, so that one stolen password is one window's trouble.
The collector has two users: `collector` takes in what devices say and answers with receipts,
`dispatcher` sends commands. So neither can do the other's work, and neither can throw the other
out: a broker that knows a client by its user name ends the first connection of a user at the
second.
"""

from __future__ import annotations

from typing import Final

from firmware_config.contract import TOPIC_ROOT, Channel, topic, topic_filter

COLLECTOR_USER: Final = "collector"
"""The collector's user name at the broker; no device may have it as its id."""
DISPATCHER_USER: Final = "dispatcher"
"""User name of what sends commands; no device may have it as its id."""
DEVICE_WRITES: Final = (Channel.JOURNAL, Channel.STATUS, Channel.HEALTH, Channel.ANSWER)
DEVICE_READS: Final = (Channel.RECEIPT, Channel.COMMAND)
CENTRAL_WRITES: Final = {
    COLLECTOR_USER: (Channel.RECEIPT,),
    DISPATCHER_USER: (Channel.COMMAND,),
}
"""User → what it may publish for every device of the hall."""
CENTRAL_READS: Final = {
    COLLECTOR_USER: (Channel.JOURNAL, Channel.STATUS, Channel.HEALTH),
    DISPATCHER_USER: (Channel.ANSWER,),
}
"""User → what it may read of every device of the hall."""
CENTRAL_USERS: Final = tuple(CENTRAL_WRITES)


def mosquitto_acl(hall: str) -> str:
    """The ACL file of mosquitto: `%u` stands for the user name, which is the device id."""
    lines = ["# A device writes and reads its own topics only; %u is the user it logged in as."]
    lines += [f"pattern write {topic(hall, '%u', channel)}" for channel in DEVICE_WRITES]
    lines += [f"pattern read {topic(hall, '%u', channel)}" for channel in DEVICE_READS]
    for user in CENTRAL_USERS:
        lines += ["", f"user {user}"]
        lines += [f"topic read {topic_filter(hall, channel)}" for channel in CENTRAL_READS[user]]
        lines += [f"topic write {topic_filter(hall, channel)}" for channel in CENTRAL_WRITES[user]]
        # or the patterns above would give it the topics of a device of its name
        lines.append(f"topic deny {TOPIC_ROOT}/{hall}/{user}/#")
    return "\n".join(lines) + "\n"


def topics_by_user(
    hall: str, devices: tuple[str, ...]
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The same rights written out for each user: what each may publish, and what each may read.

    For a broker whose access lists know no pattern for the user's own name.
    """
    writes: dict[str, list[str]] = {}
    reads: dict[str, list[str]] = {}
    for user in CENTRAL_USERS:
        writes[user] = [topic_filter(hall, channel) for channel in CENTRAL_WRITES[user]]
        reads[user] = [topic_filter(hall, channel) for channel in CENTRAL_READS[user]]
    for device in devices:
        writes[device] = [topic(hall, device, channel) for channel in DEVICE_WRITES]
        reads[device] = [topic(hall, device, channel) for channel in DEVICE_READS]
    return writes, reads
