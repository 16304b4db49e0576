"""REST of images and files: uploaded once, then named by their id."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from community_ops.common import pictures
from community_ops.common.api.views import TenantViewSet
from community_ops.common.assets import IMAGE_TYPES, files_of, public_link, read_bytes, store_file, store_image
from community_ops.common.models import Asset


class AssetSerializer(serializers.ModelSerializer):
    """An image as it was kept: upright, without what the camera wrote into it; or a file as it came, which has no
    `width` and `height`. `url`: whoever has it may fetch it."""

    width = serializers.SerializerMethodField()
    height = serializers.SerializerMethodField()
    url = serializers.SerializerMethodField()

    class Meta:
        model = Asset
        fields = ("id", "content_type", "width", "height", "size_bytes", "url")
        read_only_fields = fields

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_width(self, asset: Asset) -> int | None:
        return self._side(0)

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_height(self, asset: Asset) -> int | None:
        return self._side(1)

    def _side(self, number: int) -> int | None:
        size: tuple[int, int] | None = self.context["size"]
        return size[number] if size is not None else None

    def get_url(self, asset: Asset) -> str:
        return public_link(asset)


class NewAssetSerializer(serializers.Serializer):
    """What POST takes, as a form: an `image`, or a `file` of any kind."""

    image = serializers.FileField(required=False)
    file = serializers.FileField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            raise serializers.ValidationError({"image": [_("Send either an image or a file.")]})
        return attrs


class AssetViewSet(TenantViewSet):
    """Images and files for announcements. The same content is kept once, so sending it again is harmless."""

    queryset, serializer_class = Asset.objects.none(), AssetSerializer
    parser_classes = [MultiPartParser]
    allowed: ClassVar[dict[str, str]] = {"create": "announcements.write"}

    def get_queryset(self) -> QuerySet[Any]:
        return files_of(self.actor)

    @extend_schema(request={"multipart/form-data": NewAssetSerializer}, responses={201: AssetSerializer})
    def create(self, request: Request) -> Response:
        """`image`: JPEG, PNG, WebP or GIF up to 10 MB, written anew, at most 4,096 pixels a side. `file`: any, up to
        20 MB, kept as it is."""
        given = NewAssetSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        if "file" in given.validated_data:
            asset = store_file(given.validated_data["file"], workspace_id=self.workspace_id)
        else:
            asset = store_image(given.validated_data["image"], workspace_id=self.workspace_id)
        size = pictures.size_of(read_bytes(asset)) if asset.content_type in IMAGE_TYPES else None
        context = {**self.get_serializer_context(), "size": size}
        return Response(AssetSerializer(asset, context=context).data, status=201)


def register(router: SimpleRouter) -> None:
    """Add images and files to the one REST router."""
    router.register("assets", AssetViewSet, basename="asset")
