"""What a visitor asks for in the address: a period, an order, a code, a number.

Anything else than what is expected is answered with 400 and a sentence, never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Generic, TypeVar

from flask_babel import gettext as _
from flask_babel import lazy_gettext
from werkzeug.routing import IntegerConverter

from collector.periods import Period, PeriodName, between, named_period
from firmware_config.command_line import MOST_DIGITS

LONGEST_RANGE_DAYS: Final = 3660
"""Ten years: longer than a hall keeps a device, short enough to add up."""
CUSTOM: Final = "custom"
OFFERED: Final = (
    (PeriodName.TODAY, lazy_gettext("Today")),
    (PeriodName.WEEK, lazy_gettext("This week")),
    (PeriodName.MONTH, lazy_gettext("This month")),
    (PeriodName.QUARTER, lazy_gettext("This quarter")),
    (PeriodName.YEAR, lazy_gettext("This year")),
    (PeriodName.SEVEN_DAYS, lazy_gettext("7 days")),
    (PeriodName.THIRTY_DAYS, lazy_gettext("30 days")),
)
"""Periods offered by name, in the order shown."""

Item = TypeVar("Item")


class BadParameter(ValueError):
    """The address asks for something that makes no sense; the message is for the visitor."""


@dataclass(frozen=True, slots=True)
class AskedPeriod:
    """The period asked for. `name` is a `PeriodName` value or `custom`."""

    name: str
    period: Period

    @property
    def parameters(self) -> dict[str, str]:
        """The address parameters that ask for it again."""
        if self.name != CUSTOM:
            return {} if self.name == PeriodName.TODAY else {"period": self.name}
        return {
            "from": self.period.start_on.isoformat(),
            "to": self.period.last_on.isoformat(),
        }


class NumberInPath(IntegerConverter):
    """A number in an address's path; a longer one than any we give is an unknown address."""

    regex = rf"[0-9]{{1,{MOST_DIGITS}}}"


FIELDS: Final = {"from": lazy_gettext("From"), "to": lazy_gettext("To")}
"""Name in the address → the field of a form that it comes from."""


def _day(text: str, name: str) -> date:
    try:
        if len(text) != 10:
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise BadParameter(
            _("“%(name)s” (%(field)s): expected a date such as 2026-05-01, got “%(text)s”.")
            % {"name": name, "field": FIELDS[name], "text": text[:40]}
        ) from None


def asked_period(args: Mapping[str, str], today: date) -> AskedPeriod:
    """The period of `period=NAME`, or of `from=` and `to=` (both days included); else today.

    Raises:
        BadParameter: an unknown name, an impossible date, an end before the start, over ten years.
    """
    if "from" in args or "to" in args:
        first_on = _day(args.get("from", ""), "from")
        last_on = _day(args.get("to", ""), "to")
        if last_on < first_on:
            raise BadParameter(
                _("The last day, %(last)s, is before the first, %(first)s.")
                % {"last": last_on, "first": first_on}
            )
        if (last_on - first_on).days >= LONGEST_RANGE_DAYS or last_on == date.max:
            raise BadParameter(_("A period may be ten years long at most."))
        return AskedPeriod(CUSTOM, between(first_on, last_on))
    name = args.get("period", PeriodName.TODAY.value)
    offered = [known.value for known, _label in OFFERED]
    if name not in offered:
        raise BadParameter(
            _("“period”: expected one of %(names)s, got “%(text)s”.")
            % {"names": ", ".join(offered), "text": name[:40]}
        )
    return AskedPeriod(name, named_period(PeriodName(name), today))


@dataclass(frozen=True, slots=True)
class Column(Generic[Item]):
    """A column of a sortable table.

    Attributes:
        key: its name in the address.
        label: its heading, translated when shown.
        value: what it sorts by; a tuple's first part is a group that is never reversed.
        is_number: aligned right, and largest first at the first click.
    """

    key: str
    label: Any
    value: Callable[[Item], Any]
    is_number: bool = True


@dataclass(frozen=True, slots=True)
class Order(Generic[Item]):
    """The order asked for."""

    columns: tuple[Column[Item], ...]
    column: Column[Item]
    is_descending: bool

    @property
    def labels(self) -> dict[str, str]:
        """Key of a column → its heading in the page's language."""
        return {column.key: str(column.label) for column in self.columns}

    def sorted(self, items: Iterable[Item]) -> list[Item]:
        """The items in this order; equal ones stay in the order of the fleet file."""
        ordered = list(items)
        value = self.column.value
        first = value(ordered[0]) if ordered else None
        if isinstance(first, tuple):
            ordered.sort(key=lambda item: value(item)[1], reverse=self.is_descending)
            ordered.sort(key=lambda item: value(item)[0])
        else:
            ordered.sort(key=value, reverse=self.is_descending)
        return ordered

    def parameters(self, column: Column[Item]) -> dict[str, str]:
        """Address parameters of a click on a column's heading: this order turned, or its own."""
        if column.key == self.column.key:
            direction = "asc" if self.is_descending else "desc"
        else:
            direction = "desc" if column.is_number else "asc"
        return {"sort": column.key, "order": direction}

    def aria(self, column: Column[Item]) -> str:
        """The `aria-sort` value of a column's heading."""
        if column.key != self.column.key:
            return "none"
        return "descending" if self.is_descending else "ascending"


def asked_order(
    args: Mapping[str, str], columns: tuple[Column[Item], ...], *, default: str
) -> Order[Item]:
    """The order of `sort=COLUMN` and `order=asc|desc`; else by column `default`.

    Raises:
        BadParameter: an unknown column or direction.
    """
    by_key = {column.key: column for column in columns}
    key = args.get("sort", default)
    if key not in by_key:
        raise BadParameter(
            _("“sort”: expected one of %(names)s, got “%(text)s”.")
            % {"names": ", ".join(by_key), "text": key[:40]}
        )
    column = by_key[key]
    direction = args.get("order", "desc" if column.is_number else "asc")
    if direction not in ("asc", "desc"):
        raise BadParameter(
            _("“order”: expected asc or desc, got “%(text)s”.") % {"text": direction[:40]}
        )
    return Order(columns, column, direction == "desc")


def asked_number(args: Mapping[str, str], name: str, *, default: int) -> int:
    """A whole number from 0 on.

    Raises:
        BadParameter: it is not one.
    """
    text = args.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS):
        raise BadParameter(
            _("“%(name)s”: expected a whole number, got “%(text)s”.")
            % {"name": name, "text": text[:40]}
        )
    return int(text)
