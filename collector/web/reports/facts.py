"""What stands beside a report's figures, so that someone else can compute them again."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from flask_babel import gettext as _

from collector.web.dashboard import zone_of
from collector.web.languages import is_chinese, place_name
from collector.web.reports.model import By, Report
from collector.web.rules.words import lines_of
from firmware_config import __version__
from firmware_config.chain import b64url


def title(report: Report) -> str:
    """What the report is about, in words."""
    what = {
        By.HALL: _("Satisfaction, in total"),
        By.DEPARTMENT: _("Satisfaction by department"),
        By.WINDOW: _("Satisfaction by window"),
    }[report.by]
    return str(what)


def scope_text(report: Report) -> str:
    """Of what it speaks."""
    if report.scope is not None:
        return place_name(report.scope)
    if report.is_whole_hall:
        return str(_("The whole hall"))
    return str(_("Own departments"))


def period_text(report: Report) -> str:
    """First and last day."""
    return f"{report.period.start_on} – {report.period.last_on}"


def made_text(report: Report) -> str:
    """When it was made, in the hall's time."""
    zone: ZoneInfo = zone_of(report.hall)
    at = datetime.fromtimestamp(report.made_ms / 1000, UTC).astimezone(zone)
    return f"{at:%Y-%m-%d %H:%M:%S} (UTC{at:%z})"


def rule_line(report: Report) -> str:
    """The rule with its version, on one line."""
    return f"{report.version.rule}"


def facts(report: Report) -> list[tuple[str, str | int]]:
    """Every fact: heading and value, in order."""
    version, ledger = report.version, report.ledger
    told: list[tuple[str, str | int]] = [
        (_("Name of the hall"), report.hall.name if is_chinese() else report.hall.name_en),
        (_("Title"), title(report)),
        (_("First day"), report.period.start_on.isoformat()),
        (_("Last day"), report.period.last_on.isoformat()),
        (_("Time zone"), report.hall.timezone),
        (_("Scope"), scope_text(report)),
        (_("Rule"), rule_line(report)),
        (_("Rule from"), version.from_on.isoformat() if version.number > 1 else "—"),
        *lines_of(version.rules),
        (_("Participation"), _("counted ratings over invitations")),
        (_("Net"), _("without the ratings that approved corrections leave out")),
        (_("Bounds"), _("Wilson score interval of the net rate, confidence 0.95")),
        (_("Records in the ledger"), ledger.size),
        (_("Root of the ledger"), b64url(ledger.root).decode("ascii")),
        (_("Generation"), ledger.gen),
        (_("Newest checkpoint"), _checkpoint_text(report)),
        (_("Made at"), made_text(report)),
        (_("Made by"), report.made_by),
        (_("Program"), f"Yiping {__version__}"),
    ]
    return told


def _checkpoint_text(report: Report) -> str:
    ledger = report.ledger
    if not ledger.checkpoint_on:
        return str(_("none yet"))
    return str(
        _("end of %(day)s, %(size)s records")
        % {"day": ledger.checkpoint_on, "size": f"{ledger.checkpoint_size:,}"}
    )
