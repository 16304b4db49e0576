"""POST /hooks/<code>/: where platforms and other tools tell what happened. No session, no cookie, JSON only."""

from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from community_ops.common import clock
from messaging.inbound_policies import MAX_BODY_BYTES, REFUSALS
from messaging.platforms.inbound import CallRefused
from messaging.services import receiving

NOT_PROVED = 401


@csrf_exempt  # the key of the call proves who speaks; there is no session to steal
@require_POST
def hook(request: HttpRequest, code: str) -> JsonResponse:
    """Answer once the event is stored; `stored` is false for one that was here before.

    What is larger than 256 KB is not read to its end. A code nobody has and a call that is not proved look alike.
    """
    with override("en"):  # programs read it
        try:
            body = _body(request)
            is_new = receiving.receive(code=code, headers=request.headers, body=body, now=clock.now())
        except CallRefused as refusal:
            if refusal.reason == "too_large":
                receiving.note_too_large(code=code, now=clock.now())
            return _refused(refusal)
        return JsonResponse({"stored": is_new})


def _body(request: HttpRequest) -> bytes:
    if "Transfer-Encoding" in request.headers:  # the server below us reads nothing of it
        raise CallRefused("needs_length", status=411)
    length = request.headers.get("Content-Length", "")
    if length.isdigit() and int(length) > MAX_BODY_BYTES:
        raise CallRefused("too_large", status=413)
    body = request.read(MAX_BODY_BYTES + 1)
    if len(body) > MAX_BODY_BYTES:
        raise CallRefused("too_large", status=413)
    return body


def _refused(refusal: CallRefused) -> JsonResponse:
    """Which of the reasons of a 401 it was is only told on the page of the route."""
    code = "unauthorized" if refusal.status == NOT_PROVED else refusal.reason
    message = _("The call is not proved.") if refusal.status == NOT_PROVED else str(REFUSALS[refusal.reason])
    extra = {"field": refusal.detail} if refusal.detail else {}
    return JsonResponse({"code": code, "message": message, "extra": extra}, status=refusal.status)
