"""商品: list with the form of a new one, and a product with its prices."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from community_ops.accounts.pages import WorkspaceRequest, page
from community_ops.accounts.policies import may
from community_ops.common import clock
from community_ops.common.errors import InvalidInput
from conversion import selectors, services
from conversion.forms import PriceForm, ProductForm, default_zone
from conversion.models import Product
from conversion.views.paging import page_of


@page("products.view", post="products.manage")
@require_http_methods(["GET", "POST"])
def product_list(request: WorkspaceRequest) -> HttpResponse:
    """Products, newest first, and the form of a new one."""
    form = ProductForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and (made := _create(request, form)):
        messages.success(request, _("“%(name)s” was added.") % {"name": made.name})
        return redirect("conversion:product_list", slug=request.workspace.slug)
    shown, pager = page_of(request, selectors.products_visible_to(request.actor))
    context = {
        "products": shown,
        "pager": pager,
        "form": form,
        "may_manage": may(request.actor, "products.manage"),
        "sale_url": reverse("conversion:sale_new", args=[request.workspace.slug]),
        "empty": {
            "icon": "shopping-bag",
            "title": _("No product yet"),
            "text": _("Add the first one: a name and its regular price are enough."),
        },
    }
    return render(request, "conversion/product_list.html", context, status=422 if form.errors else 200)


@page("products.view", post="products.manage")
@require_http_methods(["GET", "POST"])
def product_detail(request: WorkspaceRequest, product_id: int) -> HttpResponse:
    """A product, its price over time, and the form that changes it."""
    product = selectors.get_product(request.actor, product_id)
    form = PriceForm(request.POST or None, currency=product.currency)
    if request.method == "POST" and form.is_valid() and _change_price(request, product, form):
        messages.success(request, _("The new price counts from now on."))
        return redirect("conversion:product_detail", slug=request.workspace.slug, product_id=product.pk)
    context = {
        "product": product,
        "variant": product.variants.all()[0],
        "prices": selectors.price_history(product),
        "form": form,
        "may_manage": may(request.actor, "products.manage"),
        "zone": default_zone(),
        "breadcrumbs": [
            {"label": _("Products"), "url": reverse("conversion:product_list", args=[request.workspace.slug])}
        ],
    }
    return render(request, "conversion/product_detail.html", context, status=422 if form.errors else 200)


@page("products.manage")
@require_POST
def product_archive(request: WorkspaceRequest, product_id: int) -> HttpResponse:
    product = selectors.get_product(request.actor, product_id)
    services.archive_product(product=product, actor=request.actor, now=clock.now())
    messages.success(request, _("“%(name)s” was archived.") % {"name": product.name})
    return redirect("conversion:product_list", slug=request.workspace.slug)


def _create(request: WorkspaceRequest, form: ProductForm) -> Product | None:
    data = form.cleaned_data
    try:
        return services.create_product(
            workspace_id=request.workspace.pk,
            name=data["name"],
            price_amount=data["price_minor"],
            currency=data["currency"],
            actor=request.actor,
            now=clock.now(),
        )
    except InvalidInput as refusal:
        form.refuse(refusal)
        return None


def _change_price(request: WorkspaceRequest, product: Product, form: PriceForm) -> bool:
    data = form.cleaned_data
    try:
        services.change_price(
            variant=product.variants.all()[0],
            price_amount=data["price_minor"],
            reason=data["reason"],
            actor=request.actor,
            now=clock.now(),
        )
    except InvalidInput as refusal:
        form.refuse(refusal)
        return False
    return True
