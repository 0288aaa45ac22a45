"""The columns of a report, once for the page, Excel, CSV and the API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, Literal

from flask_babel import gettext
from flask_babel import lazy_gettext as _

from collector.intervals import wilson
from collector.rates import Rate, published
from collector.web.languages import is_chinese, level_name
from collector.web.ranked import INTERVAL_DECIMALS
from collector.web.reports.model import By, Row

RATE_DECIMALS: Final = 3
"""Of a satisfaction rate whose rule does not say how many; as the page's headlines."""
SHARE_DECIMALS: Final = 2
"""Of participation and unrated share."""

Cell = str | int | Decimal | None
"""A Decimal is a percentage as published: `99.911` for 99.911 %."""


class Kind(StrEnum):
    """How a column's cells are written."""

    TEXT = "text"
    COUNT = "count"
    PERCENT = "percent"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its key (the API's name of it), heading, kind, and its cell of a row."""

    key: str
    label: Any
    kind: Kind
    cell: Callable[[Row], Cell]


def percent_cell(rate: Rate, decimals: int) -> Decimal | None:
    """The percentage as it is published; None for base 0."""
    return Decimal(published(rate, decimals).removesuffix(" %")) if rate.base else None


def bound_cell(rate: Rate, bound: Literal[0, 1]) -> Decimal | None:
    """The lower (0) or upper (1) bound of a rate's Wilson interval; None where there is none."""
    found = wilson(rate)
    return None if found is None else Decimal(found.percents(INTERVAL_DECIMALS)[bound])


def _name(row: Row) -> str:
    return row.name if is_chinese() else row.name_en


def _department(row: Row) -> str:
    if row.department is None:
        return ""
    return row.department.name if is_chinese() else row.department.name_en


def _level(level: int) -> Callable[[Row], Cell]:
    return lambda row: row.figures.counts.levels[level]  # type: ignore[index]


_NAMES: Final = (
    Column("code", _("Code"), Kind.TEXT, lambda row: row.code),
    Column("name", _("Name"), Kind.TEXT, _name),
)
_OF_WINDOWS: Final = (Column("department", _("Department"), Kind.TEXT, _department),)
_FIGURES: Final = (
    Column("invited", _("Invited"), Kind.COUNT, lambda row: row.figures.counts.invited),
    Column("rated", _("Rated"), Kind.COUNT, lambda row: row.figures.counts.rated),
    Column(
        "participation",
        _("Participation, percent"),
        Kind.PERCENT,
        lambda row: percent_cell(row.figures.participation, SHARE_DECIMALS),
    ),
    Column("unrated", _("Unrated"), Kind.COUNT, lambda row: row.figures.counts.unrated),
    Column(
        "unrated_share",
        _("Unrated share, percent"),
        Kind.PERCENT,
        lambda row: percent_cell(row.figures.unrated_share, SHARE_DECIMALS),
    ),
    Column("level5", 5, Kind.COUNT, _level(5)),
    Column("level4", 4, Kind.COUNT, _level(4)),
    Column("level3", 3, Kind.COUNT, _level(3)),
    Column("level2", 2, Kind.COUNT, _level(2)),
    Column("level1", 1, Kind.COUNT, _level(1)),
    Column("raw_numerator", _("Raw: satisfied"), Kind.COUNT, lambda r: r.figures.rate.numerator),
    Column("raw_base", _("Raw: base"), Kind.COUNT, lambda r: r.figures.rate.base),
    Column(
        "raw_percent",
        _("Raw rate, percent"),
        Kind.PERCENT,
        lambda row: percent_cell(row.figures.rate, RATE_DECIMALS),
    ),
    Column("excluded", _("Excluded"), Kind.COUNT, lambda row: row.figures.excluded.rated),
    Column(
        "net_numerator", _("Net: satisfied"), Kind.COUNT, lambda r: r.figures.net_rate.numerator
    ),
    Column("net_base", _("Net: base"), Kind.COUNT, lambda r: r.figures.net_rate.base),
    Column(
        "net_percent",
        _("Net rate, percent"),
        Kind.PERCENT,
        lambda row: percent_cell(row.figures.net_rate, RATE_DECIMALS),
    ),
    Column(
        "net_low",
        _("Net rate, lower bound, percent"),
        Kind.PERCENT,
        lambda row: bound_cell(row.figures.net_rate, 0),
    ),
    Column(
        "net_high",
        _("Net rate, upper bound, percent"),
        Kind.PERCENT,
        lambda row: bound_cell(row.figures.net_rate, 1),
    ),
    Column("bad", _("Bad ratings"), Kind.COUNT, lambda row: row.figures.net.bad),
)
_RANK: Final = Column("rank", _("Rank"), Kind.COUNT, lambda row: row.rank)


def columns_of(by: By) -> tuple[Column, ...]:
    """The columns of a report whose rows are these."""
    if by is By.HALL:
        return (*_NAMES, *_FIGURES)
    return (_RANK, *_NAMES, *(_OF_WINDOWS if by is By.WINDOW else ()), *_FIGURES)


def cells(row: Row, columns: tuple[Column, ...]) -> list[Cell]:
    """The cells of a row, in the order of the columns."""
    return [column.cell(row) for column in columns]


def heading(column: Column) -> str:
    """The column's heading in the page's language; a level has its own name."""
    return level_name(column.label) if isinstance(column.label, int) else str(column.label)


def rank_text(row: Row, *, is_total: bool = False) -> str:
    """The rank; 样本不足 for a base that is too small, nothing for a total."""
    if is_total:
        return ""
    return str(gettext("too few")) if row.rank is None else str(row.rank)
