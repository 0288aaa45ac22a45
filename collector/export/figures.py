"""The cells of counts and rates, raw and net, in the order of their columns. Pure."""

from __future__ import annotations

from typing import Final

from collector.rates import Counts, Rate, Rule, net_of, participation, percent, satisfaction

FIGURE_COLUMNS: Final = (
    "invited",
    "rated",
    "level5",
    "level4",
    "level3",
    "level2",
    "level1",
    "unrated",
    "ignored",
    "repeats",
    "satisfaction_numerator",
    "satisfaction_base",
    "satisfaction_percent",
    "participation_numerator",
    "participation_base",
    "participation_percent",
    "excluded",
    "excluded5",
    "excluded4",
    "excluded3",
    "excluded2",
    "excluded1",
    "net_satisfaction_numerator",
    "net_satisfaction_base",
    "net_satisfaction_percent",
    "rule",
    "rule_version",
)


def figures(counts: Counts, rule: Rule, excluded: Counts | None = None) -> tuple[str, ...]:
    """The cells from `invited` to `rule_version`; percentages are empty where the base is 0.

    Args:
        counts: raw.
        rule: of the satisfaction rate, raw and net.
        excluded: ratings among them that approved corrections leave out; None for none.
    """
    satisfied, participated = satisfaction(counts, rule), participation(counts)
    excluded = excluded or Counts()
    net = satisfaction(net_of(counts, excluded), rule)
    return (
        str(counts.invited),
        str(counts.rated),
        str(counts.level5),
        str(counts.level4),
        str(counts.level3),
        str(counts.level2),
        str(counts.level1),
        str(counts.unrated),
        str(counts.ignored),
        str(counts.repeats),
        str(satisfied.numerator),
        str(satisfied.base),
        percent_cell(satisfied),
        str(participated.numerator),
        str(participated.base),
        percent_cell(participated),
        str(excluded.rated),
        *(str(number) for number in excluded.levels.values()),
        str(net.numerator),
        str(net.base),
        percent_cell(net),
        rule.name,
        str(rule.version),
    )


def percent_cell(rate: Rate) -> str:
    """Percent with three decimals and no sign, e.g. `99.911`; empty when the base is 0."""
    return percent(rate).removesuffix(" %") if rate.base else ""
