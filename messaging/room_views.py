"""Pages: the sandbox room, seen as any of its members; what is said in it is heard as a platform would tell it."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from community_ops.accounts.pages import WorkspaceRequest, page
from community_ops.accounts.policies import may
from community_ops.common import assets, clock
from community_ops.common.errors import DomainError
from community_ops.common.once import once_per_form
from messaging import inbound_selectors, selectors, showing
from messaging.inbound_forms import RoomForm
from messaging.inbound_models import RawEvent
from messaging.inbound_wording import move_words
from messaging.models import Endpoint, SandboxPost
from messaging.platforms.inbound import MAX_NAME
from messaging.services import receiving

ZONE = settings.DEFAULT_COMMUNITY_TIMEZONE
MOST_FACES = 12
MOST_LINES = 100


@page("endpoints.view")
@require_safe
def room(request: WorkspaceRequest, endpoint_id: int) -> HttpResponse:
    """The room as `as` sees it; asked again every 2 s with the last seen, 204 when there is nothing newer."""
    endpoint = selectors.get_room(request.actor, endpoint_id)
    happened = _happened(endpoint)
    if request.htmx and request.GET.get("seen") == happened.last:
        return HttpResponse(status=204)
    return _room(request, endpoint, happened, who=request.GET.get("as", "")[:MAX_NAME])


@dataclass(frozen=True, slots=True)
class Happened:
    """What was posted in a room and who came in or left, each the newest, oldest first."""

    posts: list[SandboxPost]
    moves: list[RawEvent]

    @property
    def last(self) -> str:
        """Differs as soon as there is something newer."""
        return "-".join(str(rows[-1].pk if rows else 0) for rows in (self.posts, self.moves))

    def lines(self, who: str) -> list[dict[str, Any]]:
        """Both in the order of time, no more than either may be."""
        found = [(post.at, _post(post, who)) for post in self.posts]
        found += [(move.received_at, {"move": move, "words": move_words(move)}) for move in self.moves]
        return [line for _at, line in sorted(found, key=lambda one: one[0])][-MOST_LINES:]

    def names(self) -> list[str]:
        """Who spoke, came in or left, the latest first."""
        named = [(post.at, post.author) for post in self.posts]
        named += [(move.received_at, move.person_name) for move in self.moves]
        return list(dict.fromkeys(name for _at, name in sorted(named, key=lambda one: one[0], reverse=True) if name))


def _happened(room: Endpoint) -> Happened:
    posts = selectors.posts_in_room(room, count=MOST_LINES)
    return Happened(posts, inbound_selectors.moves_in_room(room, count=MOST_LINES))


def _room(
    request: WorkspaceRequest,
    endpoint: Endpoint,
    happened: Happened,
    *,
    who: str,
    form: RoomForm | None = None,
) -> HttpResponse:
    context = {
        "endpoint": endpoint,
        "lines": happened.lines(who),
        "last": happened.last,
        "who": who,
        "as_query": urlencode({"as": who}) if who else "",
        "faces": _faces(endpoint, happened, who),
        "form": form or RoomForm(initial={"author": who}),
        "may_speak": may(request.actor, "endpoints.manage"),
        "zone": ZONE,
    }
    if not context["lines"]:
        context["empty"] = _empty(endpoint)
    status = 422 if form is not None else 200
    return render(request, f"messaging/{'_room_posts' if request.htmx else 'room'}.html", context, status=status)


def _empty(endpoint: Endpoint) -> dict[str, str]:
    """What stands in a room without a line: that nothing happened, unless something did that is about to appear."""
    if inbound_selectors.is_reading(endpoint):
        title, text = _("Just heard"), _("What was said or done appears here within seconds.")
    else:
        title = _("Nothing was posted here yet")
        text = _("As soon as a message is due for this group, it appears here.")
    return {"icon": "chat-bubble-left-right", "title": title, "text": text}


def _post(post: SandboxPost, who: str) -> dict[str, Any]:
    is_of_others = bool(who) and post.author != who
    return {
        "post": post,
        "lines": showing.lines(post.text, is_markdown=post.is_markdown) if post.text else [],
        "image_url": assets.page_link(post.image) if post.image else "",
        "card": showing.card_of(post.card),
        "file": showing.file_of(post.file),
        "is_own": bool(who) and post.author == who,
        "is_for_me": is_of_others and showing.is_mentioned(who, post.text, is_markdown=post.is_markdown),
    }


def _faces(endpoint: Endpoint, happened: Happened, who: str) -> list[dict[str, Any]]:
    """Who was heard here lately, and nobody: the room as a visitor sees it."""
    names = list(dict.fromkeys(happened.names()[:MOST_FACES] + ([who] if who else [])))
    here = reverse("messaging:room", args=[endpoint.workspace.slug, endpoint.pk])
    faces = [{"name": _("Nobody"), "url": here, "is_chosen": not who}]
    return faces + [
        {"name": name, "url": f"{here}?{urlencode({'as': name})}", "is_chosen": name == who} for name in names
    ]


@page("endpoints.manage")
@require_POST
def room_say(request: WorkspaceRequest, endpoint_id: int) -> HttpResponse:
    """Say something as a member, come in as her, or leave; the page then shows the room as she sees it."""
    endpoint = selectors.get_room(request.actor, endpoint_id)
    action = request.POST.get("action", "say")
    form = RoomForm(request.POST)
    if action in ("join", "leave"):
        form.fields["words"].required = False
    if form.is_valid() and _done(request, endpoint, action, form):
        query = urlencode({"as": form.cleaned_data["author"]})
        return redirect(f"{reverse('messaging:room', args=[request.workspace.slug, endpoint.pk])}?{query}")
    return _room(request, endpoint, _happened(endpoint), who=request.POST.get("author", "")[:MAX_NAME], form=form)


def _done(request: WorkspaceRequest, endpoint: Endpoint, action: str, form: RoomForm) -> bool:
    author, words = form.cleaned_data["author"], form.cleaned_data["words"]

    def do() -> bool:
        if action in ("join", "leave"):
            receiving.move_in_room(room=endpoint, author=author, is_joining=action == "join", now=clock.now())
        else:
            receiving.say_in_room(room=endpoint, author=author, words=words, now=clock.now())
        return True

    try:
        once_per_form(request, actor=request.actor, run=do)
    except DomainError as refusal:
        form.refuse(refusal)
        return False
    return True
