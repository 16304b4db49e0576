"""List filters of members."""

from django_filters import rest_framework as filters

from community_ops.common.api.filters import VisibleFilter
from groups.selectors import communities_visible_to, groups_visible_to
from members.models import Member, Membership
from members.selectors import members_visible_to


class MemberFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    community = VisibleFilter(communities_visible_to)

    class Meta:
        model = Member
        fields = ("community",)


class MembershipFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    member = VisibleFilter(members_visible_to)
    group = VisibleFilter(groups_visible_to)

    class Meta:
        model = Membership
        fields = ("member", "group")
