"""REST of communities and groups."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from community_ops.common import clock
from community_ops.common.api.views import TenantViewSet
from groups import selectors, services
from groups.api.filters import GroupFilter
from groups.api.serializers import (
    BindSerializer,
    CommunitySerializer,
    GroupSerializer,
    NewCommunitySerializer,
    NewGroupSerializer,
)
from groups.models import ChatGroup, Community


class CommunityViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    """People who do one thing together."""

    queryset, serializer_class = Community.objects.none(), CommunitySerializer
    allowed: ClassVar[dict[str, str]] = {
        "list": "communities.view",
        "retrieve": "communities.view",
        "create": "communities.manage",
    }

    def get_queryset(self) -> QuerySet[Community]:
        return selectors.communities_visible_to(self.actor, with_archived=self.action == "retrieve")

    @extend_schema(request=NewCommunitySerializer, responses={201: CommunitySerializer})
    def create(self, request: Request) -> Response:
        given = NewCommunitySerializer(data=request.data, context=self.get_serializer_context())
        given.is_valid(raise_exception=True)
        community = services.create_community(
            workspace_id=self.workspace_id, **given.validated_data, actor=self.actor, now=clock.now()
        )
        return Response(self.get_serializer(community).data, status=201)


class GroupViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    """Chat groups; `warnings` says e.g. that another group uses the same endpoint."""

    queryset, serializer_class, filterset_class = ChatGroup.objects.none(), GroupSerializer, GroupFilter
    allowed: ClassVar[dict[str, str]] = {
        "list": "groups.view",
        "retrieve": "groups.view",
        "create": "groups.manage",
        "bind": "groups.manage",
    }

    def get_queryset(self) -> QuerySet[ChatGroup]:
        return selectors.groups_visible_to(self.actor, with_archived=self.detail)

    @extend_schema(request=NewGroupSerializer, responses={201: GroupSerializer})
    def create(self, request: Request) -> Response:
        given = NewGroupSerializer(data=request.data, context=self.get_serializer_context())
        given.is_valid(raise_exception=True)
        group, warnings = services.create_group(**given.validated_data, actor=self.actor, now=clock.now())
        return self._answer(group, warnings, status=201)

    @extend_schema(request=BindSerializer, responses={200: GroupSerializer})
    @action(detail=True, methods=["post"])
    def bind(self, request: Request, pk: str) -> Response:
        """Let the group's messages, planned ones too, go to another endpoint. 400 for an archived group."""
        group = self.get_object()
        given = BindSerializer(data=request.data, context=self.get_serializer_context())
        given.is_valid(raise_exception=True)
        warnings = services.bind_endpoint(group=group, **given.validated_data, actor=self.actor, now=clock.now())
        return self._answer(group, warnings)

    def _answer(self, group: ChatGroup, warnings: list[Any], status: int = 200) -> Response:
        context = {**self.get_serializer_context(), "warnings": warnings}
        return Response(GroupSerializer(group, context=context).data, status=status)
