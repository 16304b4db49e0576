"""发送规则 by page and by REST: added, listed, taken away, refused; by whoever may."""

import re

import pytest
from django.urls import reverse
from django.utils import translation

from messaging.models import FrequencyCap, Holiday, QuietHours
from messaging.policies import EXEMPTIONS

pytestmark = pytest.mark.django_db
KINDS = {
    "quiet-hours": (QuietHours, {"begins": "22:00", "ends": "08:00", "from_on": "2026-11-01"}),
    "holidays": (Holiday, {"name": "国庆", "from_on": "2026-10-01", "until_on": "2026-10-07"}),
    "frequency-caps": (FrequencyCap, {"purpose": "selling", "count": "2", "days": "1", "from_on": "2026-11-01"}),
}
WRONG = {
    "quiet-hours": ({"ends": "22:00"}, "ends"),
    "holidays": ({"until_on": "2026-09-01"}, "until_on"),
    "frequency-caps": ({"count": "0"}, "count"),
}


def page(workspace, name: str, *args) -> str:
    return reverse(f"messaging:{name}", args=[workspace.slug, *args])


@pytest.mark.parametrize("kind", KINDS)
def test_a_rule_is_added_shown_and_taken_away(signed_in, owner, workspace, kind) -> None:
    client, (model, facts) = signed_in(owner), KINDS[kind]
    client.post(page(workspace, "send_rule_new", kind), facts)
    rule = model.objects.get()
    shown = client.get(page(workspace, "send_rules")).content.decode()
    assert {"quiet-hours": "22:00 – 08:00", "holidays": "国庆", "frequency-caps": "2"}[kind] in shown
    client.post(page(workspace, "send_rule_archive", kind, rule.pk))
    rule.refresh_from_db()
    assert rule.archived_at is not None
    assert (
        page(workspace, "send_rule_archive", kind, rule.pk)
        not in client.get(page(workspace, "send_rules")).content.decode()
    )


@pytest.mark.parametrize("kind", KINDS)
def test_before_a_rule_is_taken_away_it_is_asked(signed_in, owner, workspace, kind) -> None:
    client, (model, facts) = signed_in(owner), KINDS[kind]
    client.post(page(workspace, "send_rule_new", kind), facts)
    ask = page(workspace, "send_rule_archive", kind, model.objects.get().pk)
    shown = client.get(page(workspace, "send_rules")).content.decode()
    assert (f'href="{ask}#rule-question"' in shown, f'action="{ask}"' in shown) == (True, False)
    asked = client.get(ask, headers={"Accept-Language": "en"}).content.decode()
    assert "It holds back nothing of what is planned for the next 7 days." in asked
    assert f'action="{ask}"' in asked
    assert model.objects.get().archived_at is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_refused_rule_stands_in_its_form_and_is_not_kept(signed_in, owner, workspace, kind) -> None:
    (model, facts), (wrong, field) = KINDS[kind], WRONG[kind]
    answer = signed_in(owner).post(page(workspace, "send_rule_new", kind), facts | wrong)
    assert answer.status_code == 422
    form = next(one["form"] for one in answer.context["kinds"] if one["name"] == kind)
    assert list(form.errors) == [field]
    assert not model.objects.exists()


def test_whoever_may_not_manage_rules_sees_them_and_changes_nothing(signed_in, viewer, workspace) -> None:
    client = signed_in(viewer)
    shown = client.get(page(workspace, "send_rules"))
    assert shown.status_code == 200
    assert '<form class="form"' not in shown.content.decode()
    for kind, (_model, facts) in KINDS.items():
        assert client.post(page(workspace, "send_rule_new", kind), facts).status_code == 403
        assert client.get(page(workspace, "send_rule_archive", kind, 1)).status_code == 403
    assert not QuietHours.objects.exists()


def test_there_is_no_other_kind_of_rule(signed_in, owner, workspace) -> None:
    assert signed_in(owner).post(page(workspace, "send_rule_new", "moon-phases")).status_code == 404


@pytest.mark.parametrize("kind", KINDS)
def test_a_tool_adds_lists_and_archives_rules(api, kind) -> None:
    _model, facts = KINDS[kind]
    made = api.post(f"/api/v1/{kind}/", facts)
    assert made.status_code == 201
    url = f"/api/v1/{kind}/{made.json()['id']}/"
    assert [row["id"] for row in api.get(f"/api/v1/{kind}/").json()["results"]] == [made.json()["id"]]
    for _ in range(2):
        assert api.post(f"{url}archive/").json()["archived_at"] is not None
    assert api.get(f"/api/v1/{kind}/").json()["results"] == []
    assert api.get(url).status_code == 200


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_rule_over_rest_names_its_field(api, kind) -> None:
    (model, facts), (wrong, field) = KINDS[kind], WRONG[kind]
    answer = api.post(f"/api/v1/{kind}/", facts | wrong)
    assert (answer.status_code, list(answer.json())) == (400, [field])
    assert not model.objects.exists()


def test_a_viewers_tool_may_not_change_rules(workspace, api_of) -> None:
    for kind, (_model, facts) in KINDS.items():
        assert api_of(workspace, "viewer").post(f"/api/v1/{kind}/", facts).status_code == 403
        assert api_of(workspace, "viewer").get(f"/api/v1/{kind}/").status_code == 200


def test_the_page_shows_the_whole_table_of_what_no_rule_holds(signed_in, viewer, workspace) -> None:
    answer = signed_in(viewer).get(page(workspace, "send_rules"), headers={"Accept-Language": "en"})
    with translation.override("en"):
        sentences = [str(why) for why in EXEMPTIONS.values()]
    shown = re.findall('<div class="feed-main">([^<]+)</div>', answer.content.decode())
    assert shown == sentences
    assert set(EXEMPTIONS) == {"payment", "moderation", "staff", "running_sale", "by_hand", "test"}
