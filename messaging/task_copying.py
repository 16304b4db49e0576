"""Answers a tap on 复制文案: for the script the words alone, without it the page they stand on."""

from datetime import datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from community_ops.common.actors import Actor
from community_ops.common.errors import DomainError
from messaging import services, task_selectors, task_showing, task_wording
from messaging.models import HumanTask

LOAD_AGAIN = 205  # more than the words has changed: the script loads the page again


def copy(request: HttpRequest, task: HumanTask, *, actor: Actor, page_url: str, now: datetime) -> HttpResponse:
    """Fill the words with the values of this moment. What may not be posted any more is said on the page."""
    is_piece = bool(request.headers.get("X-Fragment"))
    try:
        copied = services.copy_card(task=task, actor=actor, now=now)
    except DomainError as refusal:
        messages.error(request, str(refusal.message))
        return HttpResponse(status=LOAD_AGAIN) if is_piece else redirect(page_url)
    _say_what_changed(request, copied)
    if not is_piece:
        return redirect(page_url)
    if copied.withdrawn or copied.waiting or copied.held or not copied.texts:
        return HttpResponse(status=LOAD_AGAIN)
    task = task_selectors.get_task(actor, task.pk)
    card = {**task_showing.texts(task, task_selectors.items_of(task), now=now), "task": task}
    return render(request, "public/_task_texts.html", {"card": card, "zone": task.zone})


def _say_what_changed(request: HttpRequest, copied: services.Copied) -> None:
    """What may not be posted any more, and what not now, is said before anything else."""
    if copied.withdrawn:
        names = ", ".join(item.label for item in copied.withdrawn)
        facts = {"names": names, "reason": task_wording.item_reason(copied.withdrawn[0])}
        messages.warning(request, _("Do not post this any more: %(names)s. %(reason)s") % facts)
    if copied.waiting:
        names = ", ".join(item.label for item in copied.waiting)
        messages.warning(request, _("Paused: do not send it yet. Not copied: %(names)s.") % {"names": names})
    if copied.held:  # why and until when stands above the button
        names = ", ".join(item.label for item, _why in copied.held)
        messages.warning(request, _("Not copied: %(names)s.") % {"names": names})
