"""Files that are kept until a time: deleted when it has passed and nothing refers to them any more."""

from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from community_ops.common import assets, clock
from community_ops.common.models import Asset
from community_ops.common.tasks import tidy
from messaging.models import OutboundMessage
from tests.moments import NOON

pytestmark = pytest.mark.django_db
TABLE = "名字,电话\n李姐,13800000000\n".encode()


@pytest.fixture
def store(workspace):
    def table(content: bytes = TABLE, delete_after=NOON) -> Asset:
        file = ContentFile(content, name="名单.csv")
        return assets.store_table(file, workspace_id=workspace.pk, delete_after=delete_after)

    return table


def test_a_file_goes_with_its_row_when_its_time_has_passed(store) -> None:
    old, young = store(), store(b"a,b\n1,2\n", NOON + timedelta(seconds=1))
    assert (assets.delete_expired(now=NOON), assets.delete_expired(now=NOON)) == (1, 0)
    assert list(Asset.objects.all()) == [young]
    assert (default_storage.exists(old.path), default_storage.exists(young.path)) == (False, True)


def test_what_has_no_time_is_kept(workspace) -> None:
    kept = assets.store_file(ContentFile(b"%PDF", name="a.pdf"), workspace_id=workspace.pk)
    assert assets.delete_expired(now=NOON + timedelta(days=3650)) == 0
    assert default_storage.exists(kept.path)


def test_what_something_refers_to_is_kept_until_nothing_does(store, workspace) -> None:
    asset = store()
    facts = {"origin": "test", "origin_id": 1, "target_kind": "group", "target_id": 1, "text": "看附件"}
    message = OutboundMessage.objects.create(workspace=workspace, file=asset, **facts)
    assert assets.delete_expired(now=NOON) == 0
    assert default_storage.exists(asset.path)
    message.delete()
    assert assets.delete_expired(now=NOON) == 1


def test_the_same_content_stored_again_is_kept_for_its_new_time(store) -> None:
    store()
    again = store(delete_after=NOON + timedelta(days=30))
    assert assets.delete_expired(now=NOON) == 0
    assert default_storage.exists(again.path)


def test_a_file_that_is_deleted_while_it_is_stored_again_is_there_afterwards(store, monkeypatch) -> None:
    store()
    make_row = assets._row

    def rival(*args):
        assert assets.delete_expired(now=NOON) == 1
        return make_row(*args)

    monkeypatch.setattr(assets, "_row", rival)
    again = store(delete_after=NOON + timedelta(days=30))
    assert assets.read_bytes(again) == TABLE


def test_tidying_up_deletes_what_is_past_its_time(store, monkeypatch) -> None:
    store()
    monkeypatch.setattr(clock, "now", lambda: NOON)
    for _twice in range(2):
        tidy()
    assert not Asset.objects.exists()
