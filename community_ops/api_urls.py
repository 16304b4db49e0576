"""REST: one router for the whole house."""

from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.routers import SimpleRouter

from campaigns.api.urls import register as register_campaigns
from community_ops.common.api.assets import register as register_assets
from conversion.api.urls import register as register_conversion
from groups.api.urls import register as register_groups
from members.api.urls import register as register_members
from messaging.api.urls import register as register_messaging

router = SimpleRouter()
for register in (
    register_assets,
    register_messaging,
    register_groups,
    register_members,
    register_campaigns,
    register_conversion,
):
    register(router)

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="api-schema"), name="api-docs"),
    *router.urls,
]
