"""The frame all three commands share: common options, logging, errors to exit codes."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Final

from firmware_config.errors import ConfigError, ExitCode
from firmware_config.settings_place import standard_file

_LOG_LEVELS: Final = {-1: logging.ERROR, 1: logging.DEBUG}
FIRST_DAY: Final = date(1970, 1, 1)
"""No record is older: times are milliseconds since then."""
LAST_DAY: Final = date(9999, 12, 30)
"""The last day that another one follows, where it ends. Source: `datetime.date.max`."""
MOST_DIGITS: Final = 15
"""Of a number that a person names. Source: SQLite holds less than 2^63, JSON surely 2^53."""
ForeignErrors = Mapping[type[Exception], tuple[str, ExitCode]]
_NONE: Final[ForeignErrors] = MappingProxyType({})


def exit_code_of(
    program: str,
    call: Callable[[], int],
    own_errors: tuple[type[Exception], ...] = (),
    foreign: ForeignErrors = _NONE,
) -> int:
    """Run a command; errors it expects become one line on standard error and an exit code.

    Args:
        program: named in the message: `program: error: …`.
        call: the command; returns its exit code.
        own_errors: roots of the program's errors; each has an `exit_code`.
        foreign: errors of a library the program lives by → words before their text, and the code.
    """
    expected: tuple[type[Exception], ...] = (ConfigError, *own_errors, *foreign, OSError)
    try:
        code = int(call())
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads any more
        return ExitCode.IO
    except KeyboardInterrupt:
        return ExitCode.FAILURE
    except expected as error:
        what, code = next(
            (told for kind, told in foreign.items() if isinstance(error, kind)), ("", ExitCode.IO)
        )
        for problem in getattr(error, "problems", [error]):
            print(f"{program}: error: {what}{problem}", file=sys.stderr)
        return int(getattr(error, "exit_code", code))


def start_logging(args: argparse.Namespace) -> None:
    """Log to standard error as loudly as `-v` or `-q` say, else as the command's own `log_level`.

    systemd adds the time.
    """
    usual = getattr(args, "log_level", logging.INFO)
    logging.basicConfig(
        stream=sys.stderr,
        level=_LOG_LEVELS.get(getattr(args, "verbosity", 0), usual),
        format="%(levelname)s %(name)s: %(message)s",
    )


def add_common_options(parser: argparse.ArgumentParser) -> None:
    """Give a parser and all its commands `--config`, `--set`, `-v` and `-q`.

    An option that a command has for itself stays the command's own.
    """
    for one in _with_children(parser):
        _add_to(one)


def _with_children(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in dict.fromkeys(action.choices.values()):
                yield from _with_children(child)


def _add_to(parser: argparse.ArgumentParser) -> None:
    taken = {word for action in parser._actions for word in action.option_strings}
    common = parser.add_argument_group("common options")
    if "--config" not in taken:
        common.add_argument(
            "--config",
            type=Path,
            metavar="FILE",
            default=argparse.SUPPRESS,
            help=f"settings (TOML); default: {standard_file(parser.prog.split()[0])}, if it exists",
        )
    if "--set" not in taken:
        common.add_argument(
            "--set",
            action="append",
            type=key_and_value,
            metavar="KEY=VALUE",
            default=argparse.SUPPRESS,
            help="one setting, before environment and file; may be given again",
        )
    loudness = common.add_mutually_exclusive_group()
    for words, value, text in (
        (("-v", "--verbose"), 1, "log debugging detail"),
        (("-q", "--quiet"), -1, "log errors only"),
    ):
        if not taken & set(words):
            loudness.add_argument(
                *words,
                dest="verbosity",
                action="store_const",
                const=value,
                default=argparse.SUPPRESS,
                help=text,
            )


def a_date(text: str) -> date:
    """A day of a command line, `FIRST_DAY` to `LAST_DAY`, for argparse."""
    try:
        if len(text) == len("YYYY-MM-DD") and FIRST_DAY <= date.fromisoformat(text) <= LAST_DAY:
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(
        f"expected YYYY-MM-DD, {FIRST_DAY} to {LAST_DAY}, got {text[:40]!r}"
    )


def a_number(text: str) -> int:
    """A whole number from 0 on of a command line, for argparse; no more than a database holds."""
    if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS:
        return int(text)
    raise argparse.ArgumentTypeError(
        f"expected a whole number of at most {MOST_DIGITS} digits, got {text[:40]!r}"
    )


def key_and_value(text: str) -> tuple[str, str]:
    """`KEY=VALUE` of a command line as a pair, for argparse."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise argparse.ArgumentTypeError(f"expected KEY=VALUE, got {text!r}")
    return key, value
