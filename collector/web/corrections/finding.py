"""Finding a rating by the number of its case, to propose a correction of it."""

from __future__ import annotations

from typing import Final

from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from collector.corrections.entries import RatingRecord
from collector.corrections.reading import corrections_of
from collector.ledger.readers import fleet
from collector.ledger.readers.bad import named_ratings
from collector.ledger.readers.cases import ratings_of_case
from collector.ledger.readers.outcomes import OutcomeRow, outcomes_at
from collector.web.asked import BadParameter
from collector.web.corrections.rights import is_proposer
from collector.web.dashboard import corrections, now_ms, reader, scope

LONGEST_CASE: Final = 64
"""Characters of a case number that is searched for; the wire contract takes no longer one."""


def case_of(rating: RatingRecord) -> OutcomeRow | None:
    """The session of a rating, which tells its case; None: the ledger knows no such rating."""
    positions = [
        one.position for one in named_ratings(reader(), [(rating.device, rating.epoch, rating.seq)])
    ]
    found = outcomes_at(reader(), positions)
    return found[0] if found else None


def find() -> ResponseReturnValue:
    """The ratings of a case that the visitor may see; of others it is said that there are none."""
    asked = request.args.get("case_no", "").strip()
    if len(asked) > LONGEST_CASE or not asked.isprintable():
        raise BadParameter(
            _("“case_no”: expected a case number of at most %(number)s characters.")
            % {"number": LONGEST_CASE}
        )
    departments = {row.id: row for row in fleet.departments(reader())}
    found = ratings_of_case(reader(), asked, departments=scope().ids, is_counted_only=True)

    def may_propose(department: int | None) -> bool:
        row = departments.get(department or 0)
        return is_proposer(row.code if row else "")

    return render_template(
        "corrections/find.html",
        asked=asked,
        found=found,
        known=corrections_of(corrections(), [(row.device, row.epoch, row.seq) for row in found]),
        may_propose=may_propose,
        departments=departments,
        windows={row.id: row for row in fleet.windows(reader(), now_ms())},
    )
