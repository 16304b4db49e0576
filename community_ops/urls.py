"""All addresses: pages of a workspace below /w/<slug>/, REST below /api/v1/, members' pages at the root."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponseRedirect
from django.templatetags.static import static
from django.urls import include, path

from community_ops.common import asset_views, health
from dashboard.views import home


def favicon(request: HttpRequest) -> HttpResponseRedirect:
    """Browsers ask for it on pages that name no icon of their own (the admin's sign-in, Swagger)."""
    return HttpResponseRedirect(static("community_ops/mark.svg"))


urlpatterns = [
    path("", home, name="home"),
    path("", include("community_ops.accounts.urls")),
    path("", include("dashboard.urls")),
    path("", include("messaging.urls")),
    path("", include("groups.urls")),
    path("", include("members.urls")),
    path("", include("campaigns.urls")),
    path("", include("conversion.urls")),
    path("", include("retention.urls")),
    path("", include("culture.urls")),
    path("f/<str:token>", asset_views.asset, name="asset"),
    path("favicon.ico", favicon),
    path("i18n/", include("django.conf.urls.i18n")),
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
    path("api/v1/", include("community_ops.api_urls")),
    path("admin/", admin.site.urls),
]

handler400 = "community_ops.error_pages.bad_request"
handler404 = "community_ops.error_pages.not_found"
handler500 = "community_ops.error_pages.server_error"
