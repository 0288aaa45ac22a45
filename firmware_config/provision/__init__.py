"""Putting a hall into service: broker's users and rights, each device's settings, the voice.

Rendering the same fleet again changes nothing: secrets that exist are kept, and a file whose
content would stay the same is not touched.
"""

from firmware_config.provision.device import DEVICE_PATHS, DevicePaths, render_device
from firmware_config.provision.hall import BrokerKind, ProvisionedHall, provision_hall
from firmware_config.provision.voice import RenderedVoice, render_voice

__all__ = [
    "DEVICE_PATHS",
    "BrokerKind",
    "DevicePaths",
    "ProvisionedHall",
    "RenderedVoice",
    "provision_hall",
    "render_device",
    "render_voice",
]
