import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from community_ops.accounts import services
from community_ops.common import clock
from community_ops.common.actors import Actor
from community_ops.common.errors import DomainError


class Command(BaseCommand):
    help = "Create a workspace and its owner; prints the owner's login as JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--slug", required=True)
        parser.add_argument("--name", default="")

    def handle(self, *, slug: str, name: str, **options: Any) -> None:
        actor = Actor.system("manage create_workspace")
        try:
            made = services.create_workspace(slug=slug, name=name, actor=actor, now=clock.now())
        except DomainError as error:
            raise CommandError(error.message) from None
        login = {"workspace": made.workspace.slug, "user": made.username, "password": made.password}
        self.stdout.write(json.dumps(login, ensure_ascii=False))
