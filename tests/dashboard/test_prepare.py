"""What `bin/run` asks of the database before it starts anything."""

import json
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from community_ops.accounts.models import User, Workspace
from community_ops.common import clock, keys
from conversion.models import FlashSale
from tests.members.makers import make_community, make_endpoint, make_group

pytestmark = pytest.mark.django_db


@pytest.fixture
def data_dir(settings, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path
    return tmp_path


def prepare(capsys, flag: str) -> dict:
    call_command("prepare_workspace", flag)
    return json.loads(capsys.readouterr().out)


def test_the_first_start_makes_a_living_demo_and_later_ones_only_say_its_login(data_dir, capsys, client) -> None:
    first, second = (prepare(capsys, "--demo") for _ in range(2))
    assert first == second
    assert len(first["passes"]) == 3
    assert client.login(username=first["user"], password=first["password"])
    assert (Workspace.objects.get().slug, FlashSale.objects.count()) == ("demo", 1)
    sale = FlashSale.objects.get()
    assert 0 < (sale.starts_at - clock.now()).total_seconds() <= 300


def test_an_empty_start_makes_a_workspace_with_an_owner_only(data_dir, capsys) -> None:
    login = prepare(capsys, "--empty")
    assert (login["workspace"], Workspace.objects.get().slug) == ("main", "main")
    assert not FlashSale.objects.exists()


def test_the_login_is_readable_by_its_owner_only(data_dir, capsys) -> None:
    prepare(capsys, "--empty")
    assert stat.S_IMODE((data_dir / "login.json").stat().st_mode) == 0o600


def test_a_lost_login_file_gives_a_new_password_and_the_same_workspace(data_dir, capsys, client) -> None:
    first = prepare(capsys, "--demo")
    (data_dir / "login.json").unlink()
    second = prepare(capsys, "--demo")
    assert first["password"] != second["password"]
    assert client.login(username=second["user"], password=second["password"])
    assert (Workspace.objects.count(), User.objects.count()) == (1, 1)


def test_a_wrong_key_is_one_clear_line(data_dir, settings) -> None:
    from cryptography.fernet import Fernet

    keys.verify()
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(CommandError, match="cannot read the stored data"):
        call_command("prepare_workspace", "--demo")
    assert not Workspace.objects.exists()


def test_another_demo_sale_can_be_scheduled(data_dir, capsys) -> None:
    prepare(capsys, "--demo")
    call_command("demo_sale")
    assert "/s/" in capsys.readouterr().out
    assert FlashSale.objects.count() == 2


def test_a_password_that_a_person_chose_stays_and_so_do_the_links(data_dir, capsys, client) -> None:
    first = prepare(capsys, "--demo")
    owner = User.objects.get()
    owner.set_password("her own choice")
    owner.save(update_fields=["password"])
    second = prepare(capsys, "--demo")
    assert second["password"] == "(the one you chose)"
    assert (second["passes"], second["sale"]) == (first["passes"], first["sale"])
    assert client.login(username=second["user"], password="her own choice")
    assert json.loads((data_dir / "login.json").read_text())["passes"] == first["passes"]


def test_two_workspaces_of_one_folder_keep_their_logins(data_dir, capsys) -> None:
    demo, main = prepare(capsys, "--demo"), prepare(capsys, "--empty")
    assert (prepare(capsys, "--demo"), prepare(capsys, "--empty")) == (demo, main)


def test_the_login_of_another_database_is_not_shown(data_dir, capsys, client) -> None:
    first = prepare(capsys, "--empty")
    Workspace.objects.update(created_at=clock.now() - timedelta(days=1))
    second = prepare(capsys, "--empty")
    assert second["password"] != first["password"]
    assert client.login(username=second["user"], password=second["password"])


def test_another_demo_sale_leaves_communities_of_ones_own_alone(data_dir, capsys) -> None:
    prepare(capsys, "--demo")
    workspace = Workspace.objects.get()
    make_group(make_community(workspace, name="我的社群"), "我的群", endpoint=make_endpoint(workspace))
    call_command("demo_sale")
    sale = FlashSale.objects.order_by("pk").last()
    assert {target.group.community_id for target in sale.targets.all()} == {sale.community_id}
