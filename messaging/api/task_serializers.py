"""Work by hand as other tools see it. Amounts are decimal strings in major units.

A personal link is in the answer that made it and nowhere else; its digest is never told.
"""

from collections.abc import Mapping
from typing import Any

from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from community_ops.common import clock, money
from community_ops.common.actors import Actor
from community_ops.common.api.fields import (
    LineField,
    MomentField,
    ProseField,
    StrictIntegerField,
    TimezoneField,
    VisibleRelatedField,
)
from community_ops.common.assets import images_of
from community_ops.common.errors import NotAvailable
from messaging import task_policies, task_selectors
from messaging.models import Assignee, HumanTask, Purpose, TaskItem, TaskKind, TaskState
from messaging.ports import task_places
from messaging.selectors import endpoints_visible_to
from messaging.services import NewItem
from messaging.services.work import MAX_TEXT
from messaging.task_policies import MOST_ITEMS, Field, Type


class AssigneeSerializer(serializers.ModelSerializer):
    """Who works by hand. `endpoint`: the channel groups are bound to when she sends their messages."""

    has_link = serializers.SerializerMethodField()
    link_made_at = MomentField(read_only=True, allow_null=True)
    link_seen_at = MomentField(read_only=True, allow_null=True)
    created_at = MomentField(read_only=True)

    class Meta:
        model = Assignee
        fields: tuple[str, ...] = (
            "id", "name", "endpoint", "deputy", "notice_endpoint", "mention", "has_link", "link_made_at",
            "link_seen_at", "created_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_has_link(self, assignee: Assignee) -> bool:
        return bool(assignee.link_digest)


class AssigneeLinkSerializer(AssigneeSerializer):
    """With `link`, the address for her phone; in this answer only."""

    link = serializers.SerializerMethodField()

    class Meta(AssigneeSerializer.Meta):
        fields = (*AssigneeSerializer.Meta.fields, "link")
        read_only_fields = fields

    def get_link(self, assignee: Assignee) -> str:
        return str(self.context["link"])


class NewAssigneeSerializer(serializers.Serializer):
    """What POST takes. Her personal link is the next step: `issue-link`."""

    name = LineField(max_length=100)
    deputy = VisibleRelatedField(task_selectors.assignees_visible_to, required=False, allow_null=True)
    notice_endpoint = VisibleRelatedField(endpoints_visible_to, required=False, allow_null=True)
    mention = LineField(max_length=128, required=False, allow_blank=True)


class AssigneeChangeSerializer(NewAssigneeSerializer):
    """What is left out stays as it is."""

    name = LineField(max_length=100, required=False)


class TaskWarningSerializer(serializers.Serializer):
    """Something worth knowing beside success."""

    code = serializers.CharField()
    message = serializers.CharField()


class TaskSerializer(serializers.ModelSerializer):
    """A card. `is_late`: open, and past its latest moment and ten minutes past its due one. `warnings` of a new one
    say that its time falls into quiet hours or a holiday of its places, or that a cap is used up there. `image`,
    `file`: ids of assets that are to be posted as well, or null."""

    kind = serializers.ChoiceField(choices=TaskKind.choices, read_only=True)
    state = serializers.ChoiceField(choices=TaskState.choices, read_only=True)
    facts = serializers.SerializerMethodField()
    is_late = serializers.SerializerMethodField()
    item_count = serializers.IntegerField(read_only=True)
    open_count = serializers.IntegerField(read_only=True)
    done_count = serializers.IntegerField(read_only=True)
    due_at = MomentField(read_only=True)
    latest_at = MomentField(read_only=True, allow_null=True)
    done_at = MomentField(read_only=True, allow_null=True)
    told_at = MomentField(read_only=True, allow_null=True)
    opened_at = MomentField(read_only=True, allow_null=True)
    copied_at = MomentField(read_only=True, allow_null=True)
    created_at = MomentField(read_only=True)
    warnings = serializers.SerializerMethodField()

    class Meta:
        model = HumanTask
        fields = (
            "id", "kind", "assignee", "source_key", "title", "text", "is_markdown", "image", "file", "facts", "zone",
            "due_at", "latest_at", "state", "reason", "is_late", "item_count", "open_count", "done_count", "done_at",
            "told_at", "told_count", "opened_at", "copied_at", "created_at", "warnings",
        )  # fmt: skip
        read_only_fields = fields

    def get_facts(self, task: HumanTask) -> dict[str, Any]:
        fields = task_policies.FACTS.get(task.kind, ())
        return _outside(fields, task.facts, str(task.facts.get("currency", "")))

    @extend_schema_field(TaskWarningSerializer(many=True))
    def get_warnings(self, task: HumanTask) -> list[Any]:
        return list(self.context.get("warnings", []))

    def get_is_late(self, task: HumanTask) -> bool:
        return task.state == TaskState.OPEN and task_policies.is_late(task.due_at, task.latest_at, clock.now())


def _outside(fields: tuple[Field, ...], values: Mapping[str, Any], currency: str) -> dict[str, Any]:
    """Stored facts or answers with their amounts in major units."""
    amounts = {one.name for one in fields if one.type is Type.MONEY}
    return {name: money.to_major(value, currency) if name in amounts else value for name, value in values.items()}


class NewItemSerializer(serializers.Serializer):
    """One place of a card: a group by its id, or nothing but a label."""

    label = LineField(max_length=200, required=False)  # type: ignore[assignment]  # a field of that name
    target_kind = serializers.ChoiceField(choices=["group"], required=False)
    target_id = StrictIntegerField(required=False, min_value=1)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if ("target_kind" in given) != ("target_id" in given):
            raise serializers.ValidationError({"target_id": _("Give both or neither: target_kind and target_id.")})
        if "target_id" in given:
            given.setdefault("label", self._name(given))
        if not given.get("label"):
            raise serializers.ValidationError({"label": _("This is needed.")})
        return given

    def _name(self, given: dict[str, Any]) -> str:
        """Raises for a group the caller does not reach."""
        actor: Actor = self.context["actor"]
        try:
            return task_places.get(given["target_kind"]).names(actor)[given["target_id"]]
        except (KeyError, NotAvailable):
            raise serializers.ValidationError({"target_id": _("There is no such object.")}) from None


class NewTaskSerializer(serializers.Serializer):
    """What POST takes. The same `source_key` again answers the card there is; `facts` by kind: docs/api.md.

    `is_markdown`: the text has marks; `image`: the id that `POST assets/` answered, with or instead of a text.
    `purpose`: by which caps count what it posts in groups; `notice` where none is given.
    """

    assignee = VisibleRelatedField(task_selectors.assignees_visible_to)
    kind = serializers.ChoiceField(
        choices=TaskKind.choices,
        error_messages={
            "invalid_choice": format_lazy(gettext_lazy("One of: {names}."), names=", ".join(TaskKind.values))
        },
    )
    title = LineField(max_length=200)
    text = ProseField(max_length=MAX_TEXT, required=False, allow_blank=True)
    is_markdown = serializers.BooleanField(required=False)
    image = VisibleRelatedField(images_of, required=False, allow_null=True)
    items = NewItemSerializer(many=True, required=False, max_length=MOST_ITEMS)  # type: ignore[call-arg]  # the list's
    facts = serializers.DictField(required=False)
    due_at = MomentField()
    latest_at = MomentField(required=False, allow_null=True)
    zone = TimezoneField(required=False)
    purpose = serializers.ChoiceField(choices=Purpose.choices, required=False)
    source_key = LineField(max_length=100, required=False)

    def validate_items(self, items: list[dict[str, Any]]) -> list[NewItem]:
        return [NewItem(**item) for item in items]


class HandOnSerializer(serializers.Serializer):
    """`to`: the colleague who does what is still open."""

    to = VisibleRelatedField(task_selectors.assignees_visible_to)


class WithdrawSerializer(serializers.Serializer):
    """`note`: why, for the record."""

    note = LineField(max_length=200, required=False, allow_blank=True)


class TaskItemSerializer(serializers.ModelSerializer):
    """A place of a card and what became of it, as the person says (人工填报)."""

    state = serializers.ChoiceField(choices=TaskState.choices, read_only=True)
    answers = serializers.SerializerMethodField()
    done_at = MomentField(read_only=True, allow_null=True)

    class Meta:
        model = TaskItem
        fields = (
            "id", "task", "label", "target_kind", "target_id", "delivery", "state", "reason", "note", "done_at",
            "done_by", "answers", "copied_text",
        )  # fmt: skip
        read_only_fields = fields

    def get_answers(self, item: TaskItem) -> dict[str, Any]:
        fields = task_policies.ANSWERS.get(item.task.kind, ())
        return _outside(fields, item.answers, str(item.task.facts.get("currency", "")))


class WindowSerializer(serializers.Serializer):
    """What `kept-to` takes: how many days back from now."""

    days = serializers.IntegerField(min_value=1, max_value=92, default=7)


class ReasonSerializer(serializers.Serializer):
    """Why items were left out, in the person's words, and how many."""

    note = serializers.CharField()
    count = serializers.IntegerField()


class KeptSerializer(serializers.Serializer):
    """Items of a window by their end; `rate`: `on_time` of `due_count`, 0 to 1."""

    name = serializers.CharField()
    due_count = serializers.IntegerField()
    on_time = serializers.IntegerField()
    late = serializers.IntegerField()
    left_out = serializers.IntegerField()
    not_done = serializers.IntegerField()
    rate = serializers.FloatField(allow_null=True)
    reasons = serializers.SerializerMethodField()

    @extend_schema_field(ReasonSerializer(many=True))
    def get_reasons(self, kept: task_selectors.Kept) -> list[dict[str, Any]]:
        return [{"note": note, "count": count} for note, count in kept.reasons.most_common()]


class KeptToSerializer(KeptSerializer):
    """One person's items."""

    assignee = serializers.IntegerField(source="assignee.pk")


class KeptToInGroupSerializer(KeptSerializer):
    """The items that were for one group."""

    group = serializers.IntegerField(source="group_id")


class BreakdownsSerializer(serializers.Serializer):
    """Who did her part and where: the same items by person and by group, as people say (人工填报)."""

    since = MomentField()
    until = MomentField()
    people = KeptToSerializer(many=True)
    groups = KeptToInGroupSerializer(many=True)
