from django.apps import AppConfig
from django.utils.module_loading import import_string


class MessagingConfig(AppConfig):
    name = "messaging"

    def ready(self) -> None:
        import_string("messaging.guards.register")()
        import_string("messaging.webhooks.offer_events")()
        import_string("community_ops.common.pulses.need")("deliver_due")
