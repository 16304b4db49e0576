from rest_framework.routers import SimpleRouter

from conversion.api import views


def register(router: SimpleRouter) -> None:
    """Add this app's resources to the one REST router."""
    router.register("products", views.ProductViewSet, basename="product")
    router.register("flash-sales", views.FlashSaleViewSet, basename="flash-sale")
    router.register("orders", views.OrderViewSet, basename="order")
