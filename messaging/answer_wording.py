"""What a platform answered, in words for who runs groups, not servers; stored is what came. Formatting only."""

import re

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from community_ops.common.templatetags.wording import duration
from messaging.models import Attempt

# Codes an adapter reports when the platform itself said nothing.
FINDINGS: dict[str, str | Promise] = {
    "not_sent": gettext_lazy("The other side could not be reached; nothing was sent."),
    "no_answer": gettext_lazy("The other side broke the connection off and gave no answer."),
    "address_refused": gettext_lazy("The address may not be called: it is not public."),
    "address_blocked": gettext_lazy(
        "The platform has shut out this installation's address for a few minutes: nothing was sent."
    ),
    "unreadable": gettext_lazy("The answer could not be read."),
    "check_failed": gettext_lazy("Our own check failed; nothing was sent."),
    "adapter_error": gettext_lazy("Our program failed while sending."),
    "login_refused": gettext_lazy("The mail server refused the login: check user name and password of this channel."),
    "no_encryption": gettext_lazy("The mail server did not offer the encryption this channel asks for."),
    "library": gettext_lazy("The apprise library reports success; it does not tell how it knows."),
    "library_failed": gettext_lazy("The apprise library reports a failure; it may also be a time-out after sending."),
    "library_missing": gettext_lazy("The apprise library is not installed here; nothing was sent."),
    "too_long_there": gettext_lazy("The text is longer than this service takes; nothing was sent."),
}
_TIMED_OUT = "timed out"  # how `common.net` and the mail calls end the text of a call nobody answered in time
_SERVER_FAILED = re.compile(r"HTTP (5[0-9][0-9])")


def answer_words(code: str, text: str) -> str:
    """What the platform answered, or, where there was no answer, our own finding in words.

    Nothing for a plain success: the state says it already.
    """
    if _is_plain_success(code, text):
        return ""
    if _ran_out_of_time(code, text):
        return _("The other side did not answer in time.")
    if code in FINDINGS:
        return str(FINDINGS[code])
    if failed := _SERVER_FAILED.fullmatch(text):
        return _server_failed(code, failed[1])
    answer = f"{code} {text}".strip() if text != f"HTTP {code}" else text
    return _("The platform said: %(answer)s") % {"answer": answer} if answer else ""


def attempt_answer(attempt: Attempt) -> list[str]:
    """What one try was answered and how long it took, piece by piece.

    Over HTTP the status comes first; a code or text that only repeats it is left out, unlike in `answer_words`, whose
    readers have no status beside it. A server that failed and a call that nobody answered are said in words alone.
    """
    code, text, status = attempt.platform_code, attempt.platform_text, attempt.http_status
    if _ran_out_of_time(code, text) and attempt.latency_ms >= 1000:
        return [_("Waited %(time)s; the other side did not answer.") % {"time": duration(attempt.latency_ms / 1000)}]
    took = _took(attempt.latency_ms)
    if status is None or (_SERVER_FAILED.fullmatch(text) and code == str(status)):
        return [answer_words(code, text), took]
    is_plain = _is_plain_success(code, text)
    code, text = "" if code == str(status) else code, "" if text == f"HTTP {status}" else text
    return [f"HTTP {status}", "" if is_plain else answer_words(code, text), took]


def _took(milliseconds: int) -> str:
    if milliseconds >= 1000:
        return _("took %(time)s") % {"time": duration(milliseconds / 1000)}
    return _("took %(count)d ms") % {"count": milliseconds} if milliseconds else ""


def _server_failed(code: str, status: str) -> str:
    """`code`: the platform's own, where it is not the status."""
    failed = _("The server on the other side failed (%(code)s). Please tell whoever looks after this address.")
    return failed % {"code": status if code in ("", status) else f"{status} · {code}"}


def _ran_out_of_time(code: str, text: str) -> bool:
    return code == "no_answer" and text.endswith(_TIMED_OUT)


def _is_plain_success(code: str, text: str) -> bool:
    """`0` and "ok" of a robot, a 2xx without a word of a webhook."""
    return text.lower() in ("", "ok") and (code == "0" or (len(code) == 3 and code.startswith("2")))
