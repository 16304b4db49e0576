from django.apps import AppConfig

from dashboard import admin_words


class DashboardConfig(AppConfig):
    name = "dashboard"

    def ready(self) -> None:
        admin_words.apply()
