"""REST of messaging. Deliveries are handed out by campaigns, which knows announcements and groups."""

from collections.abc import Callable
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from community_ops.common import clock
from community_ops.common.api.views import TenantViewSet
from community_ops.common.errors import NotFound
from messaging import inbound_selectors, selectors, services
from messaging.api.channel_serializers import (
    CapabilitiesSerializer,
    ChannelDaySerializer,
    EndpointChangeSerializer,
    MonthSerializer,
    TestOutcomeSerializer,
)
from messaging.api.serializers import (
    BindChatSerializer,
    ConnectionSerializer,
    EndpointSerializer,
    ExemptionSerializer,
    FoundChatSerializer,
    FrequencyCapSerializer,
    HolidaySerializer,
    InboundKeySerializer,
    InboundRouteSerializer,
    LimitSerializer,
    LookedSerializer,
    NewChannelSerializer,
    NewEndpointSerializer,
    OwnLimitSerializer,
    QuietHoursSerializer,
    RawEventSerializer,
)
from messaging.errors import KeptWithPerson
from messaging.inbound_models import InboundRoute, RawEvent
from messaging.models import Connection, Endpoint, FoundChat, FrequencyCap, Holiday, QuietHours
from messaging.platforms import registry
from messaging.policies import EXEMPTIONS
from messaging.services import receiving
from messaging.services.handing import is_by_hand


class EndpointViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    """Where messages go: a sandbox room, a signed webhook, a WeCom group robot."""

    queryset, serializer_class = Endpoint.objects.none(), EndpointSerializer
    allowed: ClassVar[dict[str, str]] = {
        "list": "endpoints.view",
        "retrieve": "endpoints.view",
        "create": "endpoints.manage",
        "limits": "endpoints.view",
        "set_limit": "endpoints.manage",
        "change": "endpoints.manage",
        "test": "endpoints.manage",
        "archive": "endpoints.manage",
        "capabilities": "endpoints.view",
        "month": "endpoints.view",
    }
    calls_outside = frozenset({"test"})

    def get_queryset(self) -> QuerySet[Endpoint]:
        return selectors.endpoints_visible_to(self.actor, with_archived=self.action == "archive")

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

    @extend_schema(request=EndpointChangeSerializer)
    @action(detail=True, methods=["post"])
    def change(self, request: Request, pk: str) -> Response:
        """Name and settings; what is left out stays. A secret is typed again where it would go to another server."""
        endpoint = self._by_program()
        given = EndpointChangeSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        config = _kept_flags(endpoint) | given.validated_data.get("config", {})
        name = given.validated_data.get("name", endpoint.name)
        changed = services.update_endpoint(
            endpoint=endpoint, name=name, config=config, actor=self.actor, now=clock.now()
        )
        return Response(self.get_serializer(changed).data)

    @extend_schema(request=None, responses=TestOutcomeSerializer)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        """Send one text that says it is a test, at once. Sends anew each time, also with the same `Idempotency-Key`."""
        result = services.send_test_message(endpoint=self.get_object(), actor=self.actor, now=clock.now())
        return Response(TestOutcomeSerializer(result).data)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, pk: str) -> Response:
        """Send nothing through it any more. Repeating is harmless; 409 while messages are planned for it."""
        endpoint = self._by_program()
        services.archive_endpoint(endpoint=endpoint, actor=self.actor, now=clock.now())
        return Response(self.get_serializer(endpoint).data)

    @extend_schema(responses=CapabilitiesSerializer)
    @action(detail=True, filter_backends=(), pagination_class=None)
    def capabilities(self, request: Request, pk: str) -> Response:
        """What its platform can do."""
        known = registry.get(self.get_object().connection.platform).capabilities
        return Response(CapabilitiesSerializer(known).data)

    @extend_schema(parameters=[MonthSerializer], responses=ChannelDaySerializer(many=True))
    @action(detail=True, filter_backends=(), pagination_class=None)
    def month(self, request: Request, pk: str) -> Response:
        """What became of its deliveries, for each day of a month up to today: of this one unless `month` says so."""
        given = MonthSerializer(data=request.query_params)
        given.is_valid(raise_exception=True)
        zone = settings.DEFAULT_COMMUNITY_TIMEZONE
        today = clock.now().astimezone(ZoneInfo(zone)).date()
        days = selectors.month_of(self.get_object(), today=today, zone=zone, **given.validated_data)
        return Response(ChannelDaySerializer(days, many=True).data)

    def _by_program(self) -> Endpoint:
        """Raises KeptWithPerson for one that is a person."""
        endpoint: Endpoint = self.get_object()
        if is_by_hand(endpoint):
            raise KeptWithPerson(assignee=endpoint.assignee.pk)
        return endpoint


def _kept_flags(endpoint: Endpoint) -> dict[str, Any]:
    """The one setting that its service takes for "no" where a form leaves it out."""
    has_flag = any(one.key == "drops_repeats" for one in registry.get(endpoint.connection.platform).settings)
    return {"drops_repeats": endpoint.drops_repeats} if has_flag else {}


class ConnectionViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    """Platform accounts, and the chats each was seen in."""

    queryset, serializer_class = Connection.objects.none(), ConnectionSerializer
    allowed: ClassVar[dict[str, str]] = {
        "list": "endpoints.view",
        "retrieve": "endpoints.view",
        "chats": "endpoints.view",
        "add_chat": "endpoints.manage",
        "look": "endpoints.manage",
        "inbound": "endpoints.view",
        "open_inbound": "endpoints.manage",
        "rotate_key": "endpoints.manage",
        "close_inbound": "endpoints.manage",
        "raw_events": "endpoints.view",
    }
    calls_outside = frozenset({"look", "open_inbound", "rotate_key", "close_inbound"})

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

    @extend_schema(responses=InboundRouteSerializer)
    @action(detail=True, filter_backends=(), pagination_class=None)
    def inbound(self, request: Request, **_kwargs: object) -> Response:
        """How it receives; 404 where it was never switched on."""
        return Response(InboundRouteSerializer(self._route()).data)

    @extend_schema(request=None, responses={201: InboundKeySerializer})
    @inbound.mapping.post
    def open_inbound(self, request: Request, **_kwargs: object) -> Response:
        """Receive from now on. `key` is in this answer only; empty where the platform has it or needs none."""
        route, key = receiving.open_route(connection=self.get_object(), actor=self.actor, now=clock.now())
        return self._with_key(route, key, status=201)

    @extend_schema(request=None, responses=InboundKeySerializer)
    @action(detail=True, methods=["post"], url_path="inbound/rotate-key")
    def rotate_key(self, request: Request, pk: str) -> Response:
        """A new `key`, in this answer only; the former one is good for another 24 hours."""
        route = self._route()
        key = receiving.rotate_key(route=route, actor=self.actor, now=clock.now())
        return self._with_key(self._route(), key)

    @extend_schema(request=None, responses=InboundRouteSerializer)
    @action(detail=True, methods=["post"], url_path="inbound/close")
    def close_inbound(self, request: Request, pk: str) -> Response:
        """Receive nothing any more; again changes nothing."""
        receiving.close_route(route=self._route(), actor=self.actor, now=clock.now())
        return Response(InboundRouteSerializer(self._route()).data)

    @extend_schema(responses=RawEventSerializer(many=True))
    @action(detail=True, filter_backends=(), url_path="raw-events")
    def raw_events(self, request: Request, pk: str) -> Response:
        """What came in during the last 30 days, and what became of it."""
        rows = inbound_selectors.raw_events_visible_to(self.actor).filter(connection=self.get_object())
        return self.get_paginated_response(RawEventSerializer(self.paginate_queryset(rows), many=True).data)

    def _route(self) -> InboundRoute:
        route = inbound_selectors.route_of(self.get_object())
        if route is None:
            raise NotFound(_("Receiving was never switched on here."))
        return route

    def _with_key(self, route: InboundRoute, key: str, *, status: int = 200) -> Response:
        context = self.get_serializer_context() | {"key": key}
        answer = Response(InboundKeySerializer(route, context=context).data, status=status)
        answer["Cache-Control"] = "no-store"
        return answer


class RawEventViewSet(RetrieveModelMixin, TenantViewSet):
    """Something that came in; the list is at its connection."""

    queryset, serializer_class = RawEvent.objects.none(), RawEventSerializer
    allowed: ClassVar[dict[str, str]] = {"retrieve": "endpoints.view", "read_again": "endpoints.manage"}

    def get_queryset(self) -> QuerySet[RawEvent]:
        return inbound_selectors.raw_events_visible_to(self.actor)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"], url_path="read-again")
    def read_again(self, request: Request, pk: str) -> Response:
        """Read it once more, e.g. after its chat got a channel."""
        receiving.read_again(raw_event=self.get_object(), actor=self.actor, now=clock.now())
        return Response(self.get_serializer(self.get_object()).data)


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
        now = clock.now()
        rule = type(self).make(workspace_id=self.workspace_id, **given.validated_data, actor=self.actor, now=now)
        context = {**self.get_serializer_context(), "warnings": services.rule_warnings(rule=rule, now=now)}
        return Response(self.get_serializer_class()(rule, context=context).data, status=201)

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


class ExemptionViewSet(TenantViewSet):
    """Whose messages send rules never hold back, and why; the same for every workspace."""

    serializer_class, filter_backends, pagination_class = ExemptionSerializer, (), None
    allowed: ClassVar[dict[str, str]] = {"list": "send_rules.view"}

    @extend_schema(responses=ExemptionSerializer(many=True))
    def list(self, request: Request) -> Response:
        rows = [{"code": code, "why": str(why)} for code, why in EXEMPTIONS.items()]
        return Response(ExemptionSerializer(rows, many=True).data)
