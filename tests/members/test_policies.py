"""Stays from signs, namespaces, safe addresses."""

import itertools
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from members.policies import Sign, Stay, apply_sign, apply_signs, namespace, namespace_kind, safe_next
from tests.moments import NOON


def at(hours: float):
    return NOON + timedelta(hours=hours)


def hours_of(moment):
    return None if moment is None else (moment - NOON) / timedelta(hours=1)


def stays_of(*signs: tuple[str, float]) -> list[tuple[float, float | None]]:
    stays: list[Stay] = []
    for kind, hours in signs:
        apply_sign(stays, Sign(kind, at(hours)))
    return [
        ((s.joined_at - NOON) / timedelta(hours=1), s.left_at and (s.left_at - NOON) / timedelta(hours=1))
        for s in stays
    ]


def test_a_join_begins_and_a_leave_ends_a_stay() -> None:
    assert stays_of(("join", 1)) == [(1, None)]
    assert stays_of(("join", 1), ("leave", 2)) == [(1, 2)]


def test_coming_back_begins_a_second_stay() -> None:
    assert stays_of(("join", 1), ("leave", 2), ("join", 3)) == [(1, 2), (3, None)]
    assert stays_of(("join", 1), ("leave", 2), ("seen", 3)) == [(1, 2), (3, None)]


def test_signs_told_again_change_nothing() -> None:
    once = stays_of(("join", 1), ("seen", 2), ("leave", 3))
    assert stays_of(("join", 1), ("seen", 2), ("leave", 3), ("join", 1), ("seen", 2), ("leave", 3)) == once


def test_an_inferred_start_moves_back_and_a_reported_one_stays() -> None:
    assert stays_of(("seen", 5), ("seen", 2)) == [(2, None)]
    assert stays_of(("seen", 5), ("join", 1)) == [(1, None)]
    assert stays_of(("join", 5), ("seen", 2)) == [(5, None)]


def test_a_leave_before_the_stay_ends_nothing() -> None:
    assert stays_of(("join", 5), ("leave", 2)) == [(5, None)]


def test_a_leave_of_somebody_unknown_is_a_stay_of_no_length() -> None:
    assert stays_of(("leave", 2)) == [(2, 2)]
    assert stays_of(("leave", 2), ("join", 1)) == [(1, 2)]


def test_a_start_never_moves_into_the_stay_before() -> None:
    assert stays_of(("join", 1), ("leave", 2), ("seen", 9), ("seen", 1.5)) == [(1, 2), (9, None)]


signs = st.lists(
    st.builds(Sign, st.sampled_from(["join", "leave", "seen"]), st.integers(0, 30).map(at)), min_size=1, max_size=12
)


@given(signs)
def test_stays_never_overlap_and_only_the_last_is_open(told: list[Sign]) -> None:
    stays: list[Stay] = []
    for sign in told:
        apply_sign(stays, sign)
    assert stays
    assert all(stay.left_at is not None for stay in stays[:-1])
    assert all(stay.left_at is None or stay.left_at >= stay.joined_at for stay in stays)
    assert all(left.left_at < right.joined_at for left, right in itertools.pairwise(stays))


@given(signs, st.randoms(use_true_random=False))
def test_one_batch_gives_the_same_in_any_order(told: list[Sign], random) -> None:
    first, second = [], []
    apply_signs(first, told)
    random.shuffle(told)
    apply_signs(second, told)
    assert first == second


@given(signs)
def test_a_batch_told_twice_is_told_once(told: list[Sign]) -> None:
    stays: list[Stay] = []
    apply_signs(stays, told)
    once = [(stay.joined_at, stay.left_at) for stay in stays]
    apply_signs(stays, told)
    assert [(stay.joined_at, stay.left_at) for stay in stays] == once


def test_a_namespace_belongs_to_one_community() -> None:
    assert (namespace("chat", 12), namespace_kind("chat:12")) == ("chat:12", "chat")
    with pytest.raises(AssertionError):
        namespace("Chat:1", 12)


@pytest.mark.parametrize("target", ["/s/AbC-_123456/", "/s/AbC123", "/me/", "/me/?tab=orders", "/s/x?n=1"])
def test_own_pages_may_be_led_to(target) -> None:
    assert safe_next(target) == target


@pytest.mark.parametrize(
    "target",
    ["", "//evil.example", "https://evil.example/s/x", "/s/../admin/", "/admin/", "/s/x\n", "/s/", "/me/../w/demo/",
     "javascript:alert(1)", "/s/x/y", "/me", "\\\\evil", "/s/x?next=//evil.example"],
)  # fmt: skip
def test_anything_else_leads_to_the_own_page(target) -> None:
    assert safe_next(target) == "/me/"
