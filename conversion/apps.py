from django.apps import AppConfig
from django.utils.module_loading import import_string


class ConversionConfig(AppConfig):
    name = "conversion"

    def ready(self) -> None:
        import_string("conversion.registrations.register")()
        import_string("conversion.webhooks.offer_events")()
