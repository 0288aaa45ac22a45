"""What is wrong with a name, a password or departments, for the visitor."""

from __future__ import annotations

from flask_babel import gettext

from collector.errors import CollectorError
from collector.office.account_changes import LastAdministrator
from collector.office.accounts import LONGEST_NAME, AccountExists
from collector.office.passwords import LONGEST_PASSWORD, SHORTEST_PASSWORD, WeakPassword
from collector.office.setup import NotTheFirst


def _(text: str) -> str:
    return str(gettext(text))


def account_problem(error: CollectorError) -> str:
    """A sentence for an error of the accounts."""
    sentences: dict[type[CollectorError], str] = {
        WeakPassword: _(
            "That password is among the first that are guessed. Take a longer one, such as four "
            "words that have nothing to do with each other."
        ),
        LastAdministrator: _("This is the last administrator. Make another one first."),
        NotTheFirst: _("There are accounts already."),
        AccountExists: _("There is an account of that name already."),
    }
    for kind, sentence in sentences.items():
        if isinstance(error, kind):
            return sentence
    if str(error).startswith("password"):
        return _("A password has %(least)s to %(most)s characters.") % {
            "least": SHORTEST_PASSWORD,
            "most": LONGEST_PASSWORD,
        }
    if str(error).startswith("role"):
        return _("A department manager has one or more departments, every other role none.")
    return _(
        "A name has 1 to %(most)s letters, digits, Chinese characters or . _ -, and no dot at "
        "either end."
    ) % {"most": LONGEST_NAME}
