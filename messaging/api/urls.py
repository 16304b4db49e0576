from rest_framework.routers import SimpleRouter

from messaging.api.views import EndpointViewSet


def register(router: SimpleRouter) -> None:
    """Add this app's resources to the one REST router."""
    router.register("endpoints", EndpointViewSet, basename="endpoint")
