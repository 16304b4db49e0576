"""A person who posts by hand. Nothing is called: the engine hands the delivery over (`services.handing`)."""

from messaging.platforms.assisted.capabilities import CAPABILITIES
from messaging.platforms.assisted.config import SETTINGS
from messaging.platforms.base import Adapter, Outcome, Outgoing, Result


class AssistedAdapter(Adapter):
    capabilities = CAPABILITIES
    settings = SETTINGS

    def send(self, message: Outgoing) -> Result:
        """There is nobody to call: whoever comes here has passed by the hand-over, and nothing was sent."""
        return Result(Outcome.REFUSED, code="by_hand_only")
