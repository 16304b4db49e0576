"""One line a record; secrets are masked before anything is written."""

import json
import logging
import re
from datetime import UTC, datetime

from community_ops.common.request_context import current_request_id

_SECRETS = re.compile(
    r"(?i)(key=|token[=\s:]+|secret[\"'=\s:]+|password[\"'=\s:]+|whsec_|co_|/bot)([A-Za-z0-9+/_:.=-]{6,})"
)
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "request_id", "taskName"}


class MaskSecrets(logging.Filter):
    """Replace what looks like a key, token, secret or password by ***."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = mask(record.getMessage()), None
        return True


def mask(text: str) -> str:
    return _SECRETS.sub(r"\1***", text)


class LineFormatter(logging.Formatter):
    """`time level logger message {"extra": …} request=…`"""

    def format(self, record: logging.LogRecord) -> str:
        stamp = datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds")
        extra = {key: value for key, value in vars(record).items() if key not in _PLAIN}
        parts = [stamp, record.levelname, record.name, record.getMessage()]
        if extra:
            parts.append(mask(json.dumps(extra, default=str, ensure_ascii=False)))
        if current_request_id():
            parts.append(f"request={current_request_id()}")
        if record.exc_info:
            parts.append("\n" + mask(self.formatException(record.exc_info)))
        return " ".join(parts)
