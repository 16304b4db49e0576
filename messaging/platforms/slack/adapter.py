"""The Slack Web API: `ok` in the body says yes or no, `error` says why; HTTP is 200 for most refusals."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from community_ops.common import net
from messaging.platforms import http_calls
from messaging.platforms.base import (
    Account,
    Adapter,
    Chat,
    ChatsUnknown,
    Content,
    Outcome,
    Outgoing,
    Part,
    Picture,
    Result,
)
from messaging.platforms.http_results import (
    TEXT_LENGTH,
    TOO_MANY_REQUESTS,
    Passing,
    from_failure,
    from_status,
    later,
    read_object,
    retry_after,
)
from messaging.platforms.robots import nothing_sent, without
from messaging.platforms.settings_reading import checked_base_url, hint_of
from messaging.platforms.signed_events import SignedEvents
from messaging.platforms.slack.capabilities import CAPABILITIES
from messaging.platforms.slack.config import FILE_HOSTS, HOSTS, SETTINGS
from messaging.platforms.slack.dialect import MRKDWN, PLAIN, clean

# "Too fast" holds for a method in a whole workspace, not for a channel.
TOO_FAST = Passing(5.0, is_too_fast=True)
PASSING = {
    "ratelimited": TOO_FAST,
    "rate_limited": TOO_FAST,
    "message_limit_exceeded": Passing(60.0),  # "Members on this team are sending too many messages"
    "service_unavailable": Passing(10.0),
    "request_timeout": Passing(2.0),
    "team_added_to_org": Passing(60.0),  # "currently undergoing migration"
}
# After these, so Slack, "it's possible some aspect of the operation succeeded": a doubt where a message was posted,
# three tries at most before that.
DOUBTFUL = {"internal_error": Passing(5.0, max_attempts=3), "fatal_error": Passing(5.0, max_attempts=3)}
BAD_TOKEN = frozenset({"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired"})
ASK_SECONDS, UPLOAD_SECONDS, SHARE_SECONDS = 2.5, 4.5, 3.0  # the three calls of an image, 10 s together
CHATS_A_PAGE = 20  # one with long topics has about 3 KB, an answer at most 64
MOST_PAGES = 40
_YES = re.compile(rb'\s*\{\s*"ok"\s*:\s*true\b')  # of an answer that was cut: it repeats the text more than once
_FORMATS = re.compile(r"[*_~`]|^[>＞]", re.MULTILINE)  # what a comment under an image would not show as written


class SlackAdapter(Adapter):
    capabilities = CAPABILITIES
    settings = SETTINGS
    identified_by = ("token",)
    inbound = SignedEvents()
    dialect = MRKDWN
    plain_dialect = PLAIN

    def read_config(self, config: Mapping[str, Any]) -> Account:
        account = super().read_config(config)
        base_url = checked_base_url(account.config["base_url"], HOSTS)
        return replace(account, config={"hint": hint_of(account.secret["token"]), "base_url": base_url})

    def spelled(self, text: str, *, is_markdown: bool) -> str:
        spelled = super().spelled(text, is_markdown=is_markdown)
        return clean(spelled) if is_markdown else spelled

    def parts(self, content: Content) -> tuple[Part, ...]:
        """A plain text that would be formatted goes after the image: the words under one are always mrkdwn."""
        if content.has_image and not content.is_markdown and _FORMATS.search(content.text):
            return (Part(has_image=True), *self._text_parts(content))
        return super().parts(content)

    def send(self, message: Outgoing) -> Result:
        return without(self._sent(message), [message.secret["token"]])

    def _sent(self, message: Outgoing) -> Result:
        if message.picture is None:
            return self._post(message)
        try:
            file_id = _uploaded(message, message.picture)
        except _NotUploaded as stopped:
            return stopped.result
        return self._share(message, file_id)

    def _post(self, message: Outgoing) -> Result:
        text = self.spelled(message.text, is_markdown=message.is_markdown)
        content = {"channel": message.address["chat"], "text": text, "mrkdwn": message.is_markdown}
        url = f"{message.config['base_url']}/api/chat.postMessage"
        try:
            return _judged(http_calls.post_json(url, content, headers=_headers(message.secret)))
        except net.CallFailed as failure:
            return from_failure(failure)

    def _share(self, message: Outgoing, file_id: str) -> Result:
        """The call that makes the uploaded image a message. Slack gives the file's id, not the message's."""
        fields = {"files": json.dumps([{"id": file_id}]), "channel_id": message.address["chat"]}
        if message.text:
            fields["initial_comment"] = self.spelled(message.text, is_markdown=message.is_markdown)
        try:
            result = _judged(_called(message, "files.completeUploadExternal", fields, SHARE_SECONDS))
        except net.CallFailed as failure:
            return from_failure(failure)
        return replace(result, message_id=file_id) if result.outcome is Outcome.ACCEPTED else result

    def list_chats(self, config: dict[str, Any], secret: dict[str, Any]) -> Sequence[Chat]:
        """The channels, public and private, that the app was added to."""
        url = f"{config['base_url']}/api/users.conversations?types=public_channel,private_channel&exclude_archived=true"
        chats, cursor = [], ""
        for _page in range(MOST_PAGES):
            content = _listed(f"{url}&limit={CHATS_A_PAGE}&cursor={quote(cursor, safe='')}", secret)
            chats += _chats(content)
            cursor = str(_object(content.get("response_metadata")).get("next_cursor") or "")
            if not cursor:
                return chats
        raise ChatsUnknown(_("The app is in too many channels to list. Enter the channel ID by hand."))


def _headers(secret: Mapping[str, Any]) -> dict[str, str]:
    return {"authorization": f"Bearer {secret['token']}"}


def _called(message: Outgoing, method: str, fields: Mapping[str, str], seconds: float) -> net.Answer:
    url = f"{message.config['base_url']}/api/{method}"
    headers = _headers(message.secret) | {"content-type": "application/x-www-form-urlencoded"}
    return net.post(url, body=urlencode(fields).encode(), headers=headers, timeout_seconds=seconds)


def _judged(answer: net.Answer) -> Result:
    content = read_object(answer) or {}
    error = content.get("error")
    if content.get("ok") is True:
        return Result(Outcome.ACCEPTED, "ok", "", answer.status, message_id=str(content.get("ts") or ""))
    if answer.status == TOO_MANY_REQUESTS:
        error = "ratelimited"
    if not isinstance(error, str) or not error:
        return _without_code(answer)
    words = _words(content, error)
    if (rule := PASSING.get(error)) is not None:
        return later(rule, code=error, text=words, answer=answer, seconds=retry_after(answer.headers))
    if (rule := DOUBTFUL.get(error)) is not None:
        return replace(later(rule, code=error, text=words, answer=answer), outcome=Outcome.IN_DOUBT)
    if answer.status >= 500:
        return replace(from_status(answer), code=error, text=words)
    return Result(Outcome.REFUSED, error, words, answer.status, refuses_key=error in BAD_TOKEN)


def _without_code(answer: net.Answer) -> Result:
    if not 200 <= answer.status < 300:
        return from_status(answer)
    if not answer.is_complete and _YES.match(answer.body):
        return Result(Outcome.ACCEPTED, "ok", "", answer.status)
    return Result(Outcome.IN_DOUBT, "unreadable", "the answer says neither yes nor no", answer.status)


def _words(content: Mapping[str, Any], error: str) -> str:
    """Slack's code is all it says, but for a missing right, which it names."""
    needed = content.get("needed")
    return (f"{error}: {needed}" if isinstance(needed, str) else error)[:TEXT_LENGTH]


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


