"""REST of messaging. Deliveries are handed out by campaigns, which knows announcements and groups."""

from typing import ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from community_ops.common import clock
from community_ops.common.api.views import TenantViewSet
from messaging import selectors, services
from messaging.api.serializers import EndpointSerializer, NewEndpointSerializer
from messaging.models import Endpoint


class EndpointViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    """Where messages go: a sandbox room, a signed webhook, a WeCom group robot."""

    queryset, serializer_class = Endpoint.objects.none(), EndpointSerializer
    allowed: ClassVar[dict[str, str]] = {
        "list": "endpoints.view",
        "retrieve": "endpoints.view",
        "create": "endpoints.manage",
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
