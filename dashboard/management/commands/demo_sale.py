from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from community_ops.accounts.selectors import get_workspace
from community_ops.common import clock
from community_ops.common.actors import Actor
from community_ops.common.errors import DomainError
from conversion.selectors import products_visible_to
from dashboard.demo import schedule_demo_sale
from groups.selectors import groups_visible_to


class Command(BaseCommand):
    help = "Schedule another demo sale: starts in four minutes, ladder in minutes, pretended payment."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--workspace", default="demo", metavar="SLUG")

    def handle(self, *, workspace: str, **options: Any) -> None:
        try:
            actor = _inside(get_workspace(workspace).pk)
        except DomainError as error:
            raise CommandError(error.message) from None
        product = products_visible_to(actor).first()
        groups = _groups_of_first_community(actor)
        if product is None or not groups:
            raise CommandError("The workspace needs a product and a group with a delivery channel.")
        try:
            sale = schedule_demo_sale(variant=product.variants.get(), groups=groups, now=clock.now())
        except DomainError as error:
            raise CommandError(error.message) from None
        self.stdout.write(f"{settings.PUBLIC_URL}/s/{sale.public_code}")


def _groups_of_first_community(actor: Actor) -> list[Any]:
    """Those with a delivery channel; a sale belongs to one community, and the demo's is the oldest."""
    groups = list(groups_visible_to(actor).filter(endpoint__isnull=False))
    return [group for group in groups if group.community_id == groups[0].community_id]


def _inside(workspace_id: int) -> Actor:
    system = Actor.system("manage demo_sale")
    return Actor(kind=system.kind, id=None, label=system.label, workspace_id=workspace_id)
