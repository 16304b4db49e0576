"""/admin/: whose role opens no table there is told so in words."""

import pytest

from community_ops.accounts.models import Role, WorkspaceRole
from tests.factories.people import make_person


@pytest.mark.parametrize("role", Role.values)
def test_the_front_page_opens_for_whose_role_opens_a_table(workspace, signed_in, role) -> None:
    answer = signed_in(make_person(workspace, role)).get("/admin/")
    expected = 403 if role in ("helper", "viewer") else 200
    assert answer.status_code == expected
    assert ("admin/index.html" in [its.name for its in answer.templates]) == (expected == 200)


@pytest.mark.parametrize(
    ("language", "words"), [("en", "Your role does not allow this"), ("zh-hans", "当前角色没有这个权限")]
)
def test_a_helper_reads_why_and_where_to_go_on(helper, signed_in, language, words) -> None:
    tab = signed_in(helper)
    tab.cookies["django_language"] = language
    page = tab.get("/admin/").content.decode()
    assert words in page
    assert 'href="/"' in page
    assert tab.get("/", follow=True).redirect_chain[-1][0] == f"/w/{helper.workspace.slug}/today/"


def test_somebody_who_was_removed_is_told_so(owner, signed_in) -> None:
    WorkspaceRole.objects.all().delete()
    assert signed_in(owner).get("/admin/").status_code == 403


def test_nobody_signed_in_is_asked_to_sign_in(db, client) -> None:
    assert client.get("/admin/")["Location"] == "/admin/login/?next=/admin/"
