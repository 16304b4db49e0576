"""A community with a group, members, a product and sales for the stories of conversion."""

import itertools
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from campaigns.models import Playbook
from campaigns.services import built_in_playbook
from community_ops.accounts.models import Workspace
from conversion import services
from conversion.models import FlashSale, Order, Product
from conversion.policies import StockCounts
from conversion.selectors import counts_of, find_sale
from groups.models import ChatGroup, Community
from members.models import Member
from members.services import create_member
from tests.factories.channels import bare_endpoint
from tests.factories.people import SYSTEM
from tests.moments import NOON

MakeSale = Callable[..., FlashSale]
MakeMember = Callable[..., Member]
Buy = Callable[..., Order]
HOLD = timedelta(seconds=900)
_numbers = itertools.count(1)


def make_community(workspace: Workspace, **facts: str) -> Community:
    defaults = {"name": "羊毛衫同好会", "shared_task": "一起穿得暖", "kind": "product", "timezone": "Asia/Shanghai"}
    return Community.objects.create(workspace=workspace, **(defaults | facts))


def make_group(community: Community, name: str = "一群") -> ChatGroup:
    workspace = community.workspace
    endpoint = bare_endpoint(workspace, name=name)
    return ChatGroup.objects.create(
        workspace=workspace, community=community, name=name, kind="long_term", endpoint=endpoint
    )


def make_product(workspace: Workspace, name: str = "羊毛衫", price: int = 39900, currency: str = "CNY") -> Product:
    return services.create_product(
        workspace_id=workspace.pk, name=name, price_amount=price, currency=currency, actor=SYSTEM, now=NOON
    )


def terms_of(product: Product, *groups: ChatGroup, **changes: object) -> services.SaleTerms:
    """One hour from NOON, 3 pieces, 2 per person, for 199.00; no ladder unless asked for."""
    wanted = {
        "variant": product.variants.get(),
        "groups": groups,
        "starts_at": NOON,
        "ends_at": NOON + timedelta(hours=1),
        "stock": 3,
        "price_amount": 19900,
        "currency": product.currency,
        "limit_per_member": 2,
    }
    return services.SaleTerms(**(wanted | changes))


def counts(sale: FlashSale, now: datetime = NOON) -> StockCounts:
    found = find_sale(sale.pk, now=now)
    assert found is not None
    return counts_of(found)


def adds_up(sale: FlashSale, now: datetime = NOON) -> StockCounts:
    """The counts, proved to add up to the stock."""
    found = counts(sale, now)
    assert found.sold + found.held + found.left == found.stock
    return found


@pytest.fixture
def community(workspace: Workspace) -> Community:
    return make_community(workspace)


@pytest.fixture
def group(community: Community) -> ChatGroup:
    return make_group(community)


@pytest.fixture
def product(workspace: Workspace) -> Product:
    return make_product(workspace)


@pytest.fixture
def new_member(community: Community) -> MakeMember:
    def make(name: str = "") -> Member:
        return create_member(community=community, name=name or f"群友 {next(_numbers)}", actor=SYSTEM, now=NOON)

    return make


@pytest.fixture
def member(new_member: MakeMember) -> Member:
    return new_member("李姐")


@pytest.fixture
def ladder(workspace: Workspace) -> Playbook:
    return built_in_playbook(workspace_id=workspace.pk, key="flash-sale", now=NOON)


@pytest.fixture
def new_sale(product: Product, group: ChatGroup) -> MakeSale:
    """A draft."""

    def make(*groups: ChatGroup, **changes: object) -> FlashSale:
        terms = terms_of(product, *(groups or [group]), **changes)
        return services.create_flash_sale(terms=terms, actor=SYSTEM, now=NOON)

    return make


@pytest.fixture
def open_sale(new_sale: MakeSale) -> MakeSale:
    """A sale that is open at NOON (unless told to start later)."""

    def make(*groups: ChatGroup, **changes: object) -> FlashSale:
        sale = new_sale(*groups, **changes)
        services.schedule_flash_sale(sale=sale, actor=SYSTEM, now=NOON)
        return sale

    return make


@pytest.fixture
def sale(open_sale: MakeSale) -> FlashSale:
    return open_sale()


@pytest.fixture
def buy(new_member: MakeMember) -> Buy:
    """Buy as a new member unless one is given."""

    def place(
        sale: FlashSale, quantity: int = 1, *, member: Member | None = None, now: datetime = NOON, key: str = ""
    ) -> Order:
        return services.place_order(
            sale=sale, member=member or new_member(), quantity=quantity, request_key=key, actor=SYSTEM, now=now
        )

    return place
