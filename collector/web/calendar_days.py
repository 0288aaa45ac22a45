"""Holidays and make-up working days as the hall's rules of today say them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from collector.due_dates import Deadline
from collector.rules.entries import DayKind, days_of_kind
from collector.rules.entries import special_days as days_of_rules
from collector.web.dashboard import dashboard, today


def special_days() -> Mapping[date, DayKind]:
    """Day → what it is, by the rule of today.

    Raises:
        RulesUnavailable: the rule book cannot be read.
    """
    return days_of_rules(dashboard().rules.on(today()).rules)


def holidays() -> frozenset[date]:
    """The days on which nobody is expected to work."""
    return days_of_kind(special_days(), DayKind.HOLIDAY)


def deadline() -> Deadline:
    """By when a bad rating must be answered, with today's holidays and make-up working days."""
    workdays = days_of_kind(special_days(), DayKind.WORKDAY)
    return replace(dashboard().options.deadline, holidays=holidays(), workdays=workdays)
