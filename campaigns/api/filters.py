"""List filters of deliveries."""

from typing import TYPE_CHECKING

from django.db.models import QuerySet
from django_filters import rest_framework as filters

from campaigns import origins, selectors
from campaigns.api.serializers import STATES
from community_ops.common import clock
from community_ops.common.api.filters import VisibleFilter
from groups.selectors import groups_visible_to
from messaging.selectors import endpoints_visible_to, in_state

if TYPE_CHECKING:
    from community_ops.common.actors import Actor
    from groups.models import ChatGroup
    from messaging.models import Delivery, Endpoint


def _groups(actor: "Actor") -> QuerySet["ChatGroup"]:
    """Archived groups too: what went to them stays on record."""
    return groups_visible_to(actor, with_archived=True)


def _endpoints(actor: "Actor") -> QuerySet["Endpoint"]:
    """Archived channels too, for the same reason."""
    return endpoints_visible_to(actor, with_archived=True)


class DeliveryFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    announcement = VisibleFilter(
        selectors.announcements_visible_to, field_name="origin_id", also={"origin": origins.ANNOUNCEMENT}
    )
    run = VisibleFilter(selectors.runs_visible_to, field_name="origin_id", also={"origin": origins.TOUCH})
    endpoint = VisibleFilter(_endpoints, field_name="endpoint_id")
    group = VisibleFilter(_groups, field_name="target_id", also={"target_kind": origins.GROUP})
    state = filters.ChoiceFilter(choices=[(state, state) for state in STATES], method="narrow_to_state")

    def narrow_to_state(self, rows: QuerySet["Delivery"], name: str, value: str) -> QuerySet["Delivery"]:
        return in_state(rows, value, now=clock.now())
