"""Settings of what people meet at the counter: opening hours, voice, screen, staff reader."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from firmware_config.hours import expected_spans, expected_week
from firmware_config.settings import Setting

LANGUAGES: Final = ("zh-CN", "en")
"""What voice and screen can speak and show, the first being the default."""
_PORT_MINIMUM: Final = 1024
_NAME: Final = r"[^\x00-\x1f\x7f-\x9f]{0,64}"
STAFF_NO_MAXIMUM: Final = 32
"""Longest staff number that a reader gives, in characters. Our choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningSettings:
    """Section `[opening]`: when the hall is open, in local time."""

    hours: Annotated[
        tuple[str, ...],
        Setting(
            help="Lines such as `mon-fri 09:00-12:00`; none means always open. Outside them the "
            "screen says so, the voice says only what staff asks for (self-test, identify), and "
            "walk-up presses are kept but not counted. A case or the clerk's key still opens a "
            "session.",
            check=expected_week,
            remote=True,
        ),
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceSettings:
    """Section `[voice]`: the speaker."""

    folder: Annotated[
        Path | None,
        Setting(
            help="Folder with the prompts as WAV files, `zh-CN/invite.wav` …; not set: no voice. "
            "See docs/voice.md."
        ),
    ] = None
    device: Annotated[
        str, Setting(help="ALSA device to play on; see `aplay -L`.", pattern=r"\S+")
    ] = "default"
    language: Annotated[
        str, Setting(help="Language of the prompts.", choices=LANGUAGES, remote=True)
    ] = "zh-CN"
    volume: Annotated[
        int,
        Setting(
            help="Loudness: 50 sounds half as loud as 100; 0 is silent.",
            unit="%",
            minimum=0,
            maximum=100,
            remote=True,
        ),
    ] = 80
    quiet_hours: Annotated[
        tuple[str, ...],
        Setting(
            help="Stretches such as `12:00-13:30` in which nothing is said.",
            check=expected_spans,
            remote=True,
        ),
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenSettings:
    """Section `[screen]`: the page for an HDMI or touch screen, on this device only."""

    enabled: Annotated[bool, Setting(help="Whether the page is served.")] = False
    port: Annotated[
        int,
        Setting(
            help="TCP port on 127.0.0.1; the unit kiosk-screen.service opens it.",
            minimum=_PORT_MINIMUM,
            maximum=65535,
        ),
    ] = 8090
    touch: Annotated[
        bool,
        Setting(help="Whether the faces on the screen are keys (a touch screen)."),
    ] = False
    language: Annotated[
        str, Setting(help="Language of the page.", choices=LANGUAGES, remote=True)
    ] = "zh-CN"
    window: Annotated[
        str,
        Setting(help="Name of the window, shown as it is.", pattern=_NAME, remote=True),
    ] = ""
    department: Annotated[
        str,
        Setting(help="Name of the department, shown as it is.", pattern=_NAME, remote=True),
    ] = ""
    staff_file: Annotated[
        Path | None,
        Setting(
            help="CSV file with the columns `staff_no`, `name` and, if wanted, `name_en`, `photo` "
            "(a file beside it); not set: only the number is shown."
        ),
    ] = None
    show_photo: Annotated[
        bool, Setting(help="Whether the photo of the member of staff is shown.", remote=True)
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderSettings:
    """Section `[reader]`: a keypad, barcode or NFC reader with which staff sign in."""

    kind: Annotated[
        str,
        Setting(
            help="`evdev`: a USB device that types; `serial`: one on a serial line; `none`.",
            choices=("none", "evdev", "serial"),
        ),
    ] = "none"
    device: Annotated[
        str,
        Setting(help="Its device file, e.g. `/dev/input/by-id/usb-…-event-kbd` or `/dev/ttyUSB0`."),
    ] = ""
    baud: Annotated[int, Setting(help="Speed of the serial line.", minimum=300, maximum=921600)] = (
        9600
    )
    prefix: Annotated[
        str,
        Setting(
            help="What stands before every staff number, e.g. `YP`: must be there, and is no part "
            "of the number.",
            pattern=r"[!-~]{0,16}",
        ),
    ] = ""
    suffix: Annotated[
        str,
        Setting(help="What stands after every staff number.", pattern=r"[!-~]{0,16}"),
    ] = ""
    characters: Annotated[
        str,
        Setting(
            help="What staff numbers are made of: `alphanumeric` (digits, letters A to Z, hyphens) "
            "or `digits`.",
            choices=("alphanumeric", "digits"),
        ),
    ] = "alphanumeric"
    shortest: Annotated[
        int,
        Setting(
            help="Characters of the shortest staff number.",
            minimum=1,
            maximum=STAFF_NO_MAXIMUM,
        ),
    ] = 1
    longest: Annotated[
        int,
        Setting(
            help="Characters of the longest staff number. Where all numbers are equally long, set "
            "both: a digit that somebody else typed before a number then makes it no number, and "
            "a visitor's own card is less likely to be one. A line that is none, and a resident "
            "identity number whatever is set here, is neither stored nor logged.",
            minimum=1,
            maximum=STAFF_NO_MAXIMUM,
        ),
    ] = 16

    def problems(self) -> Iterator[str]:
        """What is wrong between the settings of this section."""
        if self.kind != "none" and not self.device.startswith("/dev/"):
            yield f"device: expected a file in /dev for kind {self.kind}, got {self.device!r}"
        if self.shortest > self.longest:
            yield f"shortest: expected at most longest ({self.longest}), got {self.shortest}"
