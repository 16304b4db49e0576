"""The panel of a group's page: days as people write them, a chart in which nothing hides anything."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import translation

from messaging.models import InboundEvent
from retention import pages, selectors
from tests.members.makers import event, ingest


@pytest.mark.parametrize(("on", "written"), [(date(2026, 11, 7), "7 Nov"), (date(2025, 12, 31), "31 Dec 2025")])
def test_a_day_has_its_year_when_it_is_another_one(on, written) -> None:
    with translation.override("en"):
        assert pages._written(on, date(2026, 11, 21)) == written


def test_equal_numbers_of_messages_and_speakers_are_both_seen() -> None:
    day = datetime(2026, 11, 20, tzinfo=UTC).date()
    with translation.override("en"):
        chart = pages._chart([selectors.GroupDay(day, 3, 3)], day, day, sources=["import"])
    assert chart["kind"] == "bar"
    assert chart["labels"] == ["20 Nov"]


@pytest.mark.django_db
def test_the_chart_names_each_source_of_its_days(group) -> None:
    def sources(day: date) -> list[str]:
        return pages._sources_of(group, day - timedelta(days=29), day)

    noon = date(2026, 11, 21)
    assert sources(noon) == ["platform"]
    ingest(group, event(group))
    rows = InboundEvent.objects.filter(target_id=group.pk)
    rows.update(source="paste")
    assert sources(noon) == ["manual"]
    ingest(group, event(group))
    assert (sources(noon), sources(noon + timedelta(days=30))) == (["platform", "manual"], ["platform"])


@pytest.mark.django_db
def test_the_page_of_a_group_says_that_people_pasted(signed_in, owner, workspace, group) -> None:
    ingest(group, event(group), event(group))
    InboundEvent.objects.filter(pk=InboundEvent.objects.first().pk).update(source="paste")
    url = reverse("groups:group_detail", args=[workspace.slug, group.pk])
    page = signed_in(owner).get(url, headers={"Accept-Language": "en"}).content.decode()
    assert "<span>Platform, Entered by hand</span>" in page
