"""REST of playbook runs. A run is started by what it is about: a flash sale, when it is scheduled."""

from typing import ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns import origins, selectors, services
from campaigns.api.run_serializers import RunSerializer
from campaigns.api.serializers import RequeuedSerializer
from campaigns.models import PlaybookRun
from community_ops.common import clock
from community_ops.common.api.views import TenantViewSet


class PlaybookRunViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    """执行中的 SOP: one use of a playbook, and letting it wait, go on or end."""

    queryset, serializer_class = PlaybookRun.objects.none(), RunSerializer
    allowed: ClassVar[dict[str, str]] = {
        "list": "playbooks.view",
        "retrieve": "playbooks.view",
        "pause": "announcements.send",
        "resume": "announcements.send",
        "stop": "announcements.send",
        "requeue": "deliveries.decide",
    }

    def get_queryset(self) -> QuerySet[PlaybookRun]:
        return selectors.runs_with_groups(self.actor)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """Let nothing more go out until `resume`. Repeating is harmless; 409 when it is stopped or all has gone out."""
        services.pause_run(run=self.get_object(), actor=self.actor, now=clock.now())
        return self._fresh()

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Go on: what is due goes out at once, what is past its latest moment expires. Repeating is harmless."""
        services.resume_run(run=self.get_object(), actor=self.actor, now=clock.now())
        return self._fresh()

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        """Call off for good what has not gone out. Repeating is harmless."""
        services.stop_run(run=self.get_object(), reason=origins.RUN_STOPPED, actor=self.actor, now=clock.now())
        return self._fresh()

    @extend_schema(request=None, responses={200: RequeuedSerializer})
    @action(detail=True, methods=["post"])
    def requeue(self, request: Request, pk: str) -> Response:
        """Give all its failed deliveries that you may see and that have a channel their tries again, from now, and
        answer how many. Again finds none and does nothing; 409 for a stopped one."""
        count = services.requeue_run(run=self.get_object(), actor=self.actor, now=clock.now())
        return Response(RequeuedSerializer({"count": count}).data)

    def _fresh(self) -> Response:
        return Response(self.get_serializer(self.get_object()).data)
