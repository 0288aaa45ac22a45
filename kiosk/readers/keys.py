"""Key events of a USB device that types become characters: US layout. Pure.

Badge readers, barcode scanners and number pads present themselves as keyboards and type what they
read, then Enter. They all assume the US layout. Control characters in what comes out: `\\n` ends a
line, `\\b` takes a character back, `\\x1b` throws away what was typed of the line so far, `\\x18`
the whole line up to its end.

Source: linux/input-event-codes.h for types and codes; Documentation/input/event-codes.rst for the
meaning of `value` (0 up, 1 down, 2 repeated) and of SYN_DROPPED.
"""

from __future__ import annotations

from typing import Final

END: Final = "\n"
BACKSPACE: Final = "\b"
CLEAR: Final = "\x1b"
CANCEL: Final = "\x18"

EV_SYN: Final = 0
EV_KEY: Final = 1
SYN_REPORT: Final = 0
SYN_DROPPED: Final = 3
KEY_DOWN: Final = 1
KEY_UP: Final = 0
KEY_CAPSLOCK: Final = 58
_SHIFTS: Final = frozenset({42, 54})
_MODIFIERS: Final = frozenset({29, 97, 56, 100, 125, 126})
"""Ctrl, Alt, Meta: while one is down the keys mean commands, not characters."""


def _rows() -> dict[int, tuple[str, str]]:
    """Code → the character without and with shift."""
    keys: dict[int, tuple[str, str]] = {}
    for first, plain, shifted in (
        (2, "1234567890-=", "!@#$%^&*()_+"),
        (16, "qwertyuiop[]", "QWERTYUIOP{}"),
        (30, "asdfghjkl;'`", 'ASDFGHJKL:"~'),
        (43, "\\zxcvbnm,./", "|ZXCVBNM<>?"),
        (57, " ", " "),
    ):
        for offset, pair in enumerate(zip(plain, shifted, strict=True)):
            keys[first + offset] = pair
    keypad = {71: "7", 72: "8", 73: "9", 74: "-", 75: "4", 76: "5", 77: "6", 78: "+"}
    keypad |= {79: "1", 80: "2", 81: "3", 82: "0", 83: ".", 55: "*", 98: "/", 117: "="}
    # Enter, keypad Enter; Tab, which some scanners send instead; Backspace, Delete; Escape
    keypad |= {28: END, 96: END, 15: END, 14: BACKSPACE, 111: CLEAR, 1: CLEAR}
    return keys | {code: (text, text) for code, text in keypad.items()}


_CHARACTERS: Final = _rows()


class KeyDecoder:
    """Remembers what is held down, and turns key events into characters.

    The digits of the number pad are digits whatever Num Lock says: a pad of its own has no cursor
    keys. Caps Lock is followed, because some scanners write capitals with it.
    """

    def __init__(self) -> None:
        self._held: set[int] = set()
        self._is_caps = False
        self._is_blind = False

    def feed(self, kind: int, code: int, value: int) -> str:
        """Take one event; returns what it types: nothing, a character, or a control character.

        Args:
            kind: type of the event; all but EV_KEY and EV_SYN are ignored.
            code: the key.
            value: 0 up, 1 down; 2 (repeated by the kernel) types nothing.
        """
        if kind == EV_SYN:
            return self._on_sync(code)
        if kind != EV_KEY or self._is_blind:
            return ""
        if code in _SHIFTS or code in _MODIFIERS:
            if value == KEY_UP:
                self._held.discard(code)
            else:
                self._held.add(code)
            return ""
        if value != KEY_DOWN or self._held & _MODIFIERS:
            return ""
        if code == KEY_CAPSLOCK:
            self._is_caps = not self._is_caps
            return ""
        plain, shifted = _CHARACTERS.get(code, ("", ""))
        is_shifted = bool(self._held & _SHIFTS) != (self._is_caps and plain.isalpha())
        return shifted if is_shifted else plain

    def _on_sync(self, code: int) -> str:
        """SYN_DROPPED: the kernel's buffer (64 events, 16 keys) was full and keys are missing.

        Up to the next report the rest of it comes; what then follows may be the end of a line whose
        beginning is lost. It would be somebody else's number: the whole line is cancelled.
        """
        if code == SYN_DROPPED:
            self._is_blind = True
            self._held.clear()
            return CANCEL
        if code == SYN_REPORT:
            self._is_blind = False
        return ""
