"""Pages: the sandbox room, seen as any of its members; what is said in it is heard as a platform would tell it."""

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
from community_ops.common.errors import InvalidInput
from messaging import selectors, showing
from messaging.inbound_forms import RoomForm
from messaging.models import Endpoint, SandboxPost
from messaging.platforms.inbound import MAX_NAME
from messaging.services import receiving

ZONE = settings.DEFAULT_COMMUNITY_TIMEZONE
MOST_FACES = 12


@page("endpoints.view")
@require_safe
def room(request: WorkspaceRequest, endpoint_id: int) -> HttpResponse:
    """The room as `as` sees it; asked again every 2 s with the last post seen, 204 when there is none newer."""
    endpoint = selectors.get_room(request.actor, endpoint_id)
    posts = selectors.posts_in_room(endpoint)
    last = posts[-1].pk if posts else 0
    if request.htmx and request.GET.get("seen") == str(last):
        return HttpResponse(status=204)
    return _room(request, endpoint, posts, who=request.GET.get("as", "")[:MAX_NAME])


def _room(
    request: WorkspaceRequest,
    endpoint: Endpoint,
    posts: list[SandboxPost],
    *,
    who: str,
    form: RoomForm | None = None,
) -> HttpResponse:
    context = {
        "endpoint": endpoint,
        "posts": [_post(post, who) for post in posts],
        "last": posts[-1].pk if posts else 0,
        "who": who,
        "as_query": urlencode({"as": who}) if who else "",
        "faces": _faces(endpoint, posts, who),
        "form": form or RoomForm(initial={"author": who}),
        "may_speak": may(request.actor, "endpoints.manage"),
        "zone": ZONE,
        "empty": {
            "icon": "chat-bubble-left-right",
            "title": _("Nothing was posted here yet"),
            "text": _("As soon as a message is due for this group, it appears here."),
        },
    }
    status = 422 if form is not None else 200
    return render(request, f"messaging/{'_room_posts' if request.htmx else 'room'}.html", context, status=status)


def _post(post: SandboxPost, who: str) -> dict[str, Any]:
    return {
        "post": post,
        "lines": showing.lines(post.text, is_markdown=post.is_markdown) if post.text else [],
        "image_url": assets.page_link(post.image) if post.image else "",
        "card": showing.card_of(post.card),
        "file": showing.file_of(post.file),
        "is_own": bool(who) and post.author == who,
        "is_for_me": bool(who) and post.author != who and showing.is_mentioned(who, post.text),
    }


def _faces(endpoint: Endpoint, posts: list[SandboxPost], who: str) -> list[dict[str, Any]]:
    """Who spoke here lately, and nobody: the room as a visitor sees it."""
    names = list(dict.fromkeys([post.author for post in reversed(posts) if post.author] + ([who] if who else [])))
    here = reverse("messaging:room", args=[endpoint.workspace.slug, endpoint.pk])
    faces = [{"name": _("Nobody"), "url": here, "is_chosen": not who}]
    return faces + [
        {"name": name, "url": f"{here}?{urlencode({'as': name})}", "is_chosen": name == who}
        for name in names[:MOST_FACES]
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
    if form.is_valid() and _done(endpoint, action, form):
        query = urlencode({"as": form.cleaned_data["author"]})
        return redirect(f"{reverse('messaging:room', args=[request.workspace.slug, endpoint.pk])}?{query}")
    return _room(
        request, endpoint, selectors.posts_in_room(endpoint), who=request.POST.get("author", "")[:MAX_NAME], form=form
    )


def _done(endpoint: Endpoint, action: str, form: RoomForm) -> bool:
    author, words = form.cleaned_data["author"], form.cleaned_data["words"]
    try:
        if action in ("join", "leave"):
            receiving.move_in_room(room=endpoint, author=author, is_joining=action == "join", now=clock.now())
        else:
            receiving.say_in_room(room=endpoint, author=author, words=words, now=clock.now())
    except InvalidInput as refusal:
        form.refuse(refusal)
        return False
    return True
