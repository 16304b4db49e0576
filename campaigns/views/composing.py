"""The composer of 群消息, and the bubbles that show a message as each platform's groups will see it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns import policies, selectors, services, wording
from campaigns.forms import BUBBLE_ID, AnnouncementForm, chosen_groups, find_kept, initial_of, typed_card
from campaigns.models import Announcement
from campaigns.views.acting import zone_of
from community_ops.accounts.pages import WorkspaceRequest, page, tell
from community_ops.accounts.policies import may
from community_ops.common import clock
from community_ops.common.actors import Actor
from community_ops.common.assets import files_of, images_of, page_link
from community_ops.common.errors import DomainError
from groups.services import Warned
from messaging import selectors as messaging
from messaging.selectors import Card, Content, ShownPart

if TYPE_CHECKING:
    from community_ops.common.models import Asset
    from groups.models import ChatGroup

LONGEST_SHOWN = 5 * policies.MAX_TEXT_LENGTH  # of a text that is refused anyway
SHOWN_NAMES = 3
UNKNOWN_BYTES = 1024  # of a file that was chosen and did not come yet: no platform that takes files minds


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """What is shown of a message, written or half written.

    `has_new_image`, `has_new_file`: one was chosen that did not come yet. `file`: as `messaging.file_of` shows it.
    """

    content: Content
    may_split: bool
    image_url: str = ""
    has_new_image: bool = False
    file: dict[str, Any] | None = None
    has_new_file: bool = False

    @classmethod
    def written(cls, announcement: Announcement) -> "Draft":
        image_url = page_link(announcement.image) if announcement.image is not None else ""
        return cls(
            content=services.content_of(announcement),
            may_split=announcement.may_split,
            image_url=image_url,
            file=messaging.file_of(announcement.file),
        )

    @classmethod
    def typed(cls, actor: Actor, sent: QueryDict) -> "Draft":
        """As the preview gets it: htmx sends of a chosen file that there is one, and nothing of what is in it."""
        return cls._of(
            sent.get("text", ""),
            is_markdown=bool(sent.get("is_markdown")),
            may_split=bool(sent.get("may_split")),
            image=None if sent.get("remove_image") else find_kept(images_of(actor), sent.get("kept_image")),
            has_new_image=bool(sent.get("image")),
            card=typed_card(sent),
            file=None if sent.get("remove_file") else find_kept(files_of(actor), sent.get("kept_file")),
            has_new_file=bool(sent.get("file")),
        )

    @classmethod
    def in_form(cls, form: AnnouncementForm) -> "Draft":
        return cls._of(
            form["text"].value() or "",
            is_markdown=bool(form["is_markdown"].value()),
            may_split=bool(form["may_split"].value()),
            image=None if form["remove_image"].value() else form.kept,
            card=typed_card({field.name: field.value() for field in form.more}),
            file=None if form["remove_file"].value() else form.kept_one,
        )

    @classmethod
    def _of(
        cls,
        text: str,
        *,
        is_markdown: bool,
        may_split: bool,
        image: "Asset | None",
        card: Card | None,
        file: "Asset | None",
        has_new_image: bool = False,
        has_new_file: bool = False,
    ) -> "Draft":
        kept_bytes = file.size_bytes if file is not None else None
        content = Content(
            text=text[:LONGEST_SHOWN],
            is_markdown=is_markdown,
            has_image=image is not None or has_new_image,
            card=card,
            file_bytes=UNKNOWN_BYTES if has_new_file else kept_bytes,
        )
        return cls(
            content=content,
            may_split=may_split and len(text) <= policies.MAX_TEXT_LENGTH,
            image_url=page_link(image) if image is not None and not has_new_image else "",
            has_new_image=has_new_image,
            file=None if has_new_file else messaging.file_of(file),
            has_new_file=has_new_file,
        )


@page("announcements.write")
def announcement_new(request: WorkspaceRequest) -> HttpResponse:
    """Write a draft. The same address shows the bubbles of what is typed (`preview`), without saving."""
    if _wants_preview(request):
        return _preview(request)
    zone = selectors.home_zone(request.actor)
    initial = {"due_at": _next_full_hour(zone), "groups": request.GET.getlist("group")}
    form = _form(request, zone, initial)
    if request.method == "POST" and form.is_valid() and (made := _create(request, form)):
        return redirect("campaigns:announcement", slug=request.workspace.slug, announcement_id=made.pk)
    return _composer(request, form, heading=_("New announcement"))


@page("announcements.write")
def announcement_edit(request: WorkspaceRequest, announcement_id: int) -> HttpResponse:
    """Write a draft anew. `?due_at=2026-11-22T08:00` (a wall time) puts another send time into the form."""
    announcement = selectors.get_announcement(request.actor, announcement_id)
    if _wants_preview(request):
        return _preview(request)
    zone = zone_of(announcement, request)
    form = _form(request, zone, initial_of(announcement, zone) | _asked_time(request))
    if request.method == "POST" and form.is_valid() and _change(request, announcement, form):
        return redirect("campaigns:announcement", slug=request.workspace.slug, announcement_id=announcement.pk)
    return _composer(request, form, heading=_("Change the draft"))


def _asked_time(request: WorkspaceRequest) -> dict[str, datetime]:
    """The send time in the address, where it is a wall time."""
    try:
        asked = datetime.fromisoformat(request.GET.get("due_at", ""))
    except ValueError:
        return {}
    return {"due_at": asked} if asked.tzinfo is None else {}


@page("announcements.write")
@require_POST
def announcement_copy(request: WorkspaceRequest, announcement_id: int) -> HttpResponse:
    """A new draft with what this one says, to `group` alone or to all of its groups that the actor sees; then it is
    edited."""
    announcement = selectors.get_announcement(request.actor, announcement_id)
    only = request.POST.get("group", "")
    groups = [group for group in visible_groups(announcement) if not only or str(group.pk) == only]
    try:
        made = services.copy_announcement(
            announcement=announcement, groups=groups, actor=request.actor, now=clock.now()
        )
    except DomainError as refusal:
        tell(request, refusal)
        return redirect("campaigns:announcement", slug=request.workspace.slug, announcement_id=announcement.pk)
    messages.success(request, _("Copied. Please choose its time before it is scheduled."))
    return redirect("campaigns:announcement_edit", slug=request.workspace.slug, announcement_id=made.pk)


def visible_groups(announcement: Announcement) -> list["ChatGroup"]:
    """Its groups, of those that whoever asked for it may see."""
    visible = {target.group_id for target in announcement.targets.all()}
    return [group for group in services.target_groups(announcement) if group.pk in visible]


def _form(request: WorkspaceRequest, zone: str, initial: dict[str, Any]) -> AnnouncementForm:
    sent, files = (request.POST, request.FILES) if request.method == "POST" else (None, None)
    return AnnouncementForm(sent, files, actor=request.actor, zone=zone, initial=initial)


def _wants_preview(request: WorkspaceRequest) -> bool:
    return bool(request.htmx) and request.method == "POST"


def _preview(request: WorkspaceRequest) -> HttpResponse:
    groups = chosen_groups(request.actor, request.POST.getlist("groups"))
    draft = Draft.typed(request.actor, request.POST)
    return render(request, "campaigns/_preview.html", _look(groups, draft))


def _composer(request: WorkspaceRequest, form: AnnouncementForm, *, heading: str) -> HttpResponse:
    is_refused = bool(form.errors)
    groups = chosen_groups(request.actor, [str(value) for value in form["groups"].value() or []])
    kept = form.kept
    context = {
        "form": form,
        "heading": heading,
        "picture_url": page_link(kept) if kept is not None else "",
        "kept_file": messaging.file_of(form.kept_one),
        "no_groups": None if selectors.groups_to_choose(request.actor).exists() else _no_groups(request),
        "breadcrumbs": crumbs(request),
        **_look(groups, Draft.in_form(form)),
    }
    return render(request, "campaigns/announcement_form.html", context, status=422 if is_refused else 200)


def _look(groups: Sequence["ChatGroup"], draft: Draft) -> dict[str, Any]:
    """The bubbles and what is known beforehand, first what does not let it be written."""
    arrived = services.arrivals(groups, draft.content, may_split=draft.may_split)
    notes = [*known_troubles(groups), *services.arrival_warnings(arrived.values())]
    notes.sort(key=lambda note: note["code"] not in services.BLOCKING)
    return {"bubbles": bubbles(groups, draft, arrived), "notes": notes, "blocking": services.BLOCKING}


def _no_groups(request: WorkspaceRequest) -> dict[str, str]:
    """What stands in the place of the form while there is nobody to write to."""
    empty = {"icon": "user-group", "title": _("No group yet"), "text": _("An operator makes or assigns the groups.")}
    if may(request.actor, "groups.manage"):
        empty |= {
            "text": _("An announcement goes to groups. Make the first one, then write to it."),
            "action_url": reverse("groups:group_new", args=[request.workspace.slug]),
            "action_label": _("New group"),
        }
    return empty


def _create(request: WorkspaceRequest, form: AnnouncementForm) -> Announcement | None:
    try:
        return services.create_announcement(
            workspace_id=request.workspace.pk, draft=form.draft(), actor=request.actor, now=clock.now()
        )
    except DomainError as refusal:
        form.refuse(refusal)
        return None


def _change(request: WorkspaceRequest, announcement: Announcement, form: AnnouncementForm) -> Announcement | None:
    try:
        return services.change_announcement(
            announcement=announcement, draft=form.draft(), actor=request.actor, now=clock.now()
        )
    except DomainError as refusal:
        form.refuse(refusal)
        return None


def known_troubles(groups: Sequence["ChatGroup"]) -> list[Warned]:
    """What is known to go wrong for these groups, whatever is said."""
    return [*services.no_endpoint_warnings(groups), *services.failing_endpoint_warnings(groups)]


def bubbles(
    groups: Sequence["ChatGroup"], draft: Draft, arrived: Mapping[str, messaging.Arrival]
) -> list[dict[str, Any]]:
    """One bubble per platform the groups are on, the strictest first: its messages, and the size as it counts.

    One without a platform while no group is chosen, or none that has a channel.
    """
    of_platform: dict[str, list[ChatGroup]] = {}
    for group in groups:
        if group.endpoint is not None:
            of_platform.setdefault(group.endpoint.connection.platform, []).append(group)
    strictest_first = sorted(of_platform, key=lambda platform: (arrived[platform].limit.limit, platform))
    shown = [_bubble(of_platform[platform], draft, arrived[platform]) for platform in strictest_first]
    if not shown:
        name = _("No delivery channel") if groups else _("Preview")
        shown = [{"platform": name, "parts": [_part(draft, part) for part in _as_written(draft.content)]}]
    shown[0]["id"] = BUBBLE_ID
    return [messaging.sender_of("", ()) | bubble for bubble in shown]


def _bubble(groups: Sequence["ChatGroup"], draft: Draft, arrived: messaging.Arrival) -> dict[str, Any]:
    """`extra`: what the platform counts more or less than the text as it was typed."""
    people = list(dict.fromkeys(group.endpoint.name for group in groups if group.endpoint is not None))
    return {
        **messaging.sender_of(arrived.platform, people[:SHOWN_NAMES]),
        "platform": _platform_label(groups[0]),
        "group": wording.names([group.name for group in groups], at_most=SHOWN_NAMES),
        "parts": [_part(draft, part) for part in arrived.parts],
        "size": arrived.size,
        "limit": arrived.limit.limit,
        "unit": arrived.limit.unit.value,
        "extra": arrived.size - arrived.limit.measure(draft.content.text),
        "may_split": draft.may_split and not arrived.is_refused,
    }


def _as_written(content: Content) -> list[ShownPart]:
    """A message that goes nowhere yet."""
    lines = messaging.lines(content.text, is_markdown=content.is_markdown) if content.text else []
    parts = [ShownPart(lines, has_image=content.has_image)]
    if content.card is not None:
        parts.append(ShownPart([], card=content.card))
    return [*parts, ShownPart([], has_file=True)] if content.file_bytes is not None else parts


def _part(draft: Draft, part: ShownPart) -> dict[str, Any]:
    return {
        "lines": part.lines,
        "image_url": draft.image_url if part.has_image else "",
        "has_new_image": part.has_image and draft.has_new_image,
        "card": part.card,
        "file": draft.file if part.has_file else None,
        "has_new_file": part.has_file and draft.has_new_file,
    }


def _platform_label(group: "ChatGroup") -> str:
    return group.endpoint.connection.get_platform_display() if group.endpoint is not None else ""


def _next_full_hour(zone: str) -> datetime:
    local = clock.now().astimezone(ZoneInfo(zone)) + timedelta(hours=1)
    return local.replace(minute=0, second=0, microsecond=0, tzinfo=None)


def crumbs(request: WorkspaceRequest) -> list[dict[str, str]]:
    return [{"label": _("Announcements"), "url": reverse("campaigns:announcements", args=[request.workspace.slug])}]
