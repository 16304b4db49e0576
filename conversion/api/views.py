"""REST of products, sales and orders."""

from datetime import datetime
from typing import Any, ClassVar

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from campaigns.services import plan_data
from community_ops.common import clock, money
from community_ops.common.api.filters import VisibleFilter
from community_ops.common.api.views import TenantViewSet
from community_ops.common.errors import DomainError
from conversion import selectors, services
from conversion.api import serializers
from conversion.errors import SaleLimitReached, SaleNotOpen, SaleSoldOut
from conversion.models import FlashSale, Order, OrderSource, OrderState, Product
from conversion.services import SaleTerms
from groups.selectors import communities_visible_to
from members.selectors import members_visible_to


class ReadingViewSet(TenantViewSet):
    """A viewset that reads bodies by serializers which know who asks."""

    def read(self, kind: type[Serializer]) -> dict[str, Any]:
        """The validated body; raises ValidationError naming the fields."""
        given = kind(data=self.request.data, context=self.get_serializer_context())
        given.is_valid(raise_exception=True)
        return dict(given.validated_data)


class ProductViewSet(ListModelMixin, RetrieveModelMixin, ReadingViewSet):
    """Products with their variants and regular prices."""

    queryset = Product.objects.none()
    serializer_class = serializers.ProductSerializer
    allowed: ClassVar[dict[str, str]] = {
        "list": "products.view",
        "retrieve": "products.view",
        "create": "products.manage",
    }

    def get_queryset(self) -> QuerySet[Product]:
        return selectors.products_visible_to(self.actor)

    @extend_schema(request=serializers.NewProductSerializer, responses={201: serializers.ProductSerializer})
    def create(self, request: Request) -> Response:
        wanted = self.read(serializers.NewProductSerializer)
        wanted["price_amount"] = _minor(wanted)
        product = services.create_product(workspace_id=self.workspace_id, actor=self.actor, now=clock.now(), **wanted)
        return Response(self.get_serializer(product).data, status=201)


