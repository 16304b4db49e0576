"""REST of work by hand: who does it, cards, and what became of each place."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from community_ops.common import clock
from community_ops.common.api.views import TenantViewSet
from community_ops.common.warned import Warned
from messaging import services, task_selectors
from messaging.api.task_filters import TaskFilter, TaskItemFilter
from messaging.api.task_serializers import (
    AssigneeChangeSerializer,
    AssigneeLinkSerializer,
    AssigneeSerializer,
    BreakdownsSerializer,
    HandOnSerializer,
    NewAssigneeSerializer,
    NewTaskSerializer,
    TaskItemSerializer,
    TaskSerializer,
    WindowSerializer,
    WithdrawSerializer,
)
from messaging.assignee_links import link_of
from messaging.models import Assignee, HumanTask, Purpose, TaskItem

_KNOWN_OF_HER = ("name", "user", "deputy", "notice_endpoint", "mention")  # what `update_assignee` takes


class AssigneeViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    """Colleagues who work by hand."""

    queryset, serializer_class = Assignee.objects.none(), AssigneeSerializer
    allowed: ClassVar[dict[str, str]] = {
        "list": "tasks.view",
        "retrieve": "tasks.view",
        "create": "tasks.manage",
        "change": "tasks.manage",
        "archive": "tasks.manage",
        "issue_link": "tasks.manage",
        "revoke_link": "tasks.manage",
    }

    def get_queryset(self) -> QuerySet[Assignee]:
        return task_selectors.assignees_visible_to(self.actor, with_archived=self.action == "archive")

    @extend_schema(request=NewAssigneeSerializer, responses={201: AssigneeSerializer})
    def create(self, request: Request) -> Response:
        given = NewAssigneeSerializer(data=request.data, context=self.get_serializer_context())
        given.is_valid(raise_exception=True)
        person = services.create_assignee(
            workspace_id=self.workspace_id, **given.validated_data, actor=self.actor, now=clock.now()
        )
        return Response(self.get_serializer(person).data, status=201)

    @extend_schema(request=AssigneeChangeSerializer)
    @action(detail=True, methods=["post"])
    def change(self, request: Request, pk: str) -> Response:
        """What is left out stays; her account in the dashboard is chosen on the page only."""
        person = self.get_object()
        given = AssigneeChangeSerializer(data=request.data, context=self.get_serializer_context())
        given.is_valid(raise_exception=True)
        facts = {name: getattr(person, name) for name in _KNOWN_OF_HER} | given.validated_data
        changed = services.update_assignee(assignee=person, **facts, actor=self.actor, now=clock.now())
        return Response(self.get_serializer(changed).data)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, pk: str) -> Response:
        """Her link and her channel end. Repeating is harmless; 409 while cards or messages of hers are open."""
        person = self.get_object()
        services.archive_assignee(assignee=person, actor=self.actor, now=clock.now())
        person.refresh_from_db()
        return Response(self.get_serializer(person).data)

    @extend_schema(request=None, responses=AssigneeLinkSerializer)
    @action(detail=True, methods=["post"], url_path="issue-link")
    def issue_link(self, request: Request, pk: str) -> Response:
        """Make her personal link; `link` is in this answer only. One she had ends, and every phone it was opened on."""
        person = self.get_object()
        code = services.issue_link(assignee=person, actor=self.actor, now=clock.now())
        person.refresh_from_db()
        context = self.get_serializer_context() | {"link": link_of(code)}
        answer = Response(AssigneeLinkSerializer(person, context=context).data)
        answer["Cache-Control"] = "no-store"
        return answer

    @extend_schema(request=None)
    @action(detail=True, methods=["post"], url_path="revoke-link")
    def revoke_link(self, request: Request, pk: str) -> Response:
        """End her link on every phone it was opened on. Repeating is harmless."""
        person = self.get_object()
        services.revoke_link(assignee=person, actor=self.actor, now=clock.now())
        person.refresh_from_db()
        return Response(self.get_serializer(person).data)


class TaskViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    """待发清单: one card for each thing to do and person."""

    queryset, serializer_class, filterset_class = HumanTask.objects.none(), TaskSerializer, TaskFilter
    allowed: ClassVar[dict[str, str]] = {
        "list": "tasks.view",
        "retrieve": "tasks.view",
        "create": "tasks.manage",
        "nudge": "tasks.manage",
        "withdraw": "tasks.manage",
        "hand_on": "tasks.manage",
        "kept_to": "tasks.view",
    }

    def get_queryset(self) -> QuerySet[HumanTask]:
        return task_selectors.tasks_visible_to(self.actor)

    def _answer(self, task: HumanTask, status: int = 200, *, warnings: Sequence[Warned] = ()) -> Response:
        """The card fresh, with its counts."""
        context = {**self.get_serializer_context(), "warnings": warnings}
        fresh = task_selectors.get_task(self.actor, task.pk)
        return Response(TaskSerializer(fresh, context=context).data, status=status)

    @extend_schema(request=NewTaskSerializer, responses={201: TaskSerializer})
    def create(self, request: Request) -> Response:
        given = NewTaskSerializer(data=request.data, context=self.get_serializer_context())
        given.is_valid(raise_exception=True)
        task = services.create_task(**given.validated_data, actor=self.actor, now=clock.now())
        warnings = services.task_warnings(
            workspace_id=self.workspace_id,
            kind=task.kind,
            due_at=task.due_at,
            latest_at=task.latest_at,
            items=given.validated_data.get("items", ()),
            zone=task.zone,
            purpose=given.validated_data.get("purpose", Purpose.NOTICE),
            task=task,
        )
        return self._answer(task, 201, warnings=warnings)

    @extend_schema(parameters=[WindowSerializer], responses={200: BreakdownsSerializer}, filters=False)
    @action(detail=False, url_path="kept-to", pagination_class=None, filterset_class=None)
    def kept_to(self, request: Request) -> Response:
        """执行率 of the last days: what was ticked in time of what was due, by person and by group."""
        given = WindowSerializer(data=request.query_params)
        given.is_valid(raise_exception=True)
        until = clock.now()
        since = until - timedelta(days=given.validated_data["days"])
        found = task_selectors.kept_to(self.actor, since=since, until=until, now=until)
        answer = {"since": since, "until": until, "people": found.people, "groups": found.groups}
        return Response(BreakdownsSerializer(answer).data)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def nudge(self, request: Request, pk: str) -> Response:
        """Tell the person once more; at most once a minute."""
        task = self.get_object()
        services.nudge_card(task=task, actor=self.actor, now=clock.now())
        return self._answer(task)

    @extend_schema(request=WithdrawSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        """Take the card back: what is open of it is not done, its deliveries are cancelled."""
        task = self.get_object()
        return self._answer(services.withdraw_task(task=task, **self._given(WithdrawSerializer, request)))

    @extend_schema(request=HandOnSerializer)
    @action(detail=True, methods=["post"], url_path="hand-on")
    def hand_on(self, request: Request, pk: str) -> Response:
        """Let a colleague do what is still open; answers her card."""
        task = self.get_object()
        return self._answer(services.hand_on(task=task, **self._given(HandOnSerializer, request)))

    def _given(self, serializer: Any, request: Request) -> dict[str, Any]:
        given = serializer(data=request.data, context=self.get_serializer_context())
        given.is_valid(raise_exception=True)
        return {**given.validated_data, "actor": self.actor, "now": clock.now()}


class TaskItemViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    """The places of cards; ticked by people, not by tools."""

    queryset, serializer_class, filterset_class = TaskItem.objects.none(), TaskItemSerializer, TaskItemFilter
    allowed: ClassVar[dict[str, str]] = {"list": "tasks.view", "retrieve": "tasks.view"}

    def get_queryset(self) -> QuerySet[TaskItem]:
        return task_selectors.items_visible_to(self.actor)
