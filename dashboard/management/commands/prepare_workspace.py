import json
import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from community_ops.accounts import services
from community_ops.accounts.models import Workspace
from community_ops.accounts.selectors import find_workspace, password_fits
from community_ops.common import clock, keys
from community_ops.common.actors import Actor
from dashboard.demo import build_demo

ACTOR = Actor.system("bin/run")
LOGIN_FILE = "login.json"
NAMES = {"demo": "演示团队", "main": "main"}
CHANGED = "(the one you chose)"
Login = dict[str, Any]


class Command(BaseCommand):
    help = "First start: make the demo (or an empty) workspace; prints the login as JSON at every start."

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--demo", action="store_true", help="a living workspace `demo`")
        which.add_argument("--empty", action="store_true", help="a workspace `main` with an owner only")

    def handle(self, *, demo: bool, **options: Any) -> None:
        try:
            keys.verify()
        except keys.WrongKey as error:
            raise CommandError(str(error)) from None
        self.stdout.write(json.dumps(_login("demo" if demo else "main"), ensure_ascii=False))


def _login(slug: str) -> Login:
    """The kept login; a new password only where the kept one is of another database or lost.

    A password that a person has changed since stays hers: then the login says so in its place.
    """
    kept = _read()
    mine = kept.get("logins", {}).get(slug, {})
    workspace = find_workspace(slug)
    if workspace is None:
        login = _made(slug)
    elif mine.get("made_at") != workspace.created_at.isoformat():
        login = _renewed(workspace)
    else:
        login = mine
    _keep({**login, "logins": {**kept.get("logins", {}), slug: login}})
    fits = password_fits(login["user"], login["password"])
    return login if fits else login | {"password": CHANGED}


def _renewed(workspace: Workspace) -> Login:
    """A new password for the owner: nobody knows the one in this database."""
    username = f"{workspace.slug}-owner"
    password = services.reset_password(username=username, actor=ACTOR, now=clock.now())
    return _new_login(workspace, username, password)


def _new_login(workspace: Workspace, user: str, password: str) -> Login:
    made_at = workspace.created_at.isoformat()
    return {"workspace": workspace.slug, "user": user, "password": password, "made_at": made_at}


@transaction.atomic
def _made(slug: str) -> Login:
    """A workspace and, for the demo, everything in it: whole or not at all, so that a killed start begins anew."""
    made = services.create_workspace(slug=slug, name=NAMES[slug], actor=ACTOR, now=clock.now())
    login = _new_login(made.workspace, made.username, made.password)
    if slug == "demo":
        demo = build_demo(workspace_id=made.workspace.pk, now=clock.now())
        login |= {"passes": demo.passes, "sale": demo.sale.public_code}
    return login


def _read() -> Login:
    """What login.json says: the login of the last start, and in `logins` one for each workspace made here."""
    try:
        kept: Login = json.loads((settings.DATA_DIR / LOGIN_FILE).read_text())
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _keep(login: Login) -> None:
    """Written whole under its name, readable by its owner only."""
    path = settings.DATA_DIR / LOGIN_FILE
    draft = path.with_name(f".{LOGIN_FILE}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(login, file, ensure_ascii=False)
    draft.replace(path)
