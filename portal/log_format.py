"""
The format of the log. It holds no personal data and no secret, because nothing is shown but

- the time, the level and the logger, and where in the code the line was logged;
- the message before it is filled in, if it stands in the source code; of another one, the phrase that begins it there;
- among what is filled into it: numbers, classes, functions, exceptions as below, and WORDS; the rest becomes "…";
- of a request its method, its status and the pattern of its address, but not the address;
- of an exception its class, the files, lines and functions that it passed, and the codes by which its cause can be
  looked up (errno, SQLSTATE, the reply code of a mail host), but not its text.
"""

import errno
import logging
import os
import re
import smtplib
import ssl
import sys
import threading
import traceback
import warnings
from http import HTTPStatus
from pathlib import Path
from types import FunctionType

from django.middleware import csrf

# Texts of Django and Granian that are not taken from a request, and that are no constants of a running function.
WORDS = {
    *(status.phrase for status in HTTPStatus),
    csrf.REASON_NO_CSRF_COOKIE,
    csrf.REASON_CSRF_TOKEN_MISSING,
    "CSRF token from POST incorrect.",
    f"CSRF token from POST {csrf.REASON_INCORRECT_LENGTH}.",
    f"CSRF token from POST {csrf.REASON_INVALID_CHARACTERS}.",
    csrf.REASON_NO_REFERER,
    csrf.REASON_MALFORMED_REFERER,
    csrf.REASON_INSECURE_REFERER,
    "Application callable raised an exception",
}
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
HIDDEN = "…"
PROJECT = f"{Path(__file__).resolve().parent.parent}/"
PLACEHOLDER = re.compile(r"%(?:\((\w+)\))?[-#0 +]*[\d.]*([a-zA-Z%])")
# The frames of an exception that are shown at most, the last ones.
MAX_FRAMES = 40


class StrictFormatter(logging.Formatter):
    """Formats a record as the module says. Its lines hold no line break that comes from a visitor."""

    def format(self, record):
        line = f"{self.formatTime(record)} {record.levelname} {record.name}: {shown_message(record)}"
        if request := shown_request(record):
            line += f" [{request}]"
        line += f" ({place(record.pathname, record.lineno)})"
        error = record.exc_info[1] if record.exc_info else None
        return "\n".join([line, *shown_chain(error)])


def shown_message(record) -> str:
    """Returns the constant part of a message with what may be shown of its arguments."""
    text = constant_part(str(record.msg)) if not isinstance(record.msg, BaseException) else shown(record.msg)
    arguments = record.args or ()
    named = arguments if isinstance(arguments, dict) else {}
    given = iter(() if named else arguments)

    def fill(found):
        name, kind = found.groups()
        if kind == "%":
            return "%"
        return shown(named.get(name, HIDDEN) if name else next(given, HIDDEN))

    return PLACEHOLDER.sub(fill, text) if arguments else text


def constant_part(text: str) -> str:
    """Returns the longest phrase that begins `text` and stands in a running function or in WORDS, and "…"."""
    constants, frame = set(WORDS), sys._getframe()
    while frame:
        constants.update(constant for constant in frame.f_code.co_consts if isinstance(constant, str))
        frame = frame.f_back
    if text in constants:
        return text
    # A single word or letter may begin anything.
    phrases = [constant for constant in constants if " " in constant and text.startswith(constant)]
    return max(phrases, key=len, default="") + HIDDEN


def shown(value) -> str:
    """Returns `value`, an argument of a message, if it may be shown, otherwise "…"."""
    if value is None or isinstance(value, bool | int | float):
        return str(value)
    if isinstance(value, str) and value in WORDS:
        return value
    if isinstance(value, type | FunctionType):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, BaseException):
        # Django's errors of databases have the codes in their cause.
        codes = [*shown_codes(value)] or [*shown_codes(value.__cause__)]
        return shown(type(value)) + (f" ({', '.join(codes)})" if codes else "")
    return HIDDEN


def shown_request(record) -> str:
    """Returns status, method and pattern of the address of a request, or "" if the record is not about one."""
    request, status = getattr(record, "request", None), getattr(record, "status_code", None)
    match = getattr(request, "resolver_match", None)
    parts = [str(status)] if isinstance(status, int) else []
    if hasattr(request, "method"):
        parts.append(request.method if request.method in METHODS else HIDDEN)
        parts.append(f"/{match.route}" if match else "no known address")
    return " ".join(parts)


def shown_chain(error):
    """Yields lines about an exception, or about None, after those about its causes."""
    chain = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ if error.__suppress_context__ else error.__context__
    for link in reversed(chain):
        yield f"  {shown(link)}"
        for frame, number in list(traceback.walk_tb(link.__traceback__))[-MAX_FRAMES:]:
            yield f"    {place(frame.f_code.co_filename, number)} in {frame.f_code.co_name}"


def shown_codes(error):
    """Yields the codes of an exception: those of the system, of SQLite, of PostgreSQL and of a mail host."""
    if isinstance(error, ssl.SSLError):
        yield from names(error.reason)
    elif isinstance(error, OSError) and error.errno in errno.errorcode:
        yield os.strerror(error.errno)
    yield from names(getattr(error, "sqlite_errorname", None))
    yield from names(getattr(error, "sqlstate", None))
    # The schema's own name of what was violated; psycopg's text goes on with the values of the row.
    yield from names(getattr(getattr(error, "diag", None), "constraint_name", None))
    if type(error).__name__ == "OperationalError" and getattr(error, "sqlstate", "") is None:
        # No server answered, so the text tells of the connection alone. What it quotes may come from DATABASE_URL.
        yield re.sub(r"\S*(@|://)\S*", HIDDEN, re.sub(r'"[^"]*("|$)', f'"{HIDDEN}"', str(error).partition("\n")[0]))
    replies = error.recipients if isinstance(error, smtplib.SMTPRecipientsRefused) else {}
    codes = {getattr(error, "smtp_code", None), *(reply[0] for reply in replies.values())}
    yield from (f"reply {code}" for code in codes if isinstance(code, int))


def names(text):
    """Yields `text` if it is the name of a code or of something in the schema."""
    if isinstance(text, str) and re.fullmatch(r"\w+", text, re.ASCII):
        yield text


def place(path, line) -> str:
    """Returns the path of a source file, below the project or the installed packages, and the line."""
    return f"{path.rpartition('/site-packages/')[2].removeprefix(PROJECT)}:{line}"


def log_warning(message, category, filename, lineno, file=None, line=None):
    """Logs a warning of Python's, in place of warnings.showwarning, which would write its text to stderr."""
    logger = logging.getLogger("py.warnings")
    logger.handle(logger.makeRecord(logger.name, logging.WARNING, filename, lineno, "%s", (category,), None))


def log_uncaught():
    """Makes Python log warnings and exceptions that nothing catches, instead of writing their texts to stderr."""
    logger = logging.getLogger("portal")

    def on_exception(kind, error, trace):
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        else:
            logger.critical("An exception ended the program.", exc_info=error)

    def on_thread_exception(args):
        if args.exc_type is not SystemExit:
            logger.critical("An exception ended a thread.", exc_info=args.exc_value)

    sys.excepthook = on_exception
    threading.excepthook = on_thread_exception
    sys.unraisablehook = lambda args: logger.error("An exception was ignored.", exc_info=args.exc_value)
    warnings.showwarning = log_warning
