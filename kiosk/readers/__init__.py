"""Staff readers: a keypad, barcode or NFC reader types a line, and somebody signs in or out.

`reader_of` imports what a kind needs only when that kind is set: a device of 512 MB should not
carry what it has no plug for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from firmware_config.counter_settings import ReaderSettings
from kiosk.clock import Clock
from kiosk.events import Event

if TYPE_CHECKING:
    from kiosk.readers.reader import Reader, Source


def reader_of(
    settings: ReaderSettings, *, on_event: Callable[[Event], None], clock: Clock
) -> Reader | None:
    """The reader that the section `[reader]` asks for, not started; None: it asks for none.

    Args:
        settings: the section.
        on_event: takes `BadgeRead` and FAULT events, in the reader's thread; must only queue.
        clock: gives the events their time.
    """
    source: Source
    if settings.kind == "evdev":
        from kiosk.readers.evdev import EvdevSource

        source = EvdevSource(settings.device)
    elif settings.kind == "serial":
        from kiosk.readers.serial import SerialSource

        source = SerialSource(settings.device, baud=settings.baud)
    else:
        return None
    from kiosk.readers.lines import NumberShape
    from kiosk.readers.reader import Reader

    shape = NumberShape(
        prefix=settings.prefix,
        suffix=settings.suffix,
        is_digits=settings.characters == "digits",
        shortest=settings.shortest,
        longest=settings.longest,
    )
    return Reader(
        source,
        name=settings.device,
        shape=shape,
        on_event=on_event,
        clock=clock,
    )
