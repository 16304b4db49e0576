"""REST of outgoing webhooks."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from community_ops.common import clock
from community_ops.common.api.views import TenantViewSet
from messaging import webhook_selectors as selectors
from messaging.api.webhook_serializers import (
    NewWebhookSerializer,
    WebhookCallDetailSerializer,
    WebhookCallSerializer,
    WebhookChangeSerializer,
    WebhookSecretSerializer,
    WebhookSerializer,
)
from messaging.services import webhooks
from messaging.webhook_models import WebhookCall, WebhookSubscription


class WebhookViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    """Addresses of other tools that are told of what happens. docs/webhooks.md is the receiver's side."""

    queryset, serializer_class = WebhookSubscription.objects.none(), WebhookSerializer
    allowed: ClassVar[dict[str, str]] = {
        "list": "webhooks.view",
        "retrieve": "webhooks.view",
        "calls": "webhooks.view",
        "create": "webhooks.manage",
        "change": "webhooks.manage",
        "switch_on": "webhooks.manage",
        "switch_off": "webhooks.manage",
        "rotate_secret": "webhooks.manage",
        "test": "webhooks.manage",
        "archive": "webhooks.manage",
    }

    def get_queryset(self) -> QuerySet[WebhookSubscription]:
        return selectors.webhooks_visible_to(self.actor)

    @extend_schema(request=NewWebhookSerializer, responses={201: WebhookSecretSerializer})
    def create(self, request: Request) -> Response:
        """`secret` is in this answer only."""
        given = NewWebhookSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        made, key = webhooks.create_subscription(
            workspace_id=self.workspace_id, **given.validated_data, actor=self.actor, now=clock.now()
        )
        return self._with_secret(made, key, status=201)

    @extend_schema(request=WebhookChangeSerializer, responses=WebhookSerializer)
    @action(detail=True, methods=["post"])
    def change(self, request: Request, pk: str) -> Response:
        """Name, address, events; what is left out stays."""
        subscription = self.get_object()
        given = WebhookChangeSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        webhooks.update_subscription(
            subscription=subscription, **given.validated_data, actor=self.actor, now=clock.now()
        )
        return self._fresh()

    @extend_schema(request=None)
    @action(detail=True, methods=["post"], url_path="switch-on")
    def switch_on(self, request: Request, pk: str) -> Response:
        webhooks.switch_on(subscription=self.get_object(), actor=self.actor, now=clock.now())
        return self._fresh()

    @extend_schema(request=None)
    @action(detail=True, methods=["post"], url_path="switch-off")
    def switch_off(self, request: Request, pk: str) -> Response:
        """What has not arrived yet is given up."""
        webhooks.switch_off(subscription=self.get_object(), actor=self.actor, now=clock.now())
        return self._fresh()

    @extend_schema(request=None, responses=WebhookSecretSerializer)
    @action(detail=True, methods=["post"], url_path="rotate-secret")
    def rotate_secret(self, request: Request, pk: str) -> Response:
        """A new `secret`, in this answer only; the former one signs too for 24 hours."""
        subscription = self.get_object()
        key = webhooks.rotate_secret(subscription=subscription, actor=self.actor, now=clock.now())
        return self._with_secret(subscription, key)

    @extend_schema(request=None, responses={202: WebhookCallSerializer})
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        """Queue a call of the event `webhook.test`."""
        call = webhooks.send_test(subscription=self.get_object(), actor=self.actor, now=clock.now())
        return Response(WebhookCallSerializer(call).data, status=202)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, pk: str) -> Response:
        """Take it away for good; its log goes with it."""
        subscription = self.get_object()
        webhooks.archive_subscription(subscription=subscription, actor=self.actor, now=clock.now())
        subscription.refresh_from_db(fields=["is_on", "off_reason", "switched_off_at"])
        return Response(self.get_serializer(subscription).data)

    @extend_schema(responses=WebhookCallSerializer(many=True))
    @action(detail=True, filter_backends=())
    def calls(self, request: Request, pk: str) -> Response:
        """What was told in the last 30 days, and what became of it."""
        rows = self.paginate_queryset(selectors.calls_of(self.actor, self.get_object()))
        return self.get_paginated_response(WebhookCallSerializer(rows, many=True).data)

    def _fresh(self) -> Response:
        return Response(self.get_serializer(self.get_object()).data)

    def _with_secret(self, subscription: WebhookSubscription, key: str, *, status: int = 200) -> Response:
        context = self.get_serializer_context() | {"key": key}
        answer = Response(WebhookSecretSerializer(subscription, context=context).data, status=status)
        answer["Cache-Control"] = "no-store"
        return answer


class WebhookCallViewSet(RetrieveModelMixin, TenantViewSet):
    """One call of a webhook with its tries."""

    queryset = WebhookCall.objects.none()
    allowed: ClassVar[dict[str, str]] = {"retrieve": "webhooks.view", "redeliver": "webhooks.manage"}

    def get_queryset(self) -> QuerySet[Any]:
        return selectors.calls_visible_to(self.actor)

    def get_serializer_class(self) -> type[BaseSerializer]:
        return WebhookCallDetailSerializer

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def redeliver(self, request: Request, pk: str) -> Response:
        """Make it once more, with the same `webhook-id`."""
        webhooks.redeliver(call=self.get_object(), actor=self.actor, now=clock.now())
        return Response(self.get_serializer(self.get_object()).data)
