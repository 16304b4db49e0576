import json
import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from community_ops.accounts import services
from community_ops.accounts.selectors import find_workspace, password_fits
from community_ops.common import clock, keys
from community_ops.common.actors import Actor
from dashboard.demo import build_demo

ACTOR = Actor.system("bin/run")
LOGIN_FILE = "login.json"
NAMES = {"demo": "演示团队", "main": "main"}
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
    """The kept login if it still opens the workspace, else a new password (the workspace is made when missing)."""
    kept = _read()
    if kept.get("workspace") == slug and password_fits(kept["user"], kept["password"]):
        return kept
    if find_workspace(slug) is None:
        return _keep(_made(slug))
    username = f"{slug}-owner"
    password = services.reset_password(username=username, actor=ACTOR, now=clock.now())
    return _keep({"workspace": slug, "user": username, "password": password})


@transaction.atomic
def _made(slug: str) -> Login:
    """A workspace and, for the demo, everything in it: whole or not at all, so that a killed start begins anew."""
    made = services.create_workspace(slug=slug, name=NAMES[slug], actor=ACTOR, now=clock.now())
    login: Login = {"workspace": slug, "user": made.username, "password": made.password}
    if slug == "demo":
        demo = build_demo(workspace_id=made.workspace.pk, now=clock.now())
        login |= {"passes": demo.passes, "sale": demo.sale.public_code}
    return login


def _read() -> Login:
    try:
        kept: Login = json.loads((settings.DATA_DIR / LOGIN_FILE).read_text())
    except (OSError, ValueError):
        return {}
    return kept if {"workspace", "user", "password"} <= kept.keys() else {}


def _keep(login: Login) -> Login:
    """Written whole under its name, readable by its owner only."""
    path = settings.DATA_DIR / LOGIN_FILE
    draft = path.with_name(f".{LOGIN_FILE}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(login, file, ensure_ascii=False)
    draft.replace(path)
    return login
