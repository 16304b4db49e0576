"""Members who come by themselves: name and phone, with limits."""

import pytest
from django.core.cache import cache
from redis.exceptions import ConnectionError as RedisAway

from community_ops.common.errors import InvalidInput
from community_ops.common.models import AuditEntry
from members import services
from members.errors import PhoneRegistered, TooManyRegistrations
from members.models import Member, MemberPass
from members.services.registration import MAX_PER_ADDRESS, MAX_PER_PHONE
from tests.members.makers import make_member
from tests.moments import NOON
from tests.races import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh_limits(db) -> None:
    cache.clear()


def register(community, name: str = "李姐", phone: str = "138 1234 1234", address: str = "") -> services.Registration:
    return services.register_by_phone(community=community, name=name, phone=phone, address=address, now=NOON)


def test_a_newcomer_is_a_member_with_a_pass(community) -> None:
    made = register(community)
    assert made.is_new
    assert (made.member.display_name, made.member.source) == ("李姐", "platform")
    assert MemberPass.objects.get() == made.member_pass
    assert {entry.actor_kind for entry in AuditEntry.objects.all()} == {"member"}


def test_coming_back_by_the_same_name_and_number_is_the_same_member(community) -> None:
    first = register(community)
    again = register(community, name=" 李 姐", phone="+8613812341234")
    assert (again.member, again.is_new) == (first.member, False)
    assert again.code != first.code
    assert Member.objects.count() == 1


def test_knowing_a_number_does_not_open_its_owners_page(community) -> None:
    register(community)
    with pytest.raises(PhoneRegistered):
        register(community, name="陌生人")
    assert (Member.objects.count(), MemberPass.objects.count()) == (1, 1)


def test_an_imported_member_finds_herself(community) -> None:
    member = make_member(community, "李姐", phone="13812341234", source="import")
    assert register(community).member == member


@pytest.mark.parametrize(
    ("field", "name", "phone"), [("name", "", "13812341234"), ("name", "a\x00", "13812341234"), ("phone", "李姐", "12")]
)
def test_bad_input_registers_nobody(community, field, name, phone) -> None:
    with pytest.raises(InvalidInput) as caught:
        register(community, name=name, phone=phone)
    assert caught.value.field == field
    assert not Member.objects.exists()


def test_one_number_is_tried_a_few_times_only(community) -> None:
    for _ in range(MAX_PER_PHONE):
        register(community)
    with pytest.raises(TooManyRegistrations):
        register(community)
    assert MemberPass.objects.count() == MAX_PER_PHONE


def test_one_address_registers_a_limited_number(community, monkeypatch) -> None:
    monkeypatch.setattr("members.services.registration.MAX_PER_ADDRESS", 2)
    for number in range(2):
        register(community, phone=f"1381234000{number}", address="203.0.113.7")
    with pytest.raises(TooManyRegistrations):
        register(community, phone="13812340009", address="203.0.113.7")
    assert register(community, phone="13812340009", address="203.0.113.8").is_new
    assert MAX_PER_ADDRESS == 30


def test_a_cache_that_is_away_limits_nobody(community, monkeypatch) -> None:
    def away(*args, **kwargs):
        raise RedisAway

    monkeypatch.setattr(cache, "add", away)
    assert register(community).is_new


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_taps_at_once_make_one_member(community) -> None:
    made = at_once([lambda: register(community) for _ in range(4)])
    assert {one.member.pk for one in made} == {Member.objects.get().pk}
    assert sorted(one.is_new for one in made) == [False, False, False, True]