class FlashSaleViewSet(ListModelMixin, RetrieveModelMixin, ReadingViewSet):
    """Flash sales: draft, schedule, pause, resume, cancel, move, and buying."""

    queryset = FlashSale.objects.none()
    serializer_class = serializers.FlashSaleSerializer
    allowed: ClassVar[dict[str, str]] = {
        "list": "sales.view",
        "retrieve": "sales.view",
        "create": "sales.manage",
        "rehearse": "sales.manage",
        "schedule": "sales.manage",
        "pause": "sales.manage",
        "resume": "sales.manage",
        "cancel": "sales.manage",
        "move": "sales.manage",
        "orders": "orders.manage",
    }

    def get_queryset(self) -> QuerySet[FlashSale]:
        if self.request.method == "POST":
            return selectors.bare_sales_visible_to(self.actor)
        return selectors.with_counts(selectors.flash_sales_visible_to(self.actor), now=self.now)

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "now": self.now}

    @property
    def now(self) -> datetime:
        """One moment for the whole request: state and counts belong together."""
        if not hasattr(self, "_now"):
            self._now = clock.now()
        return self._now

    def refused(self, error: DomainError) -> None:
        if isinstance(error, SaleNotOpen | SaleLimitReached | SaleSoldOut):  # so the sale was found
            services.count_refusal(sale_id=int(self.kwargs["pk"]), refusal=error, now=self.now)

    @extend_schema(request=serializers.NewFlashSaleSerializer, responses={201: serializers.FlashSaleSerializer})
    def create(self, request: Request) -> Response:
        wanted = self.read(serializers.NewFlashSaleSerializer)
        wanted["price_amount"] = _minor(wanted)
        wanted["variant"] = wanted.pop("product").variants.all()[0]
        if "playbook" not in wanted:
            wanted["playbook"] = services.default_playbook(workspace_id=self.workspace_id, now=self.now)
        sale = services.create_flash_sale(terms=SaleTerms(**wanted), actor=self.actor, now=self.now)
        return Response(self._shown(sale), status=201)

    @extend_schema(request=None, responses=serializers.RehearsedSaleSerializer)
    @action(detail=True, methods=["post"])
    def rehearse(self, request: Request, pk: str) -> Response:
        """What `schedule` would answer now, and what its messages would take. Nothing changes."""
        sale = self.get_object()
        warnings = services.rehearse_flash_sale(sale=sale, now=self.now)
        found = services.forecast_sale(sale, now=self.now)
        forecast = plan_data(found) if found is not None else None
        return Response({**self._shown(sale), "warnings": warnings, "forecast": forecast})

    @extend_schema(request=None, responses=serializers.FlashSaleSerializer)
    @action(detail=True, methods=["post"])
    def schedule(self, request: Request, pk: str) -> Response:
        sale = self.get_object()
        warnings = services.schedule_flash_sale(sale=sale, actor=self.actor, now=self.now)
        return Response({**self._shown(sale), "warnings": warnings})

    @extend_schema(request=serializers.ReasonSerializer, responses=serializers.FlashSaleSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        return self._change(services.pause_flash_sale)

    @extend_schema(request=serializers.ReasonSerializer, responses=serializers.FlashSaleSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        return self._change(services.resume_flash_sale)

    @extend_schema(request=serializers.ReasonSerializer, responses=serializers.FlashSaleSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        return self._change(services.cancel_flash_sale)

    @extend_schema(request=serializers.WindowSerializer, responses=serializers.FlashSaleSerializer)
    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: str) -> Response:
        sale, wanted = self.get_object(), self.read(serializers.WindowSerializer)
        services.reschedule_flash_sale(sale=sale, actor=self.actor, now=self.now, **wanted)
        return Response({**self._shown(sale), "warnings": services.held_warnings(sale)})

    @extend_schema(request=serializers.NewOrderSerializer, responses={201: serializers.OrderSerializer})
    @action(detail=True, methods=["post"])
    def orders(self, request: Request, pk: str) -> Response:
        sale, wanted = self.get_object(), self.read(serializers.NewOrderSerializer)
        order = services.place_order(sale=sale, actor=self.actor, now=self.now, source=OrderSource.API, **wanted)
        return Response(serializers.OrderSerializer(order, context=self.get_serializer_context()).data, status=201)

    def _change(self, change: Any) -> Response:
        sale, wanted = self.get_object(), self.read(serializers.ReasonSerializer)
        change(sale=sale, actor=self.actor, now=self.now, **wanted)
        return Response(self._shown(sale))

    def _shown(self, sale: FlashSale) -> dict[str, Any]:
        """The sale as it is after the change."""
        fresh = selectors.get_flash_sale(self.actor, sale.pk, now=self.now)
        return {**self.get_serializer(fresh).data}


class OrderFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    flash_sale = VisibleFilter(selectors.bare_sales_visible_to, field_name="sale")
    member = VisibleFilter(members_visible_to)
    community = VisibleFilter(communities_visible_to)
    state = filters.ChoiceFilter(choices=OrderState.choices, method="in_state")

    class Meta:
        model = Order
        fields: list[str] = []

    def in_state(self, rows: QuerySet[Order], name: str, value: str) -> QuerySet[Order]:
        return selectors.orders_in_state(rows, value, now=clock.now())


class OrderViewSet(ListModelMixin, RetrieveModelMixin, ReadingViewSet):
    """Orders of sales and imports; pay, cancel, accept a late payment, deliver, refund."""

    queryset = Order.objects.none()
    serializer_class = serializers.OrderSerializer
    filterset_class = OrderFilter
    allowed: ClassVar[dict[str, str]] = {
        "list": "orders.view",
        "retrieve": "orders.view",
        "pay": "orders.manage",
        "cancel": "orders.manage",
        "accept": "orders.manage",
        "refund": "orders.refund",
        "fulfil": "orders.manage",
    }

    def get_queryset(self) -> QuerySet[Order]:
        return selectors.orders_visible_to(self.actor)

    @extend_schema(request=None, responses=serializers.OrderSerializer)
    @action(detail=True, methods=["post"])
    def pay(self, request: Request, pk: str) -> Response:
        order = services.pay_order(order=self.get_object(), actor=self.actor, now=clock.now())
        return Response(self.get_serializer(order).data)

    @extend_schema(request=serializers.ReasonSerializer, responses=serializers.OrderSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        order, wanted = self.get_object(), self.read(serializers.ReasonSerializer)
        services.cancel_order(order=order, actor=self.actor, now=clock.now(), **wanted)
        return Response(self.get_serializer(order).data)

    @extend_schema(request=None, responses=serializers.OrderSerializer)
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, pk: str) -> Response:
        order = services.accept_late_payment(order=self.get_object(), actor=self.actor, now=clock.now())
        return Response(self.get_serializer(order).data)

    @extend_schema(request=serializers.ReasonSerializer, responses=serializers.OrderSerializer)
    @action(detail=True, methods=["post"])
    def refund(self, request: Request, pk: str) -> Response:
        order, wanted = self.get_object(), self.read(serializers.ReasonSerializer)
        services.refund_order(order=order, actor=self.actor, now=clock.now(), **wanted)
        return Response(self.get_serializer(order).data)

    @extend_schema(request=None, responses=serializers.OrderSerializer)
    @action(detail=True, methods=["post"])
    def fulfil(self, request: Request, pk: str) -> Response:
        order = services.fulfil_order(order=self.get_object(), actor=self.actor, now=clock.now())
        return Response(self.get_serializer(order).data)


def _minor(wanted: dict[str, Any]) -> int:
    return money.to_minor(wanted["price_amount"], wanted["currency"], field="price_amount")
