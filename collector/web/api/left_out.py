"""An empty parameter of the API is refused: only pages' forms send fields that ask nothing."""

from __future__ import annotations

from flask import current_app, request
from flask_babel import gettext as _

from collector.web.asked import BadParameter
from collector.web.described import description_of


def refuse_empty() -> None:
    """Before an API address is answered: nothing it was given is empty, but for a free text.

    Raises:
        BadParameter: names the empty one.
    """
    view = current_app.view_functions.get(request.endpoint or "")
    description = description_of(view) if view else None
    for parameter in description.parameters if description else ():
        if parameter.type is not str and request.args.get(parameter.name) == "":
            raise BadParameter(
                _("“%(name)s” is empty: leave it out, or give it a value.")
                % {"name": parameter.name}
            )
