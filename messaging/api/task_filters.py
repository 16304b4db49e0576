"""List filters of work by hand."""

from django_filters import rest_framework as filters

from community_ops.common.api.filters import VisibleFilter
from messaging.models import HumanTask, TaskItem, TaskKind, TaskState
from messaging.task_selectors import assignees_visible_to, tasks_visible_to


class TaskFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    state = filters.ChoiceFilter(choices=TaskState.choices)
    kind = filters.ChoiceFilter(choices=TaskKind.choices)
    assignee = VisibleFilter(assignees_visible_to)

    class Meta:
        model = HumanTask
        fields = ("state", "kind", "assignee")


class TaskItemFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    state = filters.ChoiceFilter(choices=TaskState.choices)
    task = VisibleFilter(tasks_visible_to)

    class Meta:
        model = TaskItem
        fields = ("state", "task")
