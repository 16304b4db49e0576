"""Pages: 发送记录, the list and one delivery with what happened to it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from community_ops.accounts.pages import WorkspaceRequest, page
from community_ops.accounts.policies import may
from community_ops.common import clock
from community_ops.common.assets import page_link
from messaging import selectors, services, task_selectors, task_wording, ways_out, wording
from messaging.answer_wording import answer_words
from messaging.models import Delivery, DeliveryState
from messaging.policies import EXEMPTIONS, PARTLY_SENT, READ_BY_REASON
from messaging.record_holds import holds_on
from messaging.services.handing import is_by_hand
from messaging.showing import card_of, file_of, joined, sender_of
from messaging.undoing import undo_until

PAGE_SIZE = 50
LISTED_STATES = (
    "planned", "paused", "due", "retrying", "sending", "accepted", "waiting", "confirmed", "unknown", "failed",
    "parked", "expired", *READ_BY_REASON, "cancelled", PARTLY_SENT,
)  # fmt: skip
ZONE = settings.DEFAULT_COMMUNITY_TIMEZONE
NEAR = timedelta(minutes=15)  # the page of a delivery that is due later than this does not refresh itself
FIX_FIRST = ("refused", "endpoint_archived")  # why a failed one would fail once more as long as nothing is changed
STOP_POLLING = 286  # the status that tells htmx so


@page("deliveries.view")
@require_safe
def delivery_list(request: WorkspaceRequest) -> HttpResponse:
    """The last planned first, each page by send time. `?state=`, `?group=`, `?channel=`, `?origin=` with `?origin_id=`
    (all of one announcement, run or card) and `?cursor=` (planned before this id) stand in the address: it can be
    shared."""
    now = clock.now()
    visible, group_id, state = narrowed(request, request.GET)
    rows = selectors.that_read(visible, state, now=now) if state in LISTED_STATES else visible
    shown, pager = _page_of(request, rows)
    context = {
        "rows": rows_of(request, shown, now),
        "tabs": tabs_of(visible, request.GET, now),
        "state": state if state in LISTED_STATES else "",
        "back": request.get_full_path(),
        "group_label": shown[0].target_label if shown and group_id is not None else "",
        "group_id": group_id,
        "channel": _channel_shown(request),
        "origin": _origin_shown(request, visible) if _origin_of(request.GET) else None,
        "pager": pager,
        "may_decide": may(request.actor, "deliveries.decide"),
        "zone": ZONE,
    }
    return render(
        request, "messaging/_delivery_table.html" if request.htmx else "messaging/delivery_list.html", context
    )


def narrowed(request: WorkspaceRequest, query: QueryDict) -> tuple[QuerySet[Delivery], int | None, str]:
    """What the record's address asks for: deliveries of its group, channel and origin, the group, the
    state."""
    visible, group_id = selectors.deliveries_visible_to(request.actor), _number(query, "group")
    if origin := _origin_of(query):
        visible = visible.filter(origin=origin[0], origin_id=origin[1])
    if group_id is not None:
        visible = visible.filter(target_kind="group", target_id=group_id)
    if (channel_id := _number(query, "channel")) is not None:
        visible = visible.filter(endpoint_id=channel_id)
    return visible, group_id, query.get("state", "")


def _origin_of(query: QueryDict) -> tuple[str, int] | None:
    """What the record is narrowed to: the kind of its origin and the id."""
    kind, number = query.get("origin", ""), _number(query, "origin_id")
    return (kind, number) if kind and number is not None else None


def _channel_shown(request: WorkspaceRequest) -> str | None:
    """The name of the channel the record is narrowed to, its number where there is none; None where it is not."""
    if (pk := _number(request.GET, "channel")) is None:
        return None
    found = selectors.endpoint_facts(workspace_id=request.workspace.pk, endpoint_ids=[pk])
    return found[pk].name if pk in found else str(pk)


def _origin_shown(request: WorkspaceRequest, narrowed: QuerySet[Delivery]) -> dict[str, str]:
    """What the rows belong to, by the first words of one of them, with its page where there is one."""
    delivery = narrowed.first()
    if delivery is None:
        return {"label": "", "url": ""}
    label, url = _origin_page(request, delivery)
    return {"label": " · ".join(filter(None, (label, selectors.first_words_of(delivery)))), "url": url}


def tabs_of(visible: QuerySet[Delivery], query: QueryDict, now: datetime) -> list[dict[str, Any]]:
    """One for everything, one for each state there is and for the chosen one, with their addresses."""
    found, chosen = selectors.delivery_counts(visible, now=now), query.get("state", "")
    listed = [state for state in LISTED_STATES if state in found.counts or state in found.more or state == chosen]
    tabs = [_tab(found, state) | {"is_chosen": state == chosen} for state in listed]
    everything = {"state": "", "is_chosen": chosen not in LISTED_STATES}
    return [tab | {"url": _tab_url(query, str(tab["state"]))} for tab in [everything, *tabs]]


def _tab(found: selectors.StateCounts, state: str) -> dict[str, Any]:
    """Its number; "999+" where not all of them were looked at, nothing where that would say "0+"."""
    count, is_more = found.counts.get(state, 0), state in found.more
    return {"state": state, "count": None if is_more and not count else count, "is_more": is_more}


def _tab_url(query: QueryDict, state: str) -> str:
    """The record from its first page, narrowed to the state; other filters stay."""
    changed = query.copy()
    changed.pop("cursor", None)
    changed.pop("state", None)
    if state:
        changed["state"] = state
    return f"?{changed.urlencode()}"


def _page_of(request: HttpRequest, rows: QuerySet[Delivery]) -> tuple[list[Delivery], dict[str, str]]:
    """One page of rows planned before the cursor, by send time, and the addresses of its neighbours.

    Pages follow the ids: by send time through the whole record would read all of it.
    """
    cursor = _number(request.GET, "cursor")
    rows = rows.order_by("-id") if cursor is None else rows.order_by("-id").filter(pk__lt=cursor)
    found = list(rows[: PAGE_SIZE + 1])
    shown, pager, query = found[:PAGE_SIZE], {}, request.GET.copy()
    query.pop("cursor", None)
    if cursor is not None:
        pager["previous_url"] = f"?{query.urlencode()}"
    if len(found) > PAGE_SIZE:
        query["cursor"] = str(shown[-1].pk)
        pager["next_url"] = f"?{query.urlencode()}"
    return sorted(shown, key=lambda row: (row.due_at, row.pk), reverse=True), pager


def _number(query: QueryDict, name: str) -> int | None:
    value = query.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None


def rows_of(request: WorkspaceRequest, deliveries: Sequence[Delivery], now: datetime) -> list[dict[str, Any]]:
    tries, people = selectors.tries_in_vain(deliveries), selectors.who_has(deliveries)
    said, parts = selectors.said_by_hand(deliveries), selectors.parts_said(deliveries)
    undo = undo_until(deliveries, now=now) if may(request.actor, "deliveries.decide") else {}
    held = _held_words(deliveries, now)
    return [
        {
            "delivery": delivery,
            "text": selectors.words_to_read(delivery),
            "state": wording.badge_state(delivery, now=now),
            "badge": wording.badge_words(delivery, now=now),
            "sentence": joined(
                wording.state_sentence(
                    delivery,
                    zone=ZONE,
                    tries_in_vain=tries.get(delivery.pk, 0),
                    person=people.get(delivery.pk, ""),
                    said=said.get(delivery.pk),
                    parts=parts.get(delivery.pk, ""),
                ),
                held.get(delivery.pk, ""),
            ),
            "carrier": wording.carrier_words(delivery, person=people.get(delivery.pk, ""), said=said.get(delivery.pk)),
            "doubted": wording.doubt_in_short(delivery),
            "left_out": selectors.left_out(delivery),
            "is_unknown": delivery.state == DeliveryState.UNKNOWN,
            "undo_until": undo.get(delivery.pk),
            "next_step": _next_step(request, delivery),
        }
        for delivery in deliveries
    ]


def _held_words(deliveries: Sequence[Delivery], now: datetime) -> dict[int, str]:
    """By id why those that wait for a person must not be posted now."""
    waiting = [delivery for delivery in deliveries if delivery.state == DeliveryState.WAITING]
    held = services.held_now(waiting, now=now).items()
    return {pk: task_wording.not_now_words(why, zone=ZONE, now=now) for pk, why in held}


def _next_step(request: WorkspaceRequest, delivery: Delivery) -> dict[str, str] | None:
    """Where what made it fail can be put right, for whoever may do that."""
    if delivery.state != DeliveryState.FAILED:
        return None
    slug, endpoint = request.workspace.slug, delivery.endpoint
    if endpoint is None:
        is_offered = delivery.target_kind == "group" and may(request.actor, "groups.manage")
        address = reverse("groups:group_detail", args=[slug, delivery.target_id])
        return {"text": _("Connect a channel to this group"), "url": address} if is_offered else None
    if delivery.reason != "refused" or endpoint.archived_at or not may(request.actor, "endpoints.manage"):
        return None
    return {"text": _("Check the channel"), "url": reverse("messaging:endpoint_edit", args=[slug, endpoint.pk])}


@page("deliveries.view")
@require_safe
def delivery_detail(request: WorkspaceRequest, delivery_id: int) -> HttpResponse:
    """What happened, call by call, in words; htmx asks again while the next thing happens by itself."""
    delivery = selectors.get_delivery(request.actor, delivery_id)
    attempts, decisions = list(selectors.attempts_of(delivery)), list(selectors.decisions_on(delivery))
    decisions += holds_on(delivery, decisions)
    now = clock.now()
    row, is_open = rows_of(request, [delivery], now)[0], _is_open(delivery, now)
    context = {
        "row": row,
        "delivery": delivery,
        "is_open": is_open,
        "story": wording.story(delivery, attempts, decisions, zone=ZONE),
        "tries": wording.tries_words(delivery, attempts),
        "answer": answer_words(delivery.platform_code, delivery.platform_text),
        "exemption": EXEMPTIONS.get(delivery.exemption, delivery.exemption),
        "bubble": _bubble(delivery),
        "breadcrumbs": [{"label": _("Delivery record"), "url": record_url(request)}],
        "may_decide": may(request.actor, "deliveries.decide"),
        "may_manage": may(request.actor, "endpoints.manage"),
        "question": _question(request, delivery),
        "fix_first": delivery.reason in FIX_FIRST,
        "write_anew": ways_out.write_anew(request, delivery),
        "blocked_by": ways_out.blocked_by(request, delivery),
        "by_hand": _by_hand(request, delivery),
        "belongs_to": _belongs_to(request, delivery),
        "zone": ZONE,
    }
    if not request.htmx:
        return render(request, "messaging/delivery_detail.html", context)
    return render(request, "messaging/_delivery_live.html", context, status=200 if is_open else STOP_POLLING)


def _belongs_to(request: WorkspaceRequest, delivery: Delivery) -> list[dict[str, str]]:
    """Its group, and the announcement or run it came from: whoever may see a delivery of a group may see these."""
    slug, name, found = request.workspace.slug, delivery.target_label or str(delivery.target_id), []
    if delivery.target_kind == "group" and may(request.actor, "groups.view"):
        address = reverse("groups:group_detail", args=[slug, delivery.target_id])
        found.append({"label": _("Group"), "text": name, "url": address})
    label, url = _origin_page(request, delivery)
    if url:
        found.append({"label": _("Belongs to"), "text": label, "url": url})
    return found


def _origin_page(request: WorkspaceRequest, delivery: Delivery) -> tuple[str, str]:
    """What kind of thing a delivery came from, and its page; without one nothing, as for whoever may not see it."""
    pages = {
        "announcement": (_("Announcement"), "campaigns:announcement", "announcements.view"),
        "touch": (_("Playbook run"), "campaigns:run", "playbooks.view"),
    }
    label, page_name, action = pages.get(delivery.origin, ("", "", ""))
    if not label or not may(request.actor, action):
        return "", ""
    return label, reverse(page_name, args=[request.workspace.slug, delivery.origin_id])


def _by_hand(request: WorkspaceRequest, delivery: Delivery) -> dict[str, Any] | None:
    """With whom it is, or was, and since when; with her card where the actor may see it."""
    item = task_selectors.item_of_delivery(delivery)
    if item is None:
        return None
    is_seen = task_selectors.tasks_visible_to(request.actor).filter(pk=item.task_id).exists()
    card = reverse("messaging:task", args=[request.workspace.slug, item.task_id])
    return {"person": item.task.assignee, "since": item.created_at, "url": card if is_seen else ""}


def _is_open(delivery: Delivery, now: datetime) -> bool:
    """Whether it is being sent or retried, or is about to be sent."""
    is_near = delivery.state == DeliveryState.PLANNED and delivery.due_at <= now + NEAR
    return is_near or delivery.state == DeliveryState.SENDING


def _question(request: WorkspaceRequest, delivery: Delivery) -> dict[str, Any]:
    """Asked before one delivery is cancelled."""
    return {
        "id": "cancel-delivery",
        "title": _("Cancel this one?"),
        "text": _("It is not tried again. The messages to other groups are not touched."),
        "action": reverse("messaging:delivery_cancel", args=[request.workspace.slug, delivery.pk]),
        "confirm_label": _("Cancel this one"),
        "names": [delivery.target_label or str(delivery.target_id)],
        "is_bad": True,
    }


def _bubble(delivery: Delivery) -> dict[str, Any]:
    """As its platform shows it, in as many messages, with what became of each; without one as it was written."""
    message, text = delivery.message, selectors.text_to_read(delivery)
    content = selectors.Content(
        text=text,
        is_markdown=message.is_markdown,
        has_image=message.image_id is not None,
        card=None if _holds_card(delivery) else card_of(message.card),
        file_bytes=message.file.size_bytes if message.file is not None else None,
    )
    image_url, file = page_link(message.image) if message.image is not None else "", file_of(message.file)
    if delivery.endpoint is None:
        lines = selectors.lines(text, is_markdown=message.is_markdown)
        parts = [{"lines": lines, "image_url": image_url, "card": content.card, "file": file}]
        platform, sender = "", sender_of("", ())
    else:
        account = delivery.endpoint.connection
        shown = selectors.arrival(account.platform, content, may_split=message.may_split).parts
        parts = selectors.shown_parts(delivery) or [
            {
                "lines": part.lines,
                "image_url": image_url if part.has_image else "",
                "card": part.card,
                "file": file if part.has_file else None,
            }
            for part in shown
        ]
        platform = account.get_platform_display()
        sender = sender_of(account.platform, [delivery.endpoint.name])
    return {
        "platform": platform,
        "group": delivery.target_label,
        **sender,
        "parts": parts,
    }


def _holds_card(delivery: Delivery) -> bool:
    """Whether the text that went out has the card's words in it already: a person copied both at once."""
    return bool(delivery.sent_text) and not delivery.parts_sent and is_by_hand(delivery.endpoint)


def record_url(request: WorkspaceRequest) -> str:
    return reverse("messaging:deliveries", args=[request.workspace.slug])
