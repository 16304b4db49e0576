"""One line a record; secrets, and addresses that are secret, are masked before anything is written."""

import json
import logging
import re
from datetime import UTC, datetime

from community_ops.common.request_context import current_request_id

_SECRETS = re.compile(
    r"(?i)(key=|token[=\s:]+|secret[\"'=\s:]+|password[\"'=\s:]+|whsec_|co_|/bot)([A-Za-z0-9+/_:.=-]{6,})"
)
# What opens a page or takes an event is a code in its address: a colleague's link (/t/), a member's (/p/), a file's
# (/f/) and an account's hook (/hooks/). Words and numbers in its place are shorter.
_CODES = re.compile(r"(?i)((?:/|%2F)(?:t|p|f|hooks)(?:/|%2F))([A-Za-z0-9_:.=~%-]{16,})")
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "request_id", "taskName"}


class MaskSecrets(logging.Filter):
    """Replace what looks like a key, token, secret, password or secret address by ***."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = mask(record.getMessage()), None
        return True


def mask(text: str) -> str:
    """The text with *** for each secret. Of an address its code only: `/t/***` still says which page it was."""
    return _SECRETS.sub(r"\1***", _CODES.sub(r"\1***", text))


class Masking(logging.Formatter):
    """What another formatter makes of a record, tracebacks too, without secrets."""

    def __init__(self, plain: logging.Formatter) -> None:
        super().__init__()
        self._plain = plain

    def format(self, record: logging.LogRecord) -> str:
        return mask(self._plain.format(record))


class LineFormatter(logging.Formatter):
    """`time level logger message {"extra": …} request=…`"""

    def format(self, record: logging.LogRecord) -> str:
        stamp = datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds")
        extra = {key: value for key, value in vars(record).items() if key not in _PLAIN}
        parts = [stamp, record.levelname, record.name, mask(record.getMessage())]
        if extra:
            parts.append(mask(json.dumps(extra, default=str, ensure_ascii=False)))
        if current_request_id():
            parts.append(f"request={current_request_id()}")
        if record.exc_info:
            parts.append("\n" + mask(self.formatException(record.exc_info)))
        return " ".join(parts)
