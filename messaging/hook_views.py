"""/hooks/<code>/: where platforms and other tools tell what happened. No session, no cookie."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import UnreadablePostError
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from community_ops.common import clock, dbtime
from community_ops.common.throttle import Limit, address_of, seconds_to_wait
from messaging.inbound_policies import MAX_BODY_BYTES, REFUSALS
from messaging.platforms.inbound import CallRefused, HookCall
from messaging.services import receiving

NOT_PROVED, ONLY_POST = 401, 405
_MOST_DIGITS = 9  # of a length: more is too large, whatever they say


@csrf_exempt  # the key of the call proves who speaks; there is no session to steal
@require_http_methods(["GET", "POST"])
def hook(request: HttpRequest, code: str) -> HttpResponse:
    """Answer once the event is stored; a GET is for platforms that try an address, 405 for all others.

    What is larger than 256 KB is not read to its end. A code nobody has and a call that is not proved look alike.
    More calls in a minute than `HOOK_LIMIT_PER_MINUTE` are 429 and not read.
    """
    with override("en"):  # programs read it
        if wait := seconds_to_wait(Limit.HOOK, code, now=clock.now()):
            return _too_many(wait)
        try:
            return _answered(request, code)
        except CallRefused as refusal:
            if refusal.status == NOT_PROVED and (wait := _wait_of(request)):
                return _too_many(wait)
            if refusal.reason == "too_large":
                receiving.note_too_large(code=code, now=clock.now())
            return _refused(refusal)


def _answered(request: HttpRequest, code: str) -> HttpResponse:
    if request.method == "GET":
        words = receiving.greet(code=code, call=_call(request, b""), now=clock.now())
        return HttpResponse(words, content_type="text/plain; charset=utf-8")
    content_type, words = receiving.receive(code=code, call=_call(request, _body(request)), now=clock.now())
    return HttpResponse(words, content_type=content_type)


def _call(request: HttpRequest, body: bytes) -> HookCall:
    return HookCall(request.headers, body, dbtime.now(), request.GET.dict())


def _body(request: HttpRequest) -> bytes:
    if "Transfer-Encoding" in request.headers:  # the server below us reads nothing of it
        raise CallRefused("needs_length", status=411)
    length = request.headers.get("Content-Length", "")
    if length.isascii() and length.isdigit() and (len(length) > _MOST_DIGITS or int(length) > MAX_BODY_BYTES):
        raise CallRefused("too_large", status=413)
    try:
        body = request.read(MAX_BODY_BYTES + 1)
    except UnreadablePostError:
        raise CallRefused("broken_off", status=400) from None
    if len(body) > MAX_BODY_BYTES:
        raise CallRefused("too_large", status=413)
    return body


def _wait_of(request: HttpRequest) -> int | None:
    """Calls that are not proved are counted by address, whether or not there is such a code: they look alike."""
    return seconds_to_wait(Limit.UNKNOWN, address_of(request), now=clock.now())


def _too_many(wait: int) -> HttpResponse:
    """Nothing was stored: the sender tells it again."""
    extra = {"retry_after_seconds": wait}
    answer = JsonResponse(
        {"code": "too_many", "message": _("Too many calls in this minute. Send it again later."), "extra": extra},
        status=429,
    )
    answer["Retry-After"] = str(wait)
    return answer


def _refused(refusal: CallRefused) -> HttpResponse:
    """Which of the reasons of a 401 it was is only told on the page of the route."""
    code = "unauthorized" if refusal.status == NOT_PROVED else refusal.reason
    message = _("The call could not be verified.") if refusal.status == NOT_PROVED else str(REFUSALS[refusal.reason])
    extra = {"field": refusal.detail} if refusal.detail else {}
    answer = JsonResponse({"code": code, "message": message, "extra": extra}, status=refusal.status)
    if refusal.status == ONLY_POST:
        answer["Allow"] = "POST"
    return answer
