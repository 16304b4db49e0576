"""Link cards and files: what each platform makes of them, in the sandbox room, by hand and in the record."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import translation

from community_ops.common import assets, clock
from messaging import services
from messaging.arrival import arrival
from messaging.extras import card_problem, file_problem, with_card
from messaging.models import HumanTask, SandboxPost
from messaging.platforms import registry
from messaging.platforms.base import Card, Content
from tests.factories.people import SYSTEM
from tests.moments import NOON

pytestmark = pytest.mark.django_db
CARD = Card(
    title="中秋礼盒", text="三款，先看看", url="https://shop.example/mid", picture_url="https://shop.example/1.png"
)
PRICES = "价目表.pdf"


@pytest.fixture(autouse=True)
def _at_noon(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOON)
    with translation.override("en"):
        yield


@pytest.fixture
def file(workspace):
    return assets.store_file(SimpleUploadedFile(PRICES, b"%PDF-1.7 prices"), workspace_id=workspace.pk)


def text_of(answer) -> str:
    return answer.content.decode()


# --- files that are kept -------------------------------------------------------------------------------


def test_a_file_is_kept_as_it_is_and_comes_back_only_to_be_saved(file) -> None:
    answer = Client().get(assets.page_link(file))
    assert b"".join(answer.streaming_content) == b"%PDF-1.7 prices"
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"].startswith("attachment;")
    assert answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("size", [0, 2**20 + 1])
def test_a_file_of_no_bytes_or_too_many_is_refused(workspace, monkeypatch, size) -> None:
    monkeypatch.setattr(assets, "MAX_FILE_BYTES", 2**20)
    with pytest.raises(assets.FileRefused, match="1 byte to 1 MB"):
        assets.store_file(SimpleUploadedFile("x.bin", b"x" * size), workspace_id=workspace.pk)
    assert not assets.Asset.objects.exists()


def test_a_table_that_is_handed_on_as_a_file_stays_one(workspace) -> None:
    """An import keeps its table for 30 days; the same bytes in a planned message must outlive it."""
    rows = b"name,phone\nmei,1\n"

    def table():
        return assets.store_table(SimpleUploadedFile("a.csv", rows), workspace_id=workspace.pk, delete_after=NOON)

    first = table()
    actor = SYSTEM
    assert list(assets.files_of(actor)) == []  # an import's people are no file to choose
    file = assets.store_file(SimpleUploadedFile("a.csv", rows), workspace_id=workspace.pk)
    assert (file.pk, file.delete_after) == (first.pk, None)
    assert table().delete_after is None
    assert list(assets.files_of(actor)) == [file]


# --- what a platform makes of them ---------------------------------------------------------------------


def test_who_takes_which_file() -> None:
    taking = {name for name in registry.names() if file_problem(name, 1000) is None}
    assert taking == {"sandbox", "wecom_robot"}
    assert file_problem("assisted", 1000) is None
    assert file_problem("wecom_robot", 5) == "WeCom group robot takes files from 6 bytes on; this one is smaller."
    assert (
        file_problem("wecom_robot", 20 * 2**20 + 1)
        == "WeCom group robot takes files of up to 20 MB; this one is larger."
    )
    assert file_problem("slack", 1000) == "Slack app takes no files: a message with one is not sent there."


def test_a_cards_words_are_measured_where_cards_are_shown() -> None:
    long = Card(title="题" * 43, text="字" * 171, url="https://a.example/")
    assert card_problem("wecom_robot", long) == (
        "title", "The card's title has 129 bytes; WeCom group robot takes 128."
    )  # fmt: skip
    assert card_problem("wecom_robot", Card(title="题", text="字" * 171, url="https://a.example/")) == (
        "text", "The card's description has 513 bytes; WeCom group robot takes 512."
    )  # fmt: skip
    assert card_problem("telegram", long) is None
    assert with_card("telegram", "看", CARD) == f"看\n\n{CARD.title}\n{CARD.text}\n{CARD.url}"
    assert with_card("wecom_robot", "看", CARD) == "看"


@pytest.mark.parametrize(
    ("platform", "codes", "parts"),
    [
        ("wecom_robot", ["card_apart", "file_apart"], ["text", "card", "file"]),
        ("sandbox", ["card_apart", "file_apart"], ["text", "card", "file"]),
        ("assisted", ["card_in_words", "file_apart"], ["text", "file"]),
        ("telegram", ["card_in_words", "no_file"], ["text"]),
    ],
)
def test_how_they_arrive_is_said_beforehand(platform, codes, parts) -> None:
    found = arrival(platform, Content(text="看", card=CARD, file_bytes=1000), may_split=False)
    assert [note.code for note in found.notes] == codes
    shown = ["card" if part.card else "file" if part.has_file else "text" for part in found.parts]
    assert shown == parts


def test_a_card_in_words_counts_for_the_size() -> None:
    text = "字" * 4000
    assert not arrival("telegram", Content(text=text), may_split=False).is_refused
    assert arrival("telegram", Content(text=text, card=Card(title="题" * 90, url=CARD.url)), may_split=False).is_refused


# --- where they arrive ---------------------------------------------------------------------------------


def test_the_room_shows_the_card_and_offers_the_file(client, owner, workspace, room, plan, deliver, file) -> None:
    plan(room, text="先看这个", card=CARD, file_id=file.pk)
    deliver()
    text, card, last = SandboxPost.objects.order_by("part")
    assert (text.text, text.card, text.file) == ("先看这个", {}, None)
    assert (card.card["url"], last.file) == (CARD.url, file)
    client.force_login(owner.user)
    page = text_of(client.get(f"/w/{workspace.slug}/rooms/{room.pk}/"))
    assert f'<a href="{CARD.url}" rel="noopener noreferrer">' in page
    assert f'<a href="{assets.page_link(file)}" download>{PRICES}</a>' in page


def test_a_colleague_copies_the_cards_words_and_saves_the_file(person, new_person, plan, deliver, file) -> None:
    plan(person.endpoint, text="先看这个", card=CARD, file_id=file.pk)
    deliver()
    task = HumanTask.objects.get()
    assert task.file == file
    phone = Client(headers={"accept-language": "en"})
    phone.get(f"/t/{services.issue_link(assignee=person, actor=SYSTEM, now=NOON)}")
    page = text_of(phone.get(f"/t/{task.pk}/"))
    assert CARD.url in page
    assert f'<a class="button" href="{assets.page_link(file)}" download>Save the file</a>' in page
    assert PRICES in page
    other = new_person("小林")
    assert services.hand_on(task=task, to=other, actor=SYSTEM, now=NOON).file == file


def test_another_file_is_another_card(workspace, person, plan, deliver, file) -> None:
    other = assets.store_file(SimpleUploadedFile("b.pdf", b"%PDF other"), workspace_id=workspace.pk)
    for number, one in enumerate((file, file, other)):
        plan(person.endpoint, origin_id=5, target_id=number, file_id=one.pk)
    deliver()
    assert sorted(HumanTask.objects.values_list("file_id", flat=True)) == sorted([file.pk, other.pk])


def test_the_team_sees_the_file_on_the_card(client, owner, workspace, person, plan, deliver, file) -> None:
    plan(person.endpoint, file_id=file.pk)
    deliver()
    client.force_login(owner.user)
    page = text_of(client.get(f"/w/{workspace.slug}/tasks/{HumanTask.objects.get().pk}/"))
    assert assets.page_link(file) in page


def test_the_record_shows_what_went_out_once(client, owner, workspace, room, person, plan, deliver, file) -> None:
    sent = plan(room, text="先看这个", card=CARD, file_id=file.pk)
    by_hand = plan(person.endpoint, text="先看这个", card=CARD, file_id=file.pk)
    deliver()
    task = HumanTask.objects.get()
    services.copy_card(task=task, actor=SYSTEM, now=NOON)
    services.finish_items(task=task, actor=SYSTEM, now=NOON)
    client.force_login(owner.user)
    for delivery in (sent, by_hand):
        page = text_of(client.get(f"/w/{workspace.slug}/deliveries/{delivery.pk}/"))
        assert page.count(f"<b>{CARD.title}</b>") == (1 if delivery == sent else 0)
        assert page.count(f'<a href="{CARD.url}"') == 1
        assert page.count(f"{PRICES}</a>") == 1
