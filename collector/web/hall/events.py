"""The live events of the hall page: what has changed, and how much of the page each one carries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from collector.ledger.readers import LedgerReader
from collector.periods import Period
from collector.rates import DEFAULT_RULE, Rule
from collector.web.alarms import AlarmWatch
from collector.web.hall.today import hall_today, today_json
from collector.web.page_time import newest_ms
from collector.web.view import WHOLE_HALL, Scope

OVERVIEW_EVERY_MS: Final = 3000
"""How often a live event also carries the hours and departments, which are the larger part."""


class LiveEvents:
    """Builds the live events of the hall page.

    Args:
        clock: UTC milliseconds since 1970.
        watch: over the corrections, which say what the net figures leave out.
        minimum_base: rates over fewer ratings are not ranked.
        follows_records: the day shown is that of the newest record, see `page_time`.
        rule_of: the rule by which the rates of a period are computed.
    """

    def __init__(
        self,
        clock: Callable[[], int],
        watch: AlarmWatch,
        *,
        minimum_base: int,
        follows_records: bool = False,
        rule_of: Callable[[Period], Rule] = lambda _period: DEFAULT_RULE,
    ) -> None:
        self._clock = clock
        self._watch = watch
        self._follows_records = follows_records
        self._minimum_base = minimum_base
        self._rule_of = rule_of
        self._overview_ms: dict[Scope, int] = {}

    def event(
        self, reader: LedgerReader, *, after: int, scope: Scope = WHOLE_HALL
    ) -> dict[str, Any]:
        """A whole event with the ratings after a position: the first of a stream, or a poll."""
        real_ms = now_ms = self._clock()
        with reader.moment():  # else a rating stored meanwhile is told now and again next time
            if self._follows_records:
                now_ms = newest_ms(reader, real_ms)
            page = hall_today(
                reader,
                self._watch,
                now_ms,
                real_ms=real_ms,
                minimum_base=self._minimum_base,
                scope=scope,
                rule_of=self._rule_of,
            )
        event = today_json(page)
        event["is_partial"] = False
        event["latest"] = [rating for rating in event["latest"] if rating["position"] > after]
        return event

    def __call__(
        self, reader: LedgerReader, previous: dict[str, Any] | None, scope: Scope = WHOLE_HALL
    ) -> dict[str, Any] | None:
        """The next event for a scope; None when nothing it shows has changed since `previous`."""
        now_ms = self._clock()
        # without a previous event the latest ratings are all told: a page that has just connected
        # may have missed one that came before this first look, and knows itself which it has
        after = previous["position"] if previous else 0
        event = self.event(reader, after=after, scope=scope)
        last_ms = self._overview_ms.get(scope, 0)
        is_due = previous is None or now_ms - last_ms >= OVERVIEW_EVERY_MS
        is_behind = previous is not None and previous["is_partial"]
        if previous is not None and all(
            event[part] == previous[part]
            for part in ("position", "figures", "devices", "ledger", "alarms")
        ):
            return event if is_behind and self._is_told(scope, now_ms, is_due) else None
        if not self._is_told(scope, now_ms, is_due):
            for part in ("hours", "leading", "attention"):
                del event[part]
            event["is_partial"] = True
        return event

    def _is_told(self, scope: Scope, now_ms: int, is_due: bool) -> bool:
        """Whether this event carries the overview; remembers when it did."""
        if is_due:
            self._overview_ms[scope] = now_ms
        return is_due
