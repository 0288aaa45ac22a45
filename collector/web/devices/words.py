"""What devices need, in words: why, what to do, and what it is about."""

from __future__ import annotations

from typing import Final

from flask_babel import gettext, lazy_gettext

from collector.devices.limits import LATE_RECEIPT_S, Grade, Reading, Value
from collector.devices.needs import Need, Reason
from collector.web.figures import NO_FIGURE
from collector.web.languages import level_name
from collector.wishes import Fate, Told
from firmware_config.levels import KEY_LEVELS

TITLES: Final = {
    Reason.NO_THANKS: lazy_gettext("No longer thanks"),
    Reason.CONFLICT: lazy_gettext("Two histories"),
    Reason.OFFLINE: lazy_gettext("Offline"),
    Reason.NEVER: lazy_gettext("Never heard"),
    Reason.NO_KEY: lazy_gettext("No key registered"),
    Reason.STUCK: lazy_gettext("Key held down"),
    Reason.ONE_SIDED: lazy_gettext("One-sided"),
    Reason.IDLE: lazy_gettext("Silent while open"),
    Reason.ALARM: lazy_gettext("Alarm"),
    Reason.POWER: lazy_gettext("Power supply"),
    Reason.HOT: lazy_gettext("Too hot"),
    Reason.THREADS: lazy_gettext("Part of the program ended"),
    Reason.RECEIPT: lazy_gettext("No receipts"),
    Reason.LATE: lazy_gettext("Overdue"),
    Reason.DISK: lazy_gettext("Disk gets short"),
    Reason.BACKLOG: lazy_gettext("Large backlog"),
    Reason.GAP: lazy_gettext("Records missing"),
    Reason.CLOCK: lazy_gettext("Clock not synchronised"),
    Reason.POWER_BEFORE: lazy_gettext("Power was weak"),
    Reason.EDGES: lazy_gettext("Bad contact"),
    Reason.QUARANTINE: lazy_gettext("Messages refused"),
    Reason.UNPROVEN: lazy_gettext("Keys not proven"),
}
WHY: Final = {
    Reason.NO_THANKS: lazy_gettext("It cannot promise to keep what is pressed, and says so."),
    Reason.CONFLICT: lazy_gettext("Two different records claim the same place in its journal."),
    Reason.OFFLINE: lazy_gettext("Nothing was heard for ten minutes, or the broker lost it."),
    Reason.NEVER: lazy_gettext("It stands at a window and has never been heard."),
    Reason.NO_KEY: lazy_gettext("Nothing it sends can be believed: no public key is registered."),
    Reason.STUCK: lazy_gettext("A key has been down for more than half a minute."),
    Reason.ONE_SIDED: lazy_gettext(
        "A level is missing that chance cannot explain: by what other windows are given it should "
        "have come nine times and more in a month."
    ),
    Reason.IDLE: lazy_gettext(
        "The hall is open and the others work, but by its own habit this silence happens once in "
        "ten thousand times."
    ),
    Reason.ALARM: lazy_gettext("The device itself says that something is wrong."),
    Reason.POWER: lazy_gettext("The supply is too weak now; a power cut is near."),
    Reason.HOT: lazy_gettext("The processor is being slowed down by heat."),
    Reason.THREADS: lazy_gettext("A part of the device program does not run any more."),
    Reason.RECEIPT: lazy_gettext("It waits for the collector's receipts and gets none."),
    Reason.LATE: lazy_gettext("It should have spoken by now; it does every 30 seconds."),
    Reason.DISK: lazy_gettext("Little room is left where the journal lies."),
    Reason.BACKLOG: lazy_gettext("More than a week of records has not arrived yet."),
    Reason.GAP: lazy_gettext("Later records of its journal have arrived, earlier ones have not."),
    Reason.CLOCK: lazy_gettext("Press times are estimated from receptions until it is."),
    Reason.POWER_BEFORE: lazy_gettext("Since it was switched on the supply was too weak once."),
    Reason.EDGES: lazy_gettext("A pin changes far more often than presses explain."),
    Reason.QUARANTINE: lazy_gettext("Messages of the last week could not become records."),
    Reason.UNPROVEN: lazy_gettext("Neither pressed nor tested in 30 days: nobody knows they work."),
}
TODO: Final = {
    Reason.NO_THANKS: lazy_gettext("Replace the card; the journal on it is kept."),
    Reason.CONFLICT: lazy_gettext(
        "Find out whether its card was copied. Take one of the two away and keep both cards."
    ),
    Reason.OFFLINE: lazy_gettext("Look at plug and network cable; nothing pressed is lost."),
    Reason.NEVER: lazy_gettext("Switch it on, and check broker address and password."),
    Reason.NO_KEY: lazy_gettext("Register its public key and load the fleet."),
    Reason.STUCK: lazy_gettext("Free the key, then run the self-test."),
    Reason.ONE_SIDED: lazy_gettext("Run the self-test; a dead key makes the figures look better."),
    Reason.IDLE: lazy_gettext("Ask at the window, look whether cases still open, press a key."),
    Reason.ALARM: lazy_gettext("Open the device's page and look at its last faults."),
    Reason.POWER: lazy_gettext("Use the board's own power supply and a short cable."),
    Reason.HOT: lazy_gettext("Free the vents and take it out of the sun."),
    Reason.THREADS: lazy_gettext("Restart the device; if it happens again, keep its log."),
    Reason.RECEIPT: lazy_gettext("See whether ingest runs and the device knows its key."),
    Reason.LATE: lazy_gettext("Wait some minutes; if it stays so, look at its cable."),
    Reason.DISK: lazy_gettext("Make room, or replace the card by a larger one."),
    Reason.BACKLOG: lazy_gettext("Look whether its network is slow; it catches up by itself."),
    Reason.GAP: lazy_gettext("Usually fetched by the next night; else ask it to send again."),
    Reason.CLOCK: lazy_gettext("Check that the time server can be reached."),
    Reason.POWER_BEFORE: lazy_gettext("Change the supply at the next visit."),
    Reason.EDGES: lazy_gettext("Check the key's plug, then run the self-test."),
    Reason.QUARANTINE: lazy_gettext("See the reasons on the ledger page."),
    Reason.UNPROVEN: lazy_gettext("Run the self-test: hold the clerk's key for ten seconds."),
}
VALUES: Final = {
    Value.TEMPERATURE: lazy_gettext("Temperature"),
    Value.POWER: lazy_gettext("Power supply"),
    Value.MEMORY: lazy_gettext("Memory"),
    Value.DISK: lazy_gettext("Free disk"),
    Value.CLOCK: lazy_gettext("Clock"),
    Value.RECEIPT: lazy_gettext("Last receipt"),
    Value.BACKLOG: lazy_gettext("Still to come"),
    Value.EDGES: lazy_gettext("Unexplained edges"),
    Value.STUCK: lazy_gettext("Keys held down"),
    Value.THREADS: lazy_gettext("Program parts"),
    Value.REFUSALS: lazy_gettext("Refused by the broker"),
}
GRADES: Final = {
    Grade.OK: lazy_gettext("good"),
    Grade.WATCH: lazy_gettext("watch"),
    Grade.BAD: lazy_gettext("bad"),
    Grade.UNKNOWN: lazy_gettext("not told"),
}
FATES: Final = {
    Fate.WAITING: lazy_gettext("Handed over …"),
    Fate.NOBODY: lazy_gettext(
        "Not sent: the service for wishes (collector command serve) does not run."
    ),
    Fate.SENDING: lazy_gettext("Sent, waiting for its answer …"),
    Fate.DONE: lazy_gettext("It blinks for 15 seconds."),
    Fate.REFUSED: lazy_gettext("The device refused."),
    Fate.NO_ANSWER: lazy_gettext("Sent, but no answer came."),
    Fate.TOO_MANY: lazy_gettext("Not sent: too many wishes. Wait some seconds."),
    Fate.UNKNOWN_DEVICE: lazy_gettext(
        "Not sent: the service does not know this device; restart it."
    ),
    Fate.TOO_LATE: lazy_gettext("Not sent: it came too late and is void."),
    Fate.FAILED: lazy_gettext("Not sent: the log of commands cannot be written."),
}
_WORDS: Final = {
    "under-voltage": lazy_gettext("too little voltage"),
    "throttled": lazy_gettext("slowed down"),
    "under-voltage-since-boot": lazy_gettext("too little voltage before"),
    "throttled-since-boot": lazy_gettext("slowed down before"),
    "clerk": lazy_gettext("clerk's key"),
    "journal-damaged": lazy_gettext("journal damaged and set aside"),
    "storage": lazy_gettext("storage fails"),
    "test-failed": lazy_gettext("self-test not passed"),
    "volatile-storage": lazy_gettext("journal would not survive a power cut"),
    "checkpoint": lazy_gettext("the collector contradicts its checkpoints"),
    "voice-failed": lazy_gettext("no voice"),
    "screen-unseen": lazy_gettext("screen not seen"),
    "reader-lost": lazy_gettext("badge reader lost"),
    "offline": lazy_gettext("the broker has no connection to it"),
    "silent": lazy_gettext("it may still have blinked"),
    "no-broker": lazy_gettext("no connection to the broker"),
    "broker-refused": lazy_gettext("refused by the broker"),
    "no-key": lazy_gettext("no key is registered"),
    "testing": lazy_gettext("the self-test is running"),
    "idle": lazy_gettext("in service"),
    "invited": lazy_gettext("waiting for a rating"),
    "answered": lazy_gettext("just rated"),
    "resting": lazy_gettext("just rated"),
    "paused": lazy_gettext("service paused"),
    "done": lazy_gettext("carried out"),
    "refused": lazy_gettext("refused"),
    "no-answer": lazy_gettext("no answer"),
    "clock-unknown": lazy_gettext("it does not know the time yet"),
}


