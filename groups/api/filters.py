"""List filters of groups."""

from django_filters import rest_framework as filters

from community_ops.common.api.filters import VisibleFilter
from groups import selectors
from groups.models import ChatGroup


class GroupFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    community = VisibleFilter(selectors.communities_visible_to)

    class Meta:
        model = ChatGroup
        fields = ("community",)
