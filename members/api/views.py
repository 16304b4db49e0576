"""REST of members, memberships and events."""

from dataclasses import asdict
from typing import ClassVar

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from community_ops.common import clock
from community_ops.common.api.views import TenantViewSet
from community_ops.common.errors import InvalidInput
from members import selectors, services
from members.api.filters import MemberFilter, MembershipFilter
from members.api.serializers import (
    EventsSerializer,
    MemberSerializer,
    MembershipSerializer,
    NewMemberSerializer,
    NewMembershipSerializer,
    OutcomeSerializer,
)
from members.models import Member, Membership, Source, SpellSource


class MemberViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    """People, each once per community."""

    queryset, serializer_class, filterset_class = Member.objects.none(), MemberSerializer, MemberFilter
    allowed: ClassVar[dict[str, str]] = {
        "list": "members.view",
        "retrieve": "members.view",
        "create": "members.manage",
    }

    def get_queryset(self) -> QuerySet[Member]:
        return selectors.members_visible_to(self.actor)

    @extend_schema(request=NewMemberSerializer, responses={201: MemberSerializer})
    def create(self, request: Request) -> Response:
        given = NewMemberSerializer(data=request.data, context=self.get_serializer_context())
        given.is_valid(raise_exception=True)
        member = services.create_member(
            **given.validated_data, source=Source.PLATFORM, actor=self.actor, now=clock.now()
        )
        return Response(self.get_serializer(member).data, status=201)


class MembershipViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    """Members in groups. Posting one that exists answers it as it is."""

    queryset, serializer_class, filterset_class = Membership.objects.none(), MembershipSerializer, MembershipFilter
    allowed: ClassVar[dict[str, str]] = {
        "list": "members.view",
        "retrieve": "members.view",
        "create": "members.manage",
    }

    def get_queryset(self) -> QuerySet[Membership]:
        return selectors.memberships_visible_to(self.actor)

    @extend_schema(request=NewMembershipSerializer, responses={201: MembershipSerializer})
    def create(self, request: Request) -> Response:
        given = NewMembershipSerializer(data=request.data, context=self.get_serializer_context())
        given.is_valid(raise_exception=True)
        membership, warnings = services.add_membership(
            **given.validated_data, source=SpellSource.API, actor=self.actor, now=clock.now()
        )
        context = {**self.get_serializer_context(), "warnings": warnings}
        return Response(MembershipSerializer(membership, context=context).data, status=201)


class EventViewSet(TenantViewSet):
    """What happened in groups: messages, reactions, joins, leaves. Up to 1,000 in one request."""

    serializer_class = EventsSerializer
    allowed: ClassVar[dict[str, str]] = {"create": "events.ingest"}

    @extend_schema(request=EventsSerializer, responses={202: OutcomeSerializer})
    def create(self, request: Request) -> Response:
        events = request.data.get("events") if isinstance(request.data, dict) else None
        if not isinstance(events, list):
            raise InvalidInput(_("Give a list of events."), field="events")
        outcome = services.ingest_events(
            workspace_id=self.workspace_id, events=events, actor=self.actor, now=clock.now()
        )
        return Response(asdict(outcome), status=202)