def _(text: str) -> str:
    return str(gettext(text))


def word_text(word: str) -> str:
    """A word of a device; one that is not known as it is."""
    level = KEY_LEVELS.get(word)
    return level_name(level) if level else str(_WORDS.get(word, word))


def words_text(words: tuple[str, ...]) -> str:
    """Words of a device, as a list."""
    return _(", ").join(word_text(word) for word in words)


def age_text(seconds: float | None) -> str:
    """A duration in the one unit a person would use; `—` for None."""
    if seconds is None:
        return NO_FIGURE
    for size, text in ((86_400, _("%(n)d d")), (3600, _("%(n)d h")), (60, _("%(n)d min"))):
        if seconds >= 2 * size:
            return text % {"n": seconds // size}
    return _("%(n)d s") % {"n": max(0, round(seconds))}


def bytes_text(number: float | None) -> str:
    """A size in MB or GB, powers of ten."""
    if number is None:
        return NO_FIGURE
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.0f} MB"


def levels_text(levels: tuple[int, ...]) -> str:
    """Levels by name; a number before it would read as how many there are."""
    return _(", ").join(level_name(level) for level in levels)


def reading_text(reading: Reading) -> str:
    """A value as it is shown; never empty."""
    number = reading.number
    if reading.grade is Grade.UNKNOWN and number is None:
        return NO_FIGURE
    match reading.value:
        case Value.TEMPERATURE:
            return f"{number:.0f} °C"
        case Value.MEMORY | Value.DISK:
            return bytes_text(number)
        case Value.CLOCK:
            return _("synchronised") if reading.grade is Grade.OK else _("not synchronised")
        case Value.RECEIPT:
            return _("none since its start") if number is None else age_text(number)
        case Value.BACKLOG | Value.REFUSALS:
            return f"{number or 0:,.0f}"
        case Value.EDGES:
            names = words_text(reading.words)
            return f"{number or 0:,.0f}" + (f" ({names})" if names else "")
        case Value.POWER:
            return words_text(reading.words) or _("steady")
        case Value.THREADS:
            return words_text(reading.words) or _("all running")
        case _:
            return words_text(reading.words) or _("none")


