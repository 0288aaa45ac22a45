"""What the address of the list asks for: period, state, place, level, order, page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypeVar

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from collector.ledger.readers.bad import BadOrder, PageKey
from collector.ledger.readers.fleet import DepartmentRow, WindowRow
from collector.office.follow_ups import FollowUpState
from collector.periods import PeriodName
from collector.web.asked import (
    AskedPeriod,
    BadParameter,
    Column,
    Order,
    asked_order,
    asked_period,
)

DEFAULT_PERIOD: Final = PeriodName.THIRTY_DAYS.value
"""Long enough for every deadline in use; an older one is a choice away."""
LEVELS: Final = (2, 1)
_CURSOR: Final = re.compile(r"(-?[0-9]{1,15})\.(-?[0-9]{1,15})\.([0-9]{1,15})")
_LONGEST: Final = 40
Row = TypeVar("Row", DepartmentRow, WindowRow)

COLUMNS: Final[tuple[Column[Any], ...]] = (
    Column("pressed", lazy_gettext("Pressed"), lambda row: row),
    Column("level", lazy_gettext("Rating"), lambda row: row, is_number=False),
    Column("window", lazy_gettext("Window"), lambda row: row, is_number=False),
)
"""What the list can be ordered by; the ledger orders it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedList:
    """The list asked for.

    Attributes:
        period: of the presses.
        state: None: any.
        department: at press time; None: any that the visitor may see.
        window: at press time; None: any.
        level: 2 or 1; None: both.
        is_overdue: only those that are still to be done and past their due date.
        order: by which column, which way.
        after: where the page before ended; None: the first page.
    """

    period: AskedPeriod
    state: FollowUpState | None
    department: DepartmentRow | None
    window: WindowRow | None
    level: int | None
    is_overdue: bool
    order: Order[Any]
    after: PageKey | None

    @property
    def by(self) -> BadOrder:
        """The order's column."""
        return BadOrder(self.order.column.key)

    @property
    def is_filtered(self) -> bool:
        """Whether anything but the period is asked for."""
        chosen = (self.state, self.department, self.window, self.level)
        return self.is_overdue or any(one is not None for one in chosen)

    @property
    def period_parameters(self) -> dict[str, str]:
        """The address parameters that ask for the period again."""
        return self.period.parameters or {"period": PeriodName.TODAY.value}


def asked_list(
    args: Mapping[str, str],
    today: date,
    departments: list[DepartmentRow],
    windows: list[WindowRow],
) -> AskedList:
    """The list that an address asks for; an empty parameter asks for nothing.

    Args:
        args: of the address.
        today: the hall's local day.
        departments: those that the visitor may see.
        windows: alike.

    Raises:
        BadParameter: something in it makes no sense, or is not the visitor's to see.
    """
    given = {name: value for name, value in args.items() if value}
    if not given.keys() & {"period", "from", "to"}:
        given["period"] = DEFAULT_PERIOD
    return AskedList(
        period=asked_period(given, today),
        state=_state(given.get("state")),
        department=_of_code("department", given.get("department"), departments),
        window=_of_code("window", given.get("window"), windows),
        level=_level(given.get("level")),
        is_overdue=_one_of("overdue", given.get("overdue"), ("yes",)) is not None,
        order=asked_order(given, COLUMNS, default="pressed"),
        after=_after(given.get("after")),
    )


def cursor_text(key: PageKey) -> str:
    """Where a page ends, as the address parameter `after` of the next one."""
    return ".".join(str(part) for part in key)


def _one_of(name: str, text: str | None, known: tuple[str, ...]) -> str | None:
    if text is not None and text not in known:
        raise BadParameter(
            _("“%(name)s”: expected one of %(names)s, got “%(text)s”.")
            % {"name": name, "names": ", ".join(known), "text": text[:_LONGEST]}
        )
    return text


def _state(text: str | None) -> FollowUpState | None:
    known = _one_of("state", text, tuple(state.value for state in FollowUpState))
    return None if known is None else FollowUpState(known)


def _level(text: str | None) -> int | None:
    known = _one_of("level", text, tuple(str(level) for level in LEVELS))
    return None if known is None else int(known)


def _of_code(name: str, code: str | None, rows: list[Row]) -> Row | None:
    if code is None:
        return None
    for row in rows:
        if row.code == code:
            return row
    raise BadParameter(
        _("“%(name)s”: there is none of the code “%(text)s” that you may see.")
        % {"name": name, "text": code[:_LONGEST]}
    )


def _after(text: str | None) -> PageKey | None:
    if text is None:
        return None
    parts = _CURSOR.fullmatch(text)
    if parts is None:
        raise BadParameter(
            _("“after”: expected what a page’s own link says, got “%(text)s”.")
            % {"text": text[:_LONGEST]}
        )
    return int(parts[1]), int(parts[2]), int(parts[3])
