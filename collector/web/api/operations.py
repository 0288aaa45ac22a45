"""The API addresses of an application, and that nobody asks them for what they do not describe."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Flask, current_app, request
from flask_babel import gettext as _

from collector.office.roles import Role
from collector.web.api.document import Operation
from collector.web.asked import BadParameter
from collector.web.described import description_of
from collector.web.rights import matrix
from collector.web.token_groups import group_of

PREFIX = "/api/"


def operations(app: Flask) -> Iterator[Operation]:
    """Every described address, whoever may open it."""
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        description = description_of(view)
        if description is None or not rule.rule.startswith(PREFIX):
            continue
        allowed = matrix().get(rule.endpoint, frozenset())
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield Operation(
                rule=rule.rule,
                method=method,
                endpoint=rule.endpoint,
                summary=view.__doc__ or "",
                description=description,
                roles=tuple(role.value for role in Role if role in allowed),
                group=group_of(rule.rule) or "",
            )


def check_query() -> None:
    """Before a described view: refuse parameters that it does not take.

    Raises:
        BadParameter: an unknown one, or one that is given twice.
    """
    if request.endpoint is None or not request.path.startswith(PREFIX):
        return
    description = description_of(current_app.view_functions[request.endpoint])
    if description is None:
        return
    known = [parameter.name for parameter in description.parameters]
    for name, values in request.args.lists():
        if name not in known:
            raise BadParameter(
                _("“%(name)s”: this address knows no such parameter, only %(names)s.")
                % {"name": name[:40], "names": ", ".join(known) or "—"}
            )
        if len(values) > 1:
            raise BadParameter(_("“%(name)s” is given more than once.") % {"name": name})
