"""The WeCom group robot: HTTP says nothing, `errcode` in the body says all."""

import json
from typing import Any

from community_ops.common import net
from messaging.platforms.base import Account, Outcome, Outgoing, Result
from messaging.platforms.http_results import TEXT_LENGTH, from_failure, from_status
from messaging.platforms.wecom_robot.capabilities import CAPABILITIES
from messaging.platforms.wecom_robot.config import read_config

# Codes that pass by themselves: seconds to wait, and the most tries they deserve (reliability.md section 2).
# Every other code but 0 is for good: 93000 (bad key) and its family, 40058, 45002, and what we do not know.
TOO_FAST = frozenset({45009, 45033})
RETRY_CODES: dict[int, tuple[float, int | None]] = {
    45009: (10.0, None),  # more than 20 a minute
    45033: (2.0, None),  # too many at once
    -1: (2.0, 3),  # busy
}


class WecomRobotAdapter:
    capabilities = CAPABILITIES

    def read_config(self, config: dict[str, Any]) -> Account:
        return read_config(config)

    def send(self, message: Outgoing) -> Result:
        url = f"{message.config['base_url']}/cgi-bin/webhook/send?key={message.secret['key']}"
        body = json.dumps({"msgtype": "text", "text": {"content": message.text}}, ensure_ascii=False).encode()
        try:
            answer = net.post(url, body=body, headers={"content-type": "application/json; charset=utf-8"})
        except net.CallFailed as failure:
            return from_failure(failure)
        return read_answer(answer)


def read_answer(answer: net.Answer) -> Result:
    """The body decides; a success without a readable body is in doubt, other statuses speak for themselves."""
    if not 200 <= answer.status < 300:
        return from_status(answer)
    code, text = _errcode(answer.body)
    if code is None:
        return Result(Outcome.IN_DOUBT, code="unreadable", text=text, http_status=answer.status)
    if code == 0:
        return Result(Outcome.ACCEPTED, code="0", text=text, http_status=answer.status)
    if code in RETRY_CODES:
        wait, most = RETRY_CODES[code]
        return Result(
            Outcome.RETRY,
            str(code),
            text,
            answer.status,
            retry_after_seconds=wait,
            max_attempts=most,
            is_too_fast=code in TOO_FAST,
        )
    return Result(Outcome.REFUSED, str(code), text, answer.status)


def _errcode(body: bytes) -> tuple[int | None, str]:
    try:
        content = json.loads(body)
    except ValueError:
        return None, "the answer is not JSON"
    code = content.get("errcode") if isinstance(content, dict) else None
    if not isinstance(code, int) or isinstance(code, bool):
        return None, "the answer has no errcode"
    return code, str(content.get("errmsg", ""))[:TEXT_LENGTH]