# --- images --------------------------------------------------------------------------------------------


class _NotUploaded(Exception):
    """The image is not there, so nothing was posted: `result` is never a doubt."""

    def __init__(self, result: Result) -> None:
        self.result = nothing_sent(result)
        super().__init__(result.code)


def _uploaded(message: Outgoing, picture: Picture) -> str:
    """Ask for a place, put the image there, return the file's id. Raises _NotUploaded."""
    name = f"image.{picture.content_type.partition('/')[2]}"
    fields = {"filename": name, "length": str(len(picture.data))}
    try:
        url, file_id = _place(_called(message, "files.getUploadURLExternal", fields, ASK_SECONDS))
        headers = {"content-type": picture.content_type}
        answer = net.post(url, body=picture.data, headers=headers, timeout_seconds=UPLOAD_SECONDS)
    except net.CallFailed as failure:
        raise _NotUploaded(from_failure(failure)) from None
    if not 200 <= answer.status < 300:
        raise _NotUploaded(from_status(answer))
    return file_id


def _place(answer: net.Answer) -> tuple[str, str]:
    """The address to send the image to, if it is Slack's own, and the file's id."""
    result, content = _judged(answer), read_object(answer) or {}
    if result.outcome is not Outcome.ACCEPTED:
        raise _NotUploaded(result)
    url, file_id = content.get("upload_url"), content.get("file_id")
    if not isinstance(url, str) or not isinstance(file_id, str):
        raise _NotUploaded(Result(Outcome.RETRY, "unreadable", "no upload address", answer.status))
    host = urlsplit(net.checked_url(url)).hostname or ""
    if host not in FILE_HOSTS and not (settings.ALLOW_LOOPBACK_ENDPOINTS and net.is_this_machine(host)):
        raise _NotUploaded(Result(Outcome.REFUSED, "address_refused", "not an upload address of Slack", answer.status))
    return url, file_id


# --- chats ---------------------------------------------------------------------------------------------


def _listed(url: str, secret: Mapping[str, Any]) -> dict[str, Any]:
    try:
        answer = http_calls.get(url, headers=_headers(secret))
    except net.CallFailed as failure:
        raise ChatsUnknown(str(failure)) from None
    if not answer.is_complete:
        raise ChatsUnknown(_("The answer is too long to be read. Enter the channel ID by hand."))
    content = read_object(answer) or {}
    if content.get("ok") is not True:
        words = _words(content, str(content.get("error") or f"HTTP {answer.status}"))
        raise ChatsUnknown(_("The platform says: %(words)s") % {"words": words})
    return content


def _chats(content: Mapping[str, Any]) -> list[Chat]:
    channels = content.get("channels")
    found = [one for one in channels if isinstance(one, dict)] if isinstance(channels, list) else []
    return [Chat(one["id"], f"#{one.get('name', '')}"[:200]) for one in found if isinstance(one.get("id"), str)]
