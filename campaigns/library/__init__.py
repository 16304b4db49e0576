"""The built-in playbooks, as data."""

from campaigns.library.demo_ladder import DEMO_LADDER
from campaigns.library.flash_sale import FLASH_SALE_LADDER
from campaigns.library.shape import BuiltIn, Step

BUILT_IN: tuple[BuiltIn, ...] = (FLASH_SALE_LADDER, DEMO_LADDER)

__all__ = ["BUILT_IN", "DEMO_LADDER", "FLASH_SALE_LADDER", "BuiltIn", "Step"]
