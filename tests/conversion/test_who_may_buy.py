"""Who can buy in a sale: what is said of it before it is scheduled, and registration switched on and off."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from community_ops.common.errors import InvalidTransition
from community_ops.common.models import AuditEntry
from conversion import selectors, services
from members import services as members
from members.models import MemberPass
from tests.conversion.conftest import HOLD, make_group, terms_of
from tests.factories.people import SYSTEM
from tests.moments import NOON

pytestmark = pytest.mark.django_db
ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
def join(new_member):
    """A member of the groups, with or without a personal link."""

    def make(*groups, has_link=True):
        member = new_member()
        for group in groups:
            members.add_membership(member=member, group=group, actor=SYSTEM, now=NOON)
        if has_link:
            members.issue_pass(member=member, actor=SYSTEM, now=NOON)
        return member

    return make


def codes(terms) -> list[str]:
    return [warning["code"] for warning in services.terms_warnings(terms)]


def test_nobody_can_buy_is_said_when_no_member_holds_a_link(product, group, join) -> None:
    join(group, has_link=False)
    assert codes(terms_of(product, group)) == ["nobody_can_buy"]
    assert codes(terms_of(product, group, allow_registration=True)) == []


def test_few_can_buy_is_counted_when_some_members_hold_no_link(product, group, community, join) -> None:
    second = make_group(community, "二群")
    twice, revoked = join(group, second), join(group)
    join(second, has_link=False)
    members.issue_pass(member=twice, actor=SYSTEM, now=NOON)
    members.revoke_pass(member_pass=MemberPass.objects.get(member=revoked), actor=SYSTEM, now=NOON)
    with translation.override("en"):
        (warning,) = services.terms_warnings(terms_of(product, group, second))
    assert (warning["code"], "1 of 3 members" in warning["message"]) == ("few_can_buy", True)


def test_nothing_is_said_when_every_member_holds_a_link(product, group, join) -> None:
    gone = join(group, has_link=False)
    members.leave(membership=gone.memberships.get(), actor=SYSTEM, now=NOON)
    join(group)
    assert codes(terms_of(product, group)) == []


def test_link_holders_are_counted_in_one_query_for_any_number_of_groups(community, join) -> None:
    groups = [make_group(community, f"{number} 群") for number in range(4)]
    join(*groups)
    with CaptureQueriesContext(connection) as asked:
        found = selectors.link_holders(workspace_id=community.workspace_id, group_ids=[one.pk for one in groups])
    assert ((found.holders, found.total), len(asked)) == ((1, 1), 1)


def test_the_draft_and_its_question_say_that_nobody_can_buy(new_sale, owner, signed_in) -> None:
    url = reverse("conversion:sale_detail", args=[owner.workspace.slug, new_sale().pk])
    context = signed_in(owner).get(url, headers=ENGLISH).context
    (schedule,) = (one for one in context["dialogs"] if one["id"] == "ask-schedule")
    assert [words.partition(":")[0] for words in context["warnings"]] == ["Nobody can buy"]
    assert [fact["value"] for fact in schedule["facts"]] == context["warnings"]


@pytest.mark.parametrize(("has_ladder", "words"), [(True, "Its messages go"), (False, "no message is sent by itself")])
def test_the_question_says_whether_messages_go_out(new_sale, ladder, owner, signed_in, has_ladder, words) -> None:
    sale = new_sale(playbook=ladder if has_ladder else None)
    url = reverse("conversion:sale_detail", args=[owner.workspace.slug, sale.pk])
    dialogs = signed_in(owner).get(url, headers=ENGLISH).context["dialogs"]
    (schedule,) = (one for one in dialogs if one["id"] == "ask-schedule")
    assert words in schedule["text"]
    assert schedule["names"] == ["一群"]


def test_registration_is_switched_once_with_its_record(sale) -> None:
    for allowed in (True, True, False):
        services.set_registration(sale=sale, allowed=allowed, actor=SYSTEM, now=NOON, reason="群里没链接")
        assert type(sale).objects.get().allow_registration is allowed
    rows = AuditEntry.objects.filter(verb__contains="registration").order_by("id")
    assert [(row.verb, row.after["allow_registration"], row.reason) for row in rows] == [
        ("flash_sale.registration_opened", True, "群里没链接"),
        ("flash_sale.registration_closed", False, "群里没链接"),
    ]


@pytest.mark.parametrize("end", ["over", "cancelled"])
def test_registration_stays_when_the_sale_is_over(sale, end) -> None:
    if end == "cancelled":
        services.cancel_flash_sale(sale=sale, actor=SYSTEM, now=NOON)
    with pytest.raises(InvalidTransition):
        services.set_registration(
            sale=sale, allowed=True, actor=SYSTEM, now=NOON if end == "cancelled" else sale.ends_at
        )
    assert type(sale).objects.get().allow_registration is False


def test_the_room_switches_registration_and_the_page_follows(sale, owner, signed_in, time_machine) -> None:
    time_machine.move_to(NOON + HOLD)
    client, args = signed_in(owner), [owner.workspace.slug, sale.pk]
    room, phone = reverse("conversion:sale_detail", args=args), f"/s/{sale.public_code}/"
    states = [Client().get(phone).context["page_state"]]
    dialog = client.get(room, headers=ENGLISH).context["registration"]
    assert (dialog["label"], dialog["hidden"]) == ("Turn registration on", {"allowed": "1"})
    client.post(dialog["action"], dialog["hidden"])
    page = Client().get(phone)
    states.append(page.context["page_state"])
    assert 'id="register"' in page.content.decode()
    assert states[0] != states[1]
    shown = client.get(room, headers=ENGLISH).context
    assert (shown["registration"]["hidden"], shown["log"][0]["title"]) == ({"allowed": ""}, "Registration turned on")


def test_a_sale_that_is_over_offers_no_switch(sale, owner, signed_in, time_machine) -> None:
    time_machine.move_to(sale.ends_at)
    url = reverse("conversion:sale_detail", args=[owner.workspace.slug, sale.pk])
    context = signed_in(owner).get(url, headers=ENGLISH).context
    assert context["registration"] is None
    assert context["empty"]["text"] == "This sale is over: no order comes any more."
