from rest_framework.routers import SimpleRouter

from members.api.views import EventViewSet, MembershipViewSet, MemberViewSet


def register(router: SimpleRouter) -> None:
    """Add this app's resources to the one REST router."""
    router.register("members", MemberViewSet, basename="member")
    router.register("memberships", MembershipViewSet, basename="membership")
    router.register("events", EventViewSet, basename="event")
