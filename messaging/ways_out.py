"""What a delivery's page says of the rule that kept it, and what can be done about one that did not go out."""

from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from community_ops.accounts.pages import WorkspaceRequest
from community_ops.accounts.policies import may
from messaging import wording
from messaging.blocking_rules import KINDS, blocking_rules
from messaging.models import Delivery, DeliveryState
from messaging.policies import CAP, HELD_BACK, HOLIDAY, QUIET_HOURS

_LABELS: dict[str, str | Promise] = {
    QUIET_HOURS: gettext_lazy("Quiet hours"),
    HOLIDAY: gettext_lazy("Holiday"),
    CAP: gettext_lazy("Daily cap"),
}


def blocked_by(request: WorkspaceRequest, delivery: Delivery) -> list[dict[str, str]]:
    """The rules that kept it, in words, each with its place on their page for whoever may see it."""
    page_url = reverse("messaging:send_rules", args=[request.workspace.slug])
    url = f"{page_url}#{KINDS.get(delivery.reason, '')}" if may(request.actor, "send_rules.view") else ""
    return [
        {
            "label": str(_LABELS[delivery.reason]),
            "text": " · ".join(wording.rule_words(rule).values()),
            "url": url,
        }
        for rule in blocking_rules(delivery)
    ]


def write_anew(request: WorkspaceRequest, delivery: Delivery) -> dict[str, Any] | None:
    """What can be done about one that did not go out and cannot be queued again by this person."""
    is_failed = delivery.state == DeliveryState.FAILED and not may(request.actor, "deliveries.decide")
    is_kept = delivery.state == DeliveryState.CANCELLED and delivery.reason in HELD_BACK
    if delivery.state != DeliveryState.EXPIRED and not is_failed and not is_kept:
        return None
    if not is_failed:
        text = _("It will not be sent any more. If it is still worth saying, write a new one.")
    else:
        text = _("It is not tried again by itself. A colleague can try again, or a new one can be written.")
    is_offered = delivery.target_kind == "group" and may(request.actor, "announcements.write")
    slug = request.workspace.slug
    address = reverse("campaigns:announcement_new", args=[slug]) + f"?group={delivery.target_id}"
    copy = ""
    if is_offered and delivery.origin == "announcement":
        copy = reverse("campaigns:announcement_copy", args=[slug, delivery.origin_id])
    return {"text": text, "url": address if is_offered else "", "copy_url": copy}
