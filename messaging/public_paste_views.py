"""The phone's paste box: a colleague brings in what was written in a group nobody else hears (/t/paste/)."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from community_ops.common import clock
from community_ops.common.errors import InvalidInput, NotFound
from community_ops.common.throttle import Limit, page_if_over
from messaging import inbound_selectors
from messaging.inbound_forms import PasteForm
from messaging.models import Assignee
from messaging.ports import task_places
from messaging.public_task_views import of_person
from messaging.services import receiving


@require_http_methods(["GET", "POST"])
@of_person
def paste(request: HttpRequest, person: Assignee) -> HttpResponse:
    """Paste a text, say what it is and who wrote it. A refused form stands there again with everything in it."""
    if request.method == "POST" and (refusal := page_if_over(Limit.PASTE, f"assignee:{person.pk}", now=clock.now())):
        return refusal
    groups = inbound_selectors.places_to_paste(person, now=clock.now())
    form = PasteForm(groups, request.POST or None)
    if request.method == "POST" and form.is_valid() and (is_new := _taken(person, form)) is not None:
        if is_new:
            messages.success(request, _where(groups, form))
        else:
            messages.info(request, _("This was pasted today already; it counts once."))
        return redirect("messaging:paste")
    context = {"person": person, "form": form, "has_groups": bool(groups)}
    return render(request, "public/paste.html", context, status=422 if form.errors else 200)


def _where(groups: Mapping[int, str], form: PasteForm) -> str:
    """Where the pasted words are found from now on."""
    places = {"group": groups[int(form.cleaned_data["group"])], "author": form.cleaned_data["author"]}
    return _("Recorded in the activity of “%(group)s”. The words stand on the member page of “%(author)s”.") % places


def _taken(person: Assignee, form: PasteForm) -> bool | None:
    """Whether it is new; None where it was refused."""
    now, group_id = clock.now(), int(form.cleaned_data["group"])
    try:
        zone = task_places.get(inbound_selectors.GROUP).zone(workspace_id=person.workspace_id, target_id=group_id)
        return receiving.paste(
            workspace_id=person.workspace_id,
            kind=form.cleaned_data["kind"],
            target_kind=inbound_selectors.GROUP,
            target_id=group_id,
            author=form.cleaned_data["author"],
            words=form.cleaned_data["words"],
            pasted_by=person.name,
            day=now.astimezone(ZoneInfo(zone)).date().isoformat(),
            now=now,
        )
    except (InvalidInput, NotFound) as refusal:
        form.refuse(refusal)
        return None
