"""REST of messaging. Deliveries are handed out by campaigns, which knows announcements and groups."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from community_ops.common import clock
from community_ops.common.api.views import TenantViewSet
from messaging import selectors, services
from messaging.api.serializers import (
    BindChatSerializer,
    ConnectionSerializer,
    EndpointSerializer,
    FoundChatSerializer,
    FrequencyCapSerializer,
    HolidaySerializer,
    LimitSerializer,
    LookedSerializer,
    NewChannelSerializer,
    NewEndpointSerializer,
    OwnLimitSerializer,
    QuietHoursSerializer,
)
from messaging.models import Connection, Endpoint, FoundChat, FrequencyCap, Holiday, QuietHours


class EndpointViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    """Where messages go: a sandbox room, a signed webhook, a WeCom group robot."""

    queryset, serializer_class = Endpoint.objects.none(), EndpointSerializer
    allowed: ClassVar[dict[str, str]] = {
        "list": "endpoints.view",
        "retrieve": "endpoints.view",
        "create": "endpoints.manage",
        "limits": "endpoints.view",
        "set_limit": "endpoints.manage",
    }

    def get_queryset(self) -> QuerySet[Endpoint]:
        return selectors.endpoints_visible_to(self.actor)

    @extend_schema(request=NewEndpointSerializer, responses={201: EndpointSerializer})
    def create(self, request: Request) -> Response:
        given = NewEndpointSerializer(data=request.data, context=self.get_serializer_context())
        given.is_valid(raise_exception=True)
        endpoint = services.create_endpoint(
            workspace_id=self.workspace_id, **given.validated_data, actor=self.actor, now=clock.now()
        )
        return Response(self.get_serializer(endpoint).data, status=201)

    @extend_schema(request=None, responses=LimitSerializer(many=True))
    @action(detail=True, filter_backends=(), pagination_class=None)
    def limits(self, request: Request, **_kwargs: object) -> Response:
        """The limits its calls count against and how much of each is used now."""
        return Response(LimitSerializer(selectors.limit_use(self.get_object()), many=True).data)

    @extend_schema(request=OwnLimitSerializer, responses=LimitSerializer(many=True))
    @limits.mapping.post
    def set_limit(self, request: Request, **_kwargs: object) -> Response:
        """Choose an own limit, or take it back; answers with what holds then."""
        endpoint = self.get_object()
        given = OwnLimitSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        services.set_limit(endpoint=endpoint, **given.validated_data, actor=self.actor, now=clock.now())
        return Response(LimitSerializer(selectors.limit_use(endpoint), many=True).data)


class ConnectionViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    """Platform accounts, and the chats each was seen in."""

    queryset, serializer_class = Connection.objects.none(), ConnectionSerializer
    allowed: ClassVar[dict[str, str]] = {
        "list": "endpoints.view",
        "retrieve": "endpoints.view",
        "chats": "endpoints.view",
        "add_chat": "endpoints.manage",
        "look": "endpoints.manage",
    }
    calls_outside = frozenset({"look"})

    def get_queryset(self) -> QuerySet[Connection]:
        return selectors.connections_visible_to(self.actor)

    @extend_schema(responses=FoundChatSerializer(many=True))
    @action(detail=True, filter_backends=())
    def chats(self, request: Request, **_kwargs: object) -> Response:
        """The chats it was seen in, each with its channel."""
        connection = self.get_object()
        page = self.paginate_queryset(selectors.found_chats_visible_to(self.actor).filter(connection=connection))
        context = self.get_serializer_context() | {"channels": selectors.channels_of_chats(connection)}
        return self.get_paginated_response(FoundChatSerializer(page, many=True, context=context).data)

    @extend_schema(request=NewChannelSerializer, responses={201: EndpointSerializer})
    @chats.mapping.post
    def add_chat(self, request: Request, **_kwargs: object) -> Response:
        """Make a channel of a chat whose id is known."""
        connection = self.get_object()
        given = NewChannelSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        made = services.add_chat(connection=connection, **given.validated_data, actor=self.actor, now=clock.now())
        return Response(EndpointSerializer(made).data, status=201)

    @extend_schema(request=None, responses=LookedSerializer)
    @action(detail=True, methods=["post"], url_path="chats/look")
    def look(self, request: Request, pk: str) -> Response:
        """Ask the platform which chats there are. Asks anew each time, also with the same `Idempotency-Key`."""
        found = services.look_for_chats(connection=self.get_object(), actor=self.actor, now=clock.now())
        return Response(LookedSerializer({"count": len(found)}).data)


class FoundChatViewSet(RetrieveModelMixin, TenantViewSet):
    """A chat that an account was seen in; the list is at its connection."""

    queryset, serializer_class = FoundChat.objects.none(), FoundChatSerializer
    allowed: ClassVar[dict[str, str]] = {"retrieve": "endpoints.view", "bind": "endpoints.manage"}

    def get_queryset(self) -> QuerySet[FoundChat]:
        return selectors.found_chats_visible_to(self.actor).select_related("connection")

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        found = self.get_object()
        context = self.get_serializer_context() | {"channels": selectors.channels_of_chats(found.connection)}
        return Response(FoundChatSerializer(found, context=context).data)

    @extend_schema(request=BindChatSerializer, responses=EndpointSerializer)
    @action(detail=True, methods=["post"])
    def bind(self, request: Request, pk: str) -> Response:
        """Make a channel of it; again gives the same channel."""
        found = self.get_object()
        given = BindChatSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        made = services.bind_chat(found_chat=found, **given.validated_data, actor=self.actor, now=clock.now())
        return Response(EndpointSerializer(made).data)


class _SendRuleViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    """Base of what holds messages back. An archived rule holds nothing and is not listed any more."""

    allowed: ClassVar[dict[str, str]] = {
        "list": "send_rules.view",
        "retrieve": "send_rules.view",
        "create": "send_rules.manage",
        "archive": "send_rules.manage",
    }
    make: ClassVar[Callable[..., Any]]

    def create(self, request: Request) -> Response:
        given = self.get_serializer(data=request.data)
        given.is_valid(raise_exception=True)
        rule = type(self).make(
            workspace_id=self.workspace_id, **given.validated_data, actor=self.actor, now=clock.now()
        )
        return Response(self.get_serializer(rule).data, status=201)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, pk: str) -> Response:
        """Take the rule away; what is planned is judged without it from now on."""
        rule = self.get_object()
        services.archive_rule(rule=rule, actor=self.actor, now=clock.now())
        return Response(self.get_serializer(rule).data)


class QuietHoursViewSet(_SendRuleViewSet):
    """免打扰时段."""

    queryset, serializer_class = QuietHours.objects.none(), QuietHoursSerializer
    make = staticmethod(services.create_quiet_hours)

    def get_queryset(self) -> QuerySet[QuietHours]:
        return selectors.quiet_hours(self.actor, with_archived=self.action != "list")


class HolidayViewSet(_SendRuleViewSet):
    """节假日."""

    queryset, serializer_class = Holiday.objects.none(), HolidaySerializer
    make = staticmethod(services.create_holiday)

    def get_queryset(self) -> QuerySet[Holiday]:
        return selectors.holidays(self.actor, with_archived=self.action != "list")


class FrequencyCapViewSet(_SendRuleViewSet):
    """每日上限."""

    queryset, serializer_class = FrequencyCap.objects.none(), FrequencyCapSerializer
    make = staticmethod(services.create_frequency_cap)

    def get_queryset(self) -> QuerySet[FrequencyCap]:
        return selectors.frequency_caps(self.actor, with_archived=self.action != "list")
