"""REST of images: uploaded once, then named by their id."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from community_ops.common import pictures
from community_ops.common.api.views import TenantViewSet
from community_ops.common.assets import images_of, public_link, read_bytes, store_image
from community_ops.common.models import Asset


class AssetSerializer(serializers.ModelSerializer):
    """An image as it was kept: upright, without what the camera wrote into it. `url`: whoever has it may fetch it."""

    width = serializers.SerializerMethodField()
    height = serializers.SerializerMethodField()
    url = serializers.SerializerMethodField()

    class Meta:
        model = Asset
        fields = ("id", "content_type", "width", "height", "size_bytes", "url")
        read_only_fields = fields

    def get_width(self, asset: Asset) -> int:
        return int(self.context["size"][0])

    def get_height(self, asset: Asset) -> int:
        return int(self.context["size"][1])

    def get_url(self, asset: Asset) -> str:
        return public_link(asset)


class NewAssetSerializer(serializers.Serializer):
    """What POST takes, as a form with a file."""

    image = serializers.FileField()


class AssetViewSet(TenantViewSet):
    """Images for announcements. The same image is kept once, so sending it again is harmless."""

    queryset, serializer_class = Asset.objects.none(), AssetSerializer
    parser_classes = [MultiPartParser]
    allowed: ClassVar[dict[str, str]] = {"create": "announcements.write"}

    def get_queryset(self) -> QuerySet[Any]:
        return images_of(self.actor)

    @extend_schema(request={"multipart/form-data": NewAssetSerializer}, responses={201: AssetSerializer})
    def create(self, request: Request) -> Response:
        """JPEG, PNG, WebP or GIF up to 10 MB. It is written anew, at most 4,096 pixels a side."""
        given = NewAssetSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        asset = store_image(given.validated_data["image"], workspace_id=self.workspace_id)
        context = {**self.get_serializer_context(), "size": pictures.size_of(read_bytes(asset))}
        return Response(AssetSerializer(asset, context=context).data, status=201)


def register(router: SimpleRouter) -> None:
    """Add the images to the one REST router."""
    router.register("assets", AssetViewSet, basename="asset")
