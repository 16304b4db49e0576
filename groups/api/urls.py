from rest_framework.routers import SimpleRouter

from groups.api.views import CommunityViewSet, GroupViewSet


def register(router: SimpleRouter) -> None:
    """Add this app's resources to the one REST router."""
    router.register("communities", CommunityViewSet, basename="community")
    router.register("groups", GroupViewSet, basename="group")
