from django.apps import AppConfig

from community_ops import checks

__all__ = ["CommonConfig", "checks"]  # importing checks registers them


class CommonConfig(AppConfig):
    name = "community_ops.common"
    label = "common"
    verbose_name = "Common"
