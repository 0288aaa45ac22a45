"""What a request looks at: which days, which departments, by which rule. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from collector.corrections.excluded import ExcludedRating
from collector.periods import Period
from collector.rates import DEFAULT_RULE, Counts, Rule
from collector.web.figures import Figures


@dataclass(frozen=True, slots=True)
class Scope:
    """The departments a visitor may see; hashable, so that visitors of one scope share an answer.

    Attributes:
        departments: their row ids; None: everything, also what belongs to no department.
    """

    departments: frozenset[int] | None = None

    def __contains__(self, department: int | None) -> bool:
        """Whether what a department (None or 0: none) rated may be seen."""
        return self.departments is None or department in self.departments

    @property
    def ids(self) -> tuple[int, ...] | None:
        """The departments in a fixed order, for a question to the ledger; None: all."""
        return None if self.departments is None else tuple(sorted(self.departments))

    def narrowed(self, department: int) -> Scope:
        """One department of this scope; nothing when it is outside."""
        return Scope(frozenset({department} if department in self else ()))


WHOLE_HALL: Final = Scope()


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is looked at.

    Attributes:
        period: local days.
        scope: departments at press time; nothing else is counted.
        rule: what is a satisfied rating, and over which base.
        excluded: the ratings of the period, inside the scope, that approved corrections leave out.
    """

    period: Period
    scope: Scope = WHOLE_HALL
    rule: Rule = DEFAULT_RULE
    excluded: Sequence[ExcludedRating] = ()

    def figures(self, counts: Counts, excluded: Counts | None = None) -> Figures:
        """Counts of this view as figures."""
        return Figures(counts, excluded or Counts(), self.rule)

    @property
    def nothing(self) -> Figures:
        """The figures of a place without records."""
        return self.figures(Counts())

    def excluded_at(self, window: int) -> list[ExcludedRating]:
        """The excluded ratings of one window."""
        return [one for one in self.excluded if one.window == window]


def inside(excluded: Iterable[ExcludedRating], scope: Scope) -> list[ExcludedRating]:
    """The excluded ratings that a scope may see."""
    return [one for one in excluded if one.department in scope]
