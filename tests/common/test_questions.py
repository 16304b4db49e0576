"""Questions whose SQL is made once."""

import pytest
from django.db.models import QuerySet

from community_ops.accounts.models import Workspace, WorkspaceRole
from community_ops.common.questions import first_row


def role_of(workspace_id: int, user_id: int) -> "QuerySet":
    return WorkspaceRole.objects.filter(workspace_id=workspace_id).filter(user_id=user_id).values_list("role")


def mixed_up(workspace_id: int, user_id: int) -> "QuerySet":
    return WorkspaceRole.objects.filter(user_id=user_id).filter(workspace_id=workspace_id).values_list("role")


def test_it_is_asked_anew_with_other_values(owner, stranger) -> None:
    for one in (owner, stranger):
        assert first_row(role_of, one.workspace.pk, one.user.pk) == ("owner",)
    assert first_row(role_of, owner.workspace.pk, stranger.user.pk) is None


def test_a_question_with_other_parameters_than_its_own_is_refused(owner) -> None:
    with pytest.raises(AssertionError):
        first_row(mixed_up, owner.workspace.pk, owner.user.pk)
    assert Workspace.objects.exists()
