"""The phone's paste box: a colleague brings in what was written in a group nobody else hears (/t/paste/)."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from community_ops.common import clock
from community_ops.common.errors import DomainError
from community_ops.common.once import once_per_form
from community_ops.common.throttle import Limit, page_if_over
from messaging import inbound_selectors
from messaging.assignee_links import actor_of
from messaging.inbound_forms import PasteForm
from messaging.models import Assignee
from messaging.pasted_text import Pasted
from messaging.ports import task_places
from messaging.public_task_views import of_person
from messaging.services import receiving


@require_http_methods(["GET", "POST"])
@of_person
def paste(request: HttpRequest, person: Assignee) -> HttpResponse:
    """Paste a text, say what it is and who wrote it. A refused form stands there again with everything in it.

    Without an author several messages are read out of the text. They are shown first, and stored when the form comes
    back with `seen` of what was shown.
    """
    if request.method == "POST" and (refusal := page_if_over(Limit.PASTE, f"assignee:{person.pk}", now=clock.now())):
        return refusal
    groups = inbound_selectors.places_to_paste(person, now=clock.now())
    form, found = PasteForm(groups, request.POST or None), []
    if request.method == "POST" and form.is_valid():
        found = form.messages()
        if form.cleaned_data["author"] or request.POST.get("seen", "") == _digest(found):
            new_count = _taken(request, person, form, found)
            if new_count is not None:
                _tell(request, groups, form, found, new_count)
                return redirect("messaging:paste")
            found = []
    context = {"person": person, "form": form, "has_groups": bool(groups), "found": found, "seen": _digest(found)}
    return render(request, "public/paste.html", context, status=422 if form.errors else 200)


def _digest(found: Sequence[Pasted]) -> str:
    """Of how a text was read: what she takes in is what she was shown."""
    told = json.dumps([[one.author, one.words] for one in found], ensure_ascii=False)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _tell(
    request: HttpRequest, groups: Mapping[int, str], form: PasteForm, found: Sequence[Pasted], new_count: int
) -> None:
    """What was taken in, where it is found from now on, and what was known already."""
    group, known_count = groups[int(form.cleaned_data["group"])], len(found) - new_count
    if form.cleaned_data["author"]:
        known = _("This was pasted today already; it counts once.")
        places = {"group": group, "author": found[0].author}
        new = _("Recorded in the activity of “%(group)s”. The words stand on the member page of “%(author)s”.") % places
    else:
        known = ngettext(
            "%(count)d was pasted today already; it counts once.",
            "%(count)d were pasted today already; they count once.",
            known_count,
        ) % {"count": known_count}
        new = ngettext(
            "%(count)d message recorded in the activity of “%(group)s”.",
            "%(count)d messages recorded in the activity of “%(group)s”.",
            new_count,
        ) % {"count": new_count, "group": group}
    if new_count:
        messages.success(request, new)
    if known_count:
        messages.info(request, known)


def _taken(request: HttpRequest, person: Assignee, form: PasteForm, found: Sequence[Pasted]) -> int | None:
    """How many are new; None where it was refused."""
    now, group_id = clock.now(), int(form.cleaned_data["group"])
    try:
        zone = task_places.get(inbound_selectors.GROUP).zone(workspace_id=person.workspace_id, target_id=group_id)
        facts = {
            "messages": found,
            "workspace_id": person.workspace_id,
            "kind": form.cleaned_data["kind"],
            "target_kind": inbound_selectors.GROUP,
            "target_id": group_id,
            "pasted_by": person.name,
            "day": now.astimezone(ZoneInfo(zone)).date().isoformat(),
            "now": now,
        }
        return once_per_form(request, actor=actor_of(person), run=lambda: receiving.paste_all(**facts))
    except DomainError as refusal:
        form.refuse(refusal)
        return None
