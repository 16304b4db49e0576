"""REST of sandbox rooms: what is posted there, and speaking in them as one of their members."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from community_ops.common import clock
from community_ops.common.api.fields import LineField, MomentField, ProseField
from community_ops.common.api.views import TenantViewSet
from messaging import selectors
from messaging.api.serializers import EndpointSerializer
from messaging.inbound_policies import MAX_PASTED
from messaging.models import Endpoint, SandboxPost
from messaging.platforms.inbound import MAX_NAME
from messaging.services import receiving


class RoomPostSerializer(serializers.ModelSerializer):
    """A message in a room. `author`: the member who wrote it, empty for our own assistant, whose `delivery` it is.

    `image`, `file`: ids of assets; `card`: a link card. A message of several parts is several posts.
    """

    at = MomentField(read_only=True)

    class Meta:
        model = SandboxPost
        fields = ("id", "author", "text", "is_markdown", "image", "card", "file", "delivery", "part", "at")
        read_only_fields = fields


class MemberSerializer(serializers.Serializer):
    """Who comes in or leaves, by her name in the room."""

    author = LineField(max_length=MAX_NAME)


class SpeakingSerializer(MemberSerializer):
    """What a member says."""

    words = ProseField(max_length=MAX_PASTED)


class RoomViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    """Sandbox rooms: endpoints whose members one can be. What is said in one is heard as a platform would tell it."""

    queryset, serializer_class = Endpoint.objects.none(), EndpointSerializer
    allowed: ClassVar[dict[str, str]] = {
        "list": "endpoints.view",
        "retrieve": "endpoints.view",
        "posts": "endpoints.view",
        "say": "endpoints.manage",
        "join": "endpoints.manage",
        "leave": "endpoints.manage",
    }

    def get_queryset(self) -> QuerySet[Endpoint]:
        return selectors.rooms_visible_to(self.actor)

    @extend_schema(responses=RoomPostSerializer(many=True))
    @action(detail=True, filter_backends=())
    def posts(self, request: Request, pk: str) -> Response:
        """What stands in the room, oldest first."""
        rows = self.paginate_queryset(selectors.posts_of(self.get_object()))
        return self.get_paginated_response(RoomPostSerializer(rows, many=True).data)

    @extend_schema(request=SpeakingSerializer, responses={201: RoomPostSerializer})
    @action(detail=True, methods=["post"])
    def say(self, request: Request, pk: str) -> Response:
        """Write in the room as a member. Each call is another message."""
        room, given = self.get_object(), self._given(SpeakingSerializer, request)
        post = receiving.say_in_room(room=room, author=given["author"], words=given["words"], now=clock.now())
        return Response(RoomPostSerializer(post).data, status=201)

    @extend_schema(request=MemberSerializer, responses={200: EndpointSerializer})
    @action(detail=True, methods=["post"])
    def join(self, request: Request, pk: str) -> Response:
        """Come into the room as a member. Each call is another event."""
        return self._move(request, is_joining=True)

    @extend_schema(request=MemberSerializer, responses={200: EndpointSerializer})
    @action(detail=True, methods=["post"])
    def leave(self, request: Request, pk: str) -> Response:
        """Leave the room as a member. Each call is another event."""
        return self._move(request, is_joining=False)

    def _move(self, request: Request, *, is_joining: bool) -> Response:
        room, given = self.get_object(), self._given(MemberSerializer, request)
        receiving.move_in_room(room=room, author=given["author"], is_joining=is_joining, now=clock.now())
        return Response(self.get_serializer(room).data)

    def _given(self, serializer: type[MemberSerializer], request: Request) -> dict[str, Any]:
        given = serializer(data=request.data)
        given.is_valid(raise_exception=True)
        return dict(given.validated_data)
