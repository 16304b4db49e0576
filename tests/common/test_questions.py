"""Questions whose SQL is made once."""

from collections.abc import Sequence

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from community_ops.accounts.models import Workspace, WorkspaceRole
from community_ops.common.questions import rows


def roles_of(workspace_ids: Sequence[int], user_ids: Sequence[int]) -> "QuerySet":
    found = WorkspaceRole.objects.filter(workspace_id__in=workspace_ids).filter(user_id__in=user_ids)
    return found.order_by("workspace_id").values_list("workspace_id", "user_id", "role")


def mixed_up(workspace_ids: Sequence[int], user_ids: Sequence[int]) -> "QuerySet":
    found = WorkspaceRole.objects.filter(user_id__in=user_ids).filter(workspace_id__in=workspace_ids)
    return found.values_list("role")


def test_it_is_asked_anew_with_other_values(owner, stranger) -> None:
    for one in (owner, stranger):
        found = rows(roles_of, [one.workspace.pk], [one.user.pk])
        assert found == [(one.workspace.pk, one.user.pk, "owner")]
    assert rows(roles_of, [owner.workspace.pk], [stranger.user.pk]) == []


def test_several_are_asked_at_once(owner, stranger) -> None:
    both = sorted([(one.workspace.pk, one.user.pk, "owner") for one in (owner, stranger)])
    found = rows(roles_of, [owner.workspace.pk, stranger.workspace.pk], [stranger.user.pk, owner.user.pk])
    assert found == both


def test_long_lists_share_their_statements(owner) -> None:
    lengths = []
    for count in (15, 16, 17, 30, 200):
        with CaptureQueriesContext(connection) as asked:
            found = rows(roles_of, range(owner.workspace.pk, owner.workspace.pk + count), [owner.user.pk])
        assert found == [(owner.workspace.pk, owner.user.pk, "owner")]
        lengths.append(asked[-1]["sql"].count(","))
    assert lengths[0] < lengths[1] < lengths[2] == lengths[3] < lengths[4]


def test_a_question_with_other_parameters_than_its_lists_is_refused(owner) -> None:
    with pytest.raises(AssertionError):
        rows(mixed_up, [owner.workspace.pk], [owner.user.pk])
    assert Workspace.objects.exists()
