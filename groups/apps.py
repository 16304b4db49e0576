from django.apps import AppConfig
from django.utils.module_loading import import_string


class GroupsConfig(AppConfig):
    name = "groups"

    def ready(self) -> None:
        import_string("groups.assignments.register")()
        import_string("groups.places.register")()
        import_string("groups.subscribers.subscribe")()
        import_string("groups.webhooks.offer_events")()
