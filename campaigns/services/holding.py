"""What the send rules (quiet hours, holidays, caps) would hold back of a plan, said before it is scheduled."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from campaigns import origins, policies
from community_ops.common.templatetags.reason_words import reason_words
from community_ops.common.templatetags.wording import in_zone
from groups.services import Warned
from messaging import services as messaging

if TYPE_CHECKING:
    from campaigns.services.playbooks import PlannedTouch

SHOWN = 5


def held_warnings(*, workspace_id: int, sends: Sequence[messaging.PlannedSend]) -> list[Warned]:
    """One warning a rule (`quiet_hours`, `holiday`, `cap`) that names groups and times. All sends are of one origin."""
    lines: dict[str, list[str]] = {}
    for held in messaging.would_be_held(workspace_id=workspace_id, sends=sends):
        lines.setdefault(held.reason, []).append(_line(held.send))
    return [{"code": reason, "message": _message(reason, found)} for reason, found in lines.items()]


def plan_held_warnings(
    touches: Sequence["PlannedTouch"], *, subject_kind: str, starts_at: datetime, ends_at: datetime
) -> list[Warned]:
    """The same for a playbook's plan that is only looked at."""
    sends = sends_of_plan(goes_out(touches), subject_kind=subject_kind, starts_at=starts_at, ends_at=ends_at)
    return held_warnings(workspace_id=touches[0].group.workspace_id, sends=sends) if sends else []


def goes_out(touches: Iterable["PlannedTouch"]) -> list["PlannedTouch"]:
    """Those of a plan that have a time and are not skipped."""
    return [touch for touch in touches if touch.due_at is not None and not touch.skipped_reason]


def sends_of_plan(
    touches: Iterable["PlannedTouch"], *, subject_kind: str, starts_at: datetime, ends_at: datetime
) -> list[messaging.PlannedSend]:
    """What touches that have a time would give to `messaging`, for looking only: there is no run yet."""
    return [
        messaging.PlannedSend(
            source_key=f"{touch.step.pk}:{touch.group.pk}",
            endpoint_id=touch.group.endpoint_id,
            text=touch.text,
            due_at=touch.due_at,
            latest_at=touch.latest_at,
            origin=origins.TOUCH,
            origin_id=0,
            target_kind=origins.GROUP,
            target_id=touch.group.pk,
            target_label=touch.group.name,
            purpose=policies.RUN_PURPOSES.get(subject_kind, "notice"),
            zone=touch.group.zone.key,
            exemption=policies.exemption_of(subject_kind, touch.due_at, starts_at=starts_at, ends_at=ends_at),
        )
        for touch in touches
        if touch.due_at is not None
    ]


def _line(send: messaging.PlannedSend) -> str:
    return _("%(group)s (%(time)s)") % {"group": send.target_label, "time": in_zone(send.due_at, send.zone)}


def _message(reason: str, lines: Sequence[str]) -> str:
    """How many will be held back, which, and why, e.g. "2 will not be sent: … . It fell into the quiet hours."."""
    named = pgettext("between names", ", ").join(lines[:SHOWN])
    facts = {"count": len(lines), "why": reason_words(reason), "named": named + (" …" if len(lines) > SHOWN else "")}
    return _("%(count)d will not be sent: %(named)s. %(why)s") % facts
