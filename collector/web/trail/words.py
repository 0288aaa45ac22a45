"""What the actions of the audit trail are called on its page."""

from __future__ import annotations

from typing import Final

from flask_babel import lazy_gettext as _

ACTIONS: Final = {
    "page.read": _("read a page"),
    "bad.read": _("read a bad rating"),
    "access.denied": _("was refused a page"),
    "form.refused": _("form refused"),
    "session.start": _("signed in to the dashboard"),
    "session.refused": _("sign-in refused"),
    "session.end": _("signed out of the dashboard"),
    "session.end_one": _("ended a session"),
    "session.end_others": _("ended the other sessions"),
    "session.end_all": _("ended all sessions"),
    "account.setup": _("set up the first account"),
    "account.setup_refused": _("set-up code refused"),
    "account.add": _("added an account"),
    "account.rights": _("changed an account's rights"),
    "account.disable": _("disabled an account"),
    "account.enable": _("enabled an account"),
    "account.reset_password": _("gave a new password"),
    "account.own_password": _("changed the own password"),
    "account.end_sessions": _("ended an account's sessions"),
    "account.factor_begin": _("began to set up a second factor"),
    "account.factor_on": _("switched a second factor on"),
    "account.factor_off": _("switched a second factor off"),
    "account.factor_refused": _("one-time code refused"),
    "policy.factor": _("changed who needs a second factor"),
    "corrections.propose": _("proposed a correction"),
    "corrections.decision": _("decided on a correction"),
    "corrections.restore": _("proposed to end an exclusion"),
    "rule.change": _("added a version of the rules"),
    "token.add": _("made an API token"),
    "token.revoke": _("revoked an API token"),
    "token.refused": _("API token refused"),
    "display.pair": _("paired a big screen"),
    "display.change": _("changed a big screen"),
    "display.revoke": _("revoked a big screen"),
    "device.identify": _("let a device blink"),
    "report.download": _("downloaded a report"),
    "export.download": _("downloaded an export"),
    "export.changed": _("asked for a changed export file"),
    "audit.verify": _("verified the audit trail"),
    "audit.download": _("downloaded the audit trail"),
}
"""Action → its words; a page shows the code of one that is not here."""


def action_text(action: str) -> str:
    """An action in words."""
    return str(ACTIONS.get(action, action))
