from django.apps import AppConfig
from django.utils.module_loading import import_string


class MembersConfig(AppConfig):
    name = "members"

    def ready(self) -> None:
        import_string("members.importing.registration.register")()
        import_string("members.pages.register")()
        import_string("members.webhooks.offer_events")()
        import_string("members.subscribers.subscribe")()
