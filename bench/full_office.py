"""What people and nightly jobs add to a full hall: accounts, rules, tokens, screens, exports.

All of it is made by the code that makes it in a hall; for pictures and tests.
"""

from __future__ import annotations

from argparse import Namespace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from bench.sample_addresses import DEPARTMENTS
from collector.commands.report import run as make_summary
from collector.export.choosing import Request
from collector.export.nightly import run_export
from collector.office.displays import Displays, Theme
from collector.office.roles import Role
from collector.rules.entries import DayKind, SpecialDay, Version
from collector.settings import CollectorSettings, load_collector_settings
from collector.web.dashboard import Dashboard
from collector.web.token_groups import Group
from firmware_config.fleet import sample_fleet_path

PEOPLE: Final[dict[str, Role]] = {
    "陈海涛": Role.DIRECTOR,
    "王敏": Role.DEPARTMENT,
    "李建国": Role.SUPERVISOR,
    "赵磊": Role.OPERATOR,
    "周芳": Role.ADMINISTRATOR,
}
"""An account of each role; two of them are those of `add_corrections`."""
TOKENS: Final = (
    ("hotline-12345", (Group.FIGURES,), ()),
    ("exit-entry-system", (Group.FIGURES, Group.RECORDS), DEPARTMENTS[:1]),
    ("monitoring", (Group.METRICS, Group.DEVICES), ()),
)
SCREENS: Final = (("一楼大厅东侧", Theme.LIGHT), ("二楼自助区", Theme.DARK))
_DAY: Final = timedelta(days=1)
_ADDRESS: Final = "192.0.2.17"
"""An address for documentation: RFC 5737."""


def settings_of(folder: Path) -> CollectorSettings:
    """Settings of a hall whose files lie in one folder, and whose pages about staff are on."""
    config = folder / "collector.toml"
    values = {
        "hall": "yunze",
        "fleet": sample_fleet_path(),
        "device_keys": folder / "keys",
        "key": folder / "collector.jwk",
        "ledger": folder / "ledger.db",
        "broker.host": "127.0.0.1",
        "export.folder": folder / "export",
        "web.reports": folder / "reports",
    }
    config.write_text("".join(f'{key} = "{value}"\n' for key, value in values.items()))
    return load_collector_settings(config, {}, {"web.staff": "true"})


def add_people(parts: Dashboard, password: str) -> None:
    """An account for each role, and what they have made: rules, tokens, screens."""
    now_ms = parts.clock()
    author = next(name for name, role in PEOPLE.items() if role is Role.ADMINISTRATOR)
    for name, role in PEOPLE.items():
        departments = DEPARTMENTS if role is Role.DEPARTMENT else ()
        parts.accounts.add(name, password, now_ms=now_ms, role=role, departments=departments)
    for name, groups, departments in TOKENS:
        parts.tokens.add(
            name, parts=groups, departments=departments, days=180, by=author, now_ms=now_ms
        )
    displays = Displays(parts.office)
    for name, theme in SCREENS:
        pairing = displays.begin("", now_ms=now_ms, address=_ADDRESS)
        assert pairing is not None
        displays.pair(pairing.code, name, theme=theme, is_bilingual=False, by=author, now_ms=now_ms)
        displays.of_token(pairing.token, now_ms=now_ms, address=_ADDRESS)


def add_rules(parts: Dashboard, on: date) -> None:
    """A second version of the rules: made three weeks before `on`, in force since ten days."""
    made_on = on - 21 * _DAY
    made_ms = parts.clock() - 21 * 86_400_000
    first = parts.rules.versions()[-1]
    holiday = SpecialDay(on=on + 30 * _DAY, kind=DayKind.HOLIDAY, name="端午节")
    rules = replace(
        first.rules,
        minimum_base=20,
        hours=("mon-fri 09:00-12:00", "mon-fri 13:30-17:00", "sat 09:00-12:00"),
        days=(holiday,),
    )
    draft = Version(
        number=0,
        from_on=on - 10 * _DAY,
        rules=rules,
        author=next(name for name, role in PEOPLE.items() if role is Role.ADMINISTRATOR),
        reason="参与排名的最小样本由 10 件提高到 20 件；登记开放时间与节假日",
        past_reason="",
        made_ms=made_ms,
        prev=b"",
    )
    parts.rules.add(draft, today=made_on, after=first.number)


def run_nightly_jobs(settings: CollectorSettings, until: datetime) -> None:
    """The exports of every closed day, and the summary of last month.

    Args:
        settings: from `settings_of`.
        until: now, aware.
    """
    run_export(settings, Request(), lambda: until)
    given = Namespace(output=None, month=None, rule=None, language="zh_CN", json=True)
    make_summary(given, settings, clock=lambda: until)
