"""Today's convert tile: it names a source only for money that somebody entered."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from conversion import services
from dashboard.period import Period
from dashboard.tiles import stage_tiles
from members.services import create_member
from tests.conversion.conftest import make_community, make_group, make_product, terms_of
from tests.factories.people import SYSTEM
from tests.moments import NOON

pytestmark = pytest.mark.django_db


def paid(workspace, mode) -> None:
    group = make_group(make_community(workspace, name=mode), mode)
    terms = terms_of(make_product(workspace, mode), group, payment_mode=mode)
    sale = services.create_flash_sale(terms=terms, actor=SYSTEM, now=NOON)
    services.schedule_flash_sale(sale=sale, actor=SYSTEM, now=NOON)
    member = create_member(community=sale.community, name=mode, actor=SYSTEM, now=NOON)
    order = services.place_order(sale=sale, member=member, quantity=1, actor=SYSTEM, now=NOON)
    services.pay_order(order=order, actor=SYSTEM, now=NOON)


@pytest.mark.parametrize(
    ("modes", "source"), [([], ""), (["sandbox"], ""), (["manual"], "manual"), (["sandbox", "manual"], "manual")]
)
def test_a_source_is_named_only_when_somebody_confirmed_money(owner, modes, source) -> None:
    for mode in modes:
        paid(owner.workspace, mode)
    period = Period(days=7, zone=ZoneInfo("Asia/Shanghai"), now=NOON + timedelta(seconds=1))
    (tile,) = (one for one in stage_tiles(owner.actor, "x", period) if one["stage"] == "convert")
    assert tile["source"] == source
