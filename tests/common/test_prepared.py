"""Statements that the database plans once."""

import pytest
from django.db import DatabaseError, connection, transaction

from community_ops.accounts.models import Workspace
from community_ops.common import prepared

SQL = "SELECT slug FROM accounts_workspace WHERE id = %s"


def slug_of(workspace: Workspace) -> str:
    with connection.cursor() as cursor:
        prepared.execute(cursor, SQL, [workspace.pk], ["bigint"])
        return str(cursor.fetchone()[0])


def statements() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%FROM accounts_workspace%%'")
        return int(cursor.fetchone()[0])


def test_each_time_it_answers_for_its_own_values(owner, stranger) -> None:
    assert [slug_of(one.workspace) for one in (owner, stranger, owner)] == [
        owner.workspace.slug,
        stranger.workspace.slug,
        owner.workspace.slug,
    ]


@pytest.mark.postgres
def test_it_is_prepared_once_for_a_connection(owner) -> None:
    before = statements()
    for _ in range(3):
        slug_of(owner.workspace)
    assert statements() <= before + 1
    assert statements() >= 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_behind_a_pooler_that_changes_servers_it_runs_as_it_is(owner) -> None:
    """DEALLOCATE stands for the other server, which does not know what was prepared."""
    slug_of(owner.workspace)
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    assert slug_of(owner.workspace) == owner.workspace.slug
    with pytest.raises(DatabaseError), transaction.atomic():  # what was written before must not be half there
        slug_of(owner.workspace)


@pytest.mark.postgres
def test_other_errors_are_not_hidden(owner) -> None:
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        prepared.execute(cursor, "SELECT nothing_of_that_name FROM accounts_workspace WHERE id = %s", [1], ["bigint"])
