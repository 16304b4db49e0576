from rest_framework.routers import SimpleRouter

from campaigns.api.run_views import PlaybookRunViewSet
from campaigns.api.views import AnnouncementViewSet, DeliveryViewSet


def register(router: SimpleRouter) -> None:
    """Add this app's resources to the one REST router."""
    router.register("announcements", AnnouncementViewSet, basename="announcement")
    router.register("deliveries", DeliveryViewSet, basename="delivery")
    router.register("playbook-runs", PlaybookRunViewSet, basename="playbook-run")
