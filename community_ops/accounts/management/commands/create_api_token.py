from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from community_ops.accounts import selectors, services
from community_ops.accounts.models import Role
from community_ops.common import clock
from community_ops.common.actors import Actor
from community_ops.common.errors import DomainError


class Command(BaseCommand):
    help = "Create an API token of a workspace; prints only the token, which is not stored."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--workspace", required=True, metavar="SLUG")
        parser.add_argument("--role", required=True, choices=Role.values)
        parser.add_argument("--name", default="API", help="who it is for, as the record of changes calls it")
        parser.add_argument("--expires-days", type=int, default=None, help="default: never expires")

    def handle(self, *, workspace: str, role: str, name: str, expires_days: int | None, **options: Any) -> None:
        try:
            token = services.create_api_token(
                workspace=selectors.get_workspace(workspace),
                role=role,
                name=name,
                expires_days=expires_days,
                actor=Actor.system("manage create_api_token"),
                now=clock.now(),
            )
        except DomainError as error:
            raise CommandError(error.message) from None
        self.stdout.write(token)
