"""What conversion answers to lower apps' ports."""

from conversion.guards import FlashSaleGuard, FlashSaleText
from conversion.importing import OrdersImporter
from conversion.panels import MemberOrders, OwnOrders, OwnSales
from conversion.services.sales import SUBJECT_KIND
from members.ports import member_panels, own_panels, register_importer
from messaging.ports import subject_guards, text_contexts


def register() -> None:
    """Called once when the apps are ready."""
    subject_guards.register(SUBJECT_KIND, FlashSaleGuard())
    text_contexts.register(SUBJECT_KIND, FlashSaleText())
    register_importer("orders", OrdersImporter())
    member_panels.register("orders", MemberOrders())
    own_panels.register("orders", OwnOrders())
    own_panels.register("sales", OwnSales())
