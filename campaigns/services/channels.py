"""What is known beforehand of the channels of groups: that there is none, or that the last message failed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from groups.services import Warned
from messaging import selectors as messaging_selectors

if TYPE_CHECKING:
    from groups.models import ChatGroup


def no_endpoint_warnings(groups: Sequence["ChatGroup"]) -> list[Warned]:
    """One warning per group that has nowhere to send to: its delivery will fail when it is due."""
    message = _("%(group)s has no delivery channel: nothing can be sent to it, and its delivery will fail.")
    return [
        {"code": "no_endpoint", "message": message % {"group": group.name}}
        for group in groups
        if group.endpoint_id is None
    ]


def failing_endpoint_warnings(groups: Sequence["ChatGroup"]) -> list[Warned]:
    """One warning (`endpoint_fails`) per channel of the groups that failed the last time, with the platform's words.

    Groups come with their endpoint; all are of one workspace. Scheduling remains possible.
    """
    names = {group.endpoint.pk: group.endpoint.name for group in groups if group.endpoint is not None}
    if not names:
        return []
    failing = messaging_selectors.failing_endpoints(workspace_id=groups[0].workspace_id, endpoint_ids=names)
    message = _("Delivery channel “%(channel)s”: the last message to it failed.")
    return [
        {
            "code": "endpoint_fails",
            "message": messaging_selectors.joined(message % {"channel": names[pk]}, why),
        }
        for pk, why in sorted(failing.items())
    ]
