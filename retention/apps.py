from django.apps import AppConfig
from django.utils.module_loading import import_string


class RetentionConfig(AppConfig):
    name = "retention"

    def ready(self) -> None:
        import_string("retention.subscribers.subscribe")()
        import_string("retention.pages.register")()