def limit_text(reading: Reading) -> str:
    """From where on a value is not good, in words; empty for none."""
    limit = reading.limit
    if limit is None:
        return ""
    match reading.value:
        case Value.TEMPERATURE:
            text = f"{limit:.0f} °C"
        case Value.MEMORY:
            text = bytes_text(limit)
        case Value.RECEIPT:
            text = age_text(limit or LATE_RECEIPT_S)
        case _:
            text = f"{limit:,.0f}"
    return _("limit %(limit)s") % {"limit": text}


def detail_text(need: Need) -> str:
    """What a need is about at this one device, in few words; empty for nothing more."""
    facts = need.facts
    if "levels" in facts:
        return levels_text(facts["levels"])
    if facts.get("words"):
        return words_text(facts["words"])
    number = facts.get("number")
    match need.reason:
        case Reason.HOT:
            return f"{number:.0f} °C"
        case Reason.DISK:
            return bytes_text(number)
        case Reason.RECEIPT:
            return age_text(number) if number is not None else _("none since its start")
        case _:
            return "" if number is None else f"{number:,.0f}"


def fate_text(told: Told) -> str:
    """What became of a wish, in a sentence."""
    reason = f" ({word_text(told.reason)})" if told.reason else ""
    return f"{FATES[told.fate]}{reason}"
