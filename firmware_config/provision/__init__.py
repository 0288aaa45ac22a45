"""Putting a hall into service: the broker's users and rights, and each device's settings.

Rendering the same fleet again changes nothing: secrets that exist are kept, and a file whose
content would stay the same is not touched.
"""

from firmware_config.provision.device import DEVICE_PATHS, DevicePaths, render_device
from firmware_config.provision.hall import BrokerKind, ProvisionedHall, provision_hall

__all__ = [
    "DEVICE_PATHS",
    "BrokerKind",
    "DevicePaths",
    "ProvisionedHall",
    "provision_hall",
    "render_device",
]
