"""/p/<code> and /me/: the digest alone is kept, a revoked link is dead at once, nothing personal in addresses."""

import pytest
from django.test import Client
from django.urls import reverse

from community_ops.common.models import AuditEntry
from groups.ports import Panel
from members import selectors, services
from members.models import Member, MemberPass
from members.ports import own_panels
from tests.factories.people import SYSTEM
from tests.members.makers import make_community, make_member
from tests.moments import NOON

pytestmark = pytest.mark.django_db


def issue(member) -> str:
    return services.issue_pass(member=member, actor=SYSTEM, now=NOON)


@pytest.fixture
def code(member) -> str:
    return issue(member)


def test_only_the_digest_of_a_128_bit_code_is_kept(code) -> None:
    row = MemberPass.objects.get()
    assert len(code) == 22
    assert code not in str(vars(row)) + str(AuditEntry.objects.values())
    assert row.code_digest == selectors.code_digest(code)
    assert issue(row.member) != code


def test_the_link_becomes_a_cookie_and_leads_to_the_own_page(client, code) -> None:
    answer = client.get(f"/p/{code}")
    cookie = answer.cookies["member_pass"]
    assert (answer.status_code, answer["Location"]) == (302, "/me/")
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert code not in cookie.value
    assert "no-store" in answer["Cache-Control"]
    assert MemberPass.objects.get().last_used_at is not None


def test_the_own_page_shows_name_and_groups(client, code, member, group) -> None:
    services.add_membership(member=member, group=group, actor=SYSTEM, now=NOON)
    client.get(f"/p/{code}")
    page = client.get("/me/")
    assert page.status_code == 200
    assert "李姐" in page.content.decode()
    assert group.name in page.content.decode()


@pytest.mark.parametrize(
    ("target", "leads_to"),
    [("/s/AbC-123/", "/s/AbC-123/"), ("//evil.example", "/me/"), ("https://evil.example/s/x", "/me/")],
)
def test_next_leads_to_own_pages_only(client, code, target, leads_to) -> None:
    assert client.get(f"/p/{code}", {"next": target})["Location"] == leads_to


@pytest.mark.parametrize("wrong", ["nonsense", "x" * 500, "%00", "../../me"])
def test_an_unknown_link_is_a_friendly_404_without_a_cookie(client, wrong) -> None:
    answer = client.get(f"/p/{wrong}")
    assert answer.status_code == 404
    assert "member_pass" not in answer.cookies


def test_a_revoked_link_and_its_cookie_are_dead_at_once(client, code) -> None:
    client.get(f"/p/{code}")
    row = MemberPass.objects.get()
    assert services.revoke_pass(member_pass=row, actor=SYSTEM, now=NOON)
    assert not services.revoke_pass(member_pass=row, actor=SYSTEM, now=NOON)
    assert client.get("/me/").status_code == 403
    assert client.get(f"/p/{code}").status_code == 404
    assert AuditEntry.objects.filter(verb="pass.revoked").count() == 1


def test_a_forged_cookie_is_nobody(client, code) -> None:
    client.get(f"/p/{code}")
    client.cookies["member_pass"] = client.cookies["member_pass"].value[:-1] + "x"
    assert client.get("/me/").status_code == 403


def test_nobody_sees_the_own_page_without_a_link(client) -> None:
    assert client.get("/me/").status_code == 403


def test_an_archived_workspaces_links_are_dead(client, code, workspace) -> None:
    workspace.archived_at = NOON
    workspace.save()
    assert client.get(f"/p/{code}").status_code == 404


def test_signing_out_forgets_the_cookie_and_keeps_the_link(client, code) -> None:
    client.get(f"/p/{code}")
    assert client.get("/me/sign-out/").status_code == 405
    assert client.post("/me/sign-out/")["Location"] == "/me/"
    assert client.get("/me/").status_code == 403
    assert client.get(f"/p/{code}").status_code == 302


def test_signing_out_needs_the_forms_token(code) -> None:
    client = Client(enforce_csrf_checks=True)
    client.get(f"/p/{code}")
    assert client.post("/me/sign-out/").status_code == 403
    assert client.get("/me/").status_code == 200


def test_one_phone_is_a_member_of_several_communities(client, rf, workspace, member, code) -> None:
    from members.passes import current_member

    other = make_member(make_community(workspace, name="读书会"), "李姐")
    client.get(f"/p/{code}")
    client.get(f"/p/{issue(other)}")
    request = rf.get("/")
    request.COOKIES["member_pass"] = client.cookies["member_pass"].value
    assert current_member(request) == other
    assert current_member(request, community_id=member.community_id) == member
    assert current_member(request, community_id=0) is None


def test_a_merged_members_link_is_her_survivors(client, community, member) -> None:
    merged = make_member(community, "李姐(旧)")
    link = issue(merged)
    Member.objects.filter(pk=merged.pk).update(merged_into=member)
    client.get(f"/p/{link}")
    assert "李姐(旧)" not in client.get("/me/").content.decode()
    assert selectors.find_member_by_pass(link) == member


def test_higher_apps_add_to_the_own_page(client, code, monkeypatch) -> None:
    class Orders:
        def panel(self, *, member, now):
            return Panel("members/_identity_kind.html", {"kind": "她的订单"})

    monkeypatch.setitem(own_panels._answers, "orders", Orders())
    client.get(f"/p/{code}")
    assert client.get("/me/").status_code == 200


def manage(client, workspace, name: str, *args: int):
    return client.post(reverse(f"members:{name}", args=[workspace.slug, *args]))


def test_the_dashboard_shows_a_new_link_once(signed_in, owner, workspace, member) -> None:
    client = signed_in(owner)
    answer = manage(client, workspace, "pass_issue", member.pk)
    link = answer.context["link"]
    assert link in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    detail = client.get(reverse("members:member_detail", args=[workspace.slug, member.pk]))
    assert link not in detail.content.decode()
    assert Client().get(link.removeprefix("http://127.0.0.1:8000")).status_code == 302


def test_the_dashboard_revokes_a_link(signed_in, owner, workspace, member, code) -> None:
    row = MemberPass.objects.get()
    assert manage(signed_in(owner), workspace, "pass_revoke", member.pk, row.pk).status_code == 302
    assert MemberPass.objects.get().revoked_at is not None


def test_those_who_may_not_issue_or_revoke_change_nothing(
    signed_in, viewer, helper, stranger, workspace, member, code
) -> None:
    row = MemberPass.objects.get()
    for someone, status in ((viewer, 403), (helper, 403), (stranger, 404)):
        client = signed_in(someone)
        assert manage(client, workspace, "pass_issue", member.pk).status_code == status
        assert manage(client, workspace, "pass_revoke", member.pk, row.pk).status_code == status
    assert MemberPass.objects.get().revoked_at is None


def test_another_members_link_is_not_revoked_by_a_wrong_address(signed_in, owner, workspace, community, code) -> None:
    other = make_member(community)
    row = MemberPass.objects.get()
    assert manage(signed_in(owner), workspace, "pass_revoke", other.pk, row.pk).status_code == 404
    assert MemberPass.objects.get().revoked_at is None


def test_a_pass_says_nothing_about_a_person_in_its_address(code, member) -> None:
    assert member.display_name not in selectors.pass_link(code)
    assert selectors.pass_link(code).endswith(f"/p/{code}")
