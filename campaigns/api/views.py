"""REST of announcements and deliveries."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns import selectors, services
from campaigns.api.filters import DeliveryFilter
from campaigns.api.serializers import (
    AnnouncementSerializer,
    AttemptSerializer,
    CopySerializer,
    DeliverySerializer,
    MoveSerializer,
    NewAnnouncementSerializer,
    RehearsedAnnouncementSerializer,
    RequeuedSerializer,
    VerdictSerializer,
)
from campaigns.models import Announcement
from community_ops.common import clock
from community_ops.common.actors import Actor
from community_ops.common.api.views import TenantViewSet
from messaging.selectors import attempts_of, deliveries_visible_to, get_delivery
from messaging.services import cancel_delivery, decide_unknown, requeue_failed, try_now, undo_decision

if TYPE_CHECKING:
    from messaging.models import Delivery


class AnnouncementViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    """群消息: a text to one or more groups at a time. Written as a draft; `schedule` plans its deliveries."""

    queryset, serializer_class = Announcement.objects.none(), AnnouncementSerializer
    allowed: ClassVar[dict[str, str]] = {
        "list": "announcements.view",
        "retrieve": "announcements.view",
        "create": "announcements.write",
        "change": "announcements.write",
        "copy": "announcements.write",
        "rehearse": "announcements.write",
        "schedule": "announcements.send",
        "cancel": "announcements.send",
        "move": "announcements.send",
        "pause": "announcements.send",
        "resume": "announcements.send",
        "requeue": "deliveries.decide",
    }

    def get_queryset(self) -> QuerySet[Announcement]:
        return selectors.announcements_visible_to(self.actor)

    @extend_schema(request=NewAnnouncementSerializer, responses={201: AnnouncementSerializer})
    def create(self, request: Request) -> Response:
        given = NewAnnouncementSerializer(data=request.data, context=self.get_serializer_context())
        given.is_valid(raise_exception=True)
        announcement = services.create_announcement(
            workspace_id=self.workspace_id, draft=self._draft(given), actor=self.actor, now=clock.now()
        )
        return self._answer(announcement, self._draft_warnings(announcement, given), status=201)

    @extend_schema(request=NewAnnouncementSerializer, responses={200: AnnouncementSerializer})
    @action(detail=True, methods=["post"])
    def change(self, request: Request, pk: str) -> Response:
        """Write a draft anew, all of it: what is left out is as in a new one. 409 once it is none any more."""
        announcement = self.get_object()
        given = NewAnnouncementSerializer(data=request.data, context=self.get_serializer_context())
        given.is_valid(raise_exception=True)
        changed = services.change_announcement(
            announcement=announcement, draft=self._draft(given), actor=self.actor, now=clock.now()
        )
        return self._answer(changed, self._draft_warnings(changed, given))

    @extend_schema(request=CopySerializer, responses={201: AnnouncementSerializer})
    @action(detail=True, methods=["post"])
    def copy(self, request: Request, pk: str) -> Response:
        """A new draft with what this one says, to `groups` of its groups (left out: all of them that you see). Its time
        is that of this one, where that is still to come, else in an hour."""
        announcement = self.get_object()
        given = CopySerializer(data=request.data)
        given.is_valid(raise_exception=True)
        only = given.validated_data.get("groups")
        visible = {target.group_id for target in announcement.targets.all()}
        groups = [
            group
            for group in services.target_groups(announcement)
            if group.pk in visible and (only is None or group.pk in only)
        ]
        copy = services.copy_announcement(announcement=announcement, groups=groups, actor=self.actor, now=clock.now())
        return self._answer(copy, services.content_warnings(copy, groups), status=201)

    def _draft(self, given: NewAnnouncementSerializer) -> services.AnnouncementDraft:
        return services.AnnouncementDraft(**given.validated_data)

    def _draft_warnings(self, announcement: Announcement, given: NewAnnouncementSerializer) -> list[Any]:
        """What follows from groups and words alone; send rules are asked by `rehearse` and `schedule`."""
        groups = given.validated_data["groups"]
        return [*services.no_endpoint_warnings(groups), *services.content_warnings(announcement, groups)]

    @extend_schema(request=None, responses={200: RehearsedAnnouncementSerializer})
    @action(detail=True, methods=["post"])
    def rehearse(self, request: Request, pk: str) -> Response:
        """What `schedule` would answer now, warnings or a refusal, and what it would take. Nothing changes."""
        announcement, now = self.get_object(), clock.now()
        warnings = services.rehearse_announcement(announcement=announcement, now=now)
        groups = services.target_groups(announcement)
        forecast = services.forecast_data(services.forecast_announcement(announcement, groups, now=now))
        context = {**self.get_serializer_context(), "warnings": warnings, "forecast": forecast}
        return Response(RehearsedAnnouncementSerializer(announcement, context=context).data)

    @extend_schema(request=None, responses={200: AnnouncementSerializer})
    @action(detail=True, methods=["post"])
    def schedule(self, request: Request, pk: str) -> Response:
        """Plan the deliveries; they exist when this answers. Repeating is harmless."""
        announcement = self.get_object()
        warnings = services.schedule_announcement(announcement=announcement, actor=self.actor, now=clock.now())
        return self._answer(announcement, warnings)

    @extend_schema(request=None, responses={200: AnnouncementSerializer})
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Cancel what is still planned. Repeating is harmless; 409 when everything has gone out."""
        announcement = self.get_object()
        services.cancel_announcement(announcement=announcement, actor=self.actor, now=clock.now())
        return self._answer(announcement, [])

    @extend_schema(request=MoveSerializer, responses={200: AnnouncementSerializer})
    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: str) -> Response:
        """Send at another time: a draft, or what is still planned. 409 when everything has gone out.

        Warns as `schedule` does of what send rules would hold back at the new time.
        """
        announcement = self.get_object()
        given = MoveSerializer(data=request.data, context=self.get_serializer_context())
        given.is_valid(raise_exception=True)
        services.move_announcement(
            announcement=announcement, due_at=given.validated_data["due_at"], actor=self.actor, now=clock.now()
        )
        return self._answer(announcement, services.announcement_warnings(announcement))

    @extend_schema(request=None, responses={200: AnnouncementSerializer})
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """Let nothing more go out until `resume`. Repeating is harmless; 409 when nothing is planned."""
        announcement = self.get_object()
        services.pause_announcement(announcement=announcement, actor=self.actor, now=clock.now())
        return self._answer(announcement, [])

    @extend_schema(request=None, responses={200: AnnouncementSerializer})
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Go on: what is due goes out at once, what is past its latest moment expires. Repeating is harmless."""
        announcement = self.get_object()
        services.resume_announcement(announcement=announcement, actor=self.actor, now=clock.now())
        return self._answer(announcement, [])

    @extend_schema(request=None, responses={200: RequeuedSerializer})
    @action(detail=True, methods=["post"])
    def requeue(self, request: Request, pk: str) -> Response:
        """Give all its failed deliveries that you may see and that have a channel their tries again, from now, and
        answer how many. Again finds none and does nothing; 409 for a cancelled one."""
        announcement = self.get_object()
        count = services.requeue_announcement(announcement=announcement, actor=self.actor, now=clock.now())
        return Response(RequeuedSerializer({"count": count}).data)

    def _answer(self, announcement: Announcement, warnings: list[Any], status: int = 200) -> Response:
        fresh = selectors.get_announcement(self.actor, announcement.pk)
        context = {**self.get_serializer_context(), "warnings": warnings}
        return Response(AnnouncementSerializer(fresh, context=context).data, status=status)


class DeliveryViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    """What became of each text: one row for each group (or member) it goes to, with its honest state."""

    queryset = deliveries_visible_to(Actor.system("openapi")).none()
    serializer_class, filterset_class = DeliverySerializer, DeliveryFilter
    allowed: ClassVar[dict[str, str]] = {
        "list": "deliveries.view",
        "retrieve": "deliveries.view",
        "attempts": "deliveries.view",
        "decide": "deliveries.decide",
        "undo_decision": "deliveries.decide",
        "try_now": "deliveries.decide",
        "cancel": "deliveries.decide",
        "requeue": "deliveries.decide",
    }

    def get_queryset(self) -> QuerySet["Delivery"]:
        return deliveries_visible_to(self.actor)

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "now": clock.now()}

    @extend_schema(responses=AttemptSerializer(many=True))
    @action(detail=True, filter_backends=())
    def attempts(self, request: Request, pk: str) -> Response:
        """Every call of the platform, in order; secrets are masked."""
        rows = self.paginate_queryset(attempts_of(self.get_object()))
        return self.get_paginated_response(AttemptSerializer(rows, many=True).data)

    @extend_schema(request=VerdictSerializer)
    @action(detail=True, methods=["post"])
    def decide(self, request: Request, pk: str) -> Response:
        """Settle one in doubt by a person's word. The same word twice is harmless; 409 for one that is not in doubt."""
        delivery = self.get_object()
        given = VerdictSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        decide_unknown(delivery=delivery, **given.validated_data, actor=self.actor, now=clock.now())
        return self._answer(delivery)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"], url_path="undo-decision")
    def undo_decision(self, request: Request, pk: str) -> Response:
        """Take the last word about a doubt back, within ten minutes: it is `unknown` as before. Repeating is harmless;
        409 when nothing was decided, something followed from it (the next part, another try), or it is too late."""
        delivery = self.get_object()
        undo_decision(delivery=delivery, actor=self.actor, now=clock.now())
        return self._answer(delivery)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"], url_path="try-now")
    def try_now(self, request: Request, pk: str) -> Response:
        """Let one that is being retried try at once; 409 for any other."""
        delivery = self.get_object()
        try_now(delivery=delivery, actor=self.actor, now=clock.now())
        return self._answer(delivery)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Cancel this one only. Repeating is harmless; 409 when it has gone out or ended."""
        delivery = self.get_object()
        cancel_delivery(delivery=delivery, actor=self.actor, now=clock.now())
        return self._answer(delivery)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def requeue(self, request: Request, pk: str) -> Response:
        """Give a failed one its tries again, from now; 409 when it has not failed or has no channel (`no_endpoint`)."""
        delivery = self.get_object()
        requeue_failed(delivery=delivery, actor=self.actor, now=clock.now())
        return self._answer(delivery)

    def _answer(self, delivery: "Delivery") -> Response:
        return Response(self.get_serializer(get_delivery(self.actor, delivery.pk)).data)
