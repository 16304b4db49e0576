from django.apps import AppConfig
from django.utils.module_loading import import_string


class CampaignsConfig(AppConfig):
    name = "campaigns"

    def ready(self) -> None:
        import_string("campaigns.guards.register")()
        import_string("campaigns.subscribers.subscribe")()
        import_string("campaigns.webhooks.offer_events")()
