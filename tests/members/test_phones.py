"""Phone numbers: one written form, a digest, nothing readable in the table."""

import pytest
from django.db import connection

from members import phones, selectors
from members.errors import PhoneNotValid, PhoneRegistered
from members.models import Member, MemberIdentity, MemberPhone, Person
from tests.members.makers import make_community, make_member


@pytest.mark.parametrize(
    "raw",
    ["13812341234", " 138 1234 1234", "138-1234-1234", "+86 13812341234", "8613812341234", "008613812341234",
     "１３８１２３４１２３４", "(+86)138.1234.1234"],
)  # fmt: skip
def test_one_number_has_one_form(raw) -> None:
    assert phones.normalise(raw) == "+8613812341234"


def test_numbers_of_other_countries_need_their_code() -> None:
    assert phones.normalise("+44 20 7946 0958") == "+442079460958"
    with pytest.raises(PhoneNotValid):
        phones.normalise("020 7946 0958")


@pytest.mark.parametrize(
    "raw", ["", "abc", "12345", "+8612345678901", "+86138", "1" * 100, "+1", "138123412345", "٠١٢٣"]
)
def test_what_is_no_number_is_refused(raw) -> None:
    with pytest.raises(PhoneNotValid):
        phones.normalise(raw)


def test_the_digest_needs_the_key(settings) -> None:
    before = phones.digest("+8613812341234")
    settings.FIELD_ENCRYPTION_KEYS = ["another-key"]
    assert phones.digest("+8613812341234") != before


def test_putting_a_new_key_in_front_keeps_the_digests(settings) -> None:
    before = phones.digest("+8613812341234")
    settings.FIELD_ENCRYPTION_KEYS = ["a-newer-key", *settings.FIELD_ENCRYPTION_KEYS]
    assert phones.digest("+8613812341234") == before


@pytest.mark.django_db
def test_the_number_is_not_readable_in_the_tables(community) -> None:
    member = make_member(community, "李姐", phone="138 1234 1234")
    with connection.cursor() as cursor:
        cursor.execute("SELECT value, digest, last_four FROM members_memberphone")
        (row,) = cursor.fetchall()
    assert "13812341234" not in "".join(row)
    assert row[2] == "1234"
    assert MemberPhone.objects.get().value == "+8613812341234"
    assert selectors.find_member_by_phone(community_id=community.pk, phone="+8613812341234") == member


@pytest.mark.django_db
def test_one_community_has_a_number_once(community) -> None:
    make_member(community, "李姐", phone="13812341234")
    with pytest.raises(PhoneRegistered):
        make_member(community, "王哥", phone="138 1234 1234")
    assert (Member.objects.count(), MemberPhone.objects.count(), MemberIdentity.objects.count()) == (1, 1, 1)


@pytest.mark.django_db
def test_one_person_is_a_member_of_two_communities(workspace, community, foreign_community) -> None:
    first = make_member(community, "李姐", phone="13812341234")
    second = make_member(make_community(workspace, name="读书会"), "李姐", phone="13812341234")
    foreign = make_member(foreign_community, "李姐", phone="13812341234")
    assert first.person_id == second.person_id != foreign.person_id
    assert Person.objects.count() == 2
