"""Images on their way out: fitted to what a platform takes, or the link by which it fetches them."""

from functools import lru_cache

from community_ops.common import pictures
from community_ops.common.assets import public_link, read_bytes
from community_ops.common.models import Asset
from messaging.platforms.base import ImageRule, ImageWay, Picture


def for_platform(asset: Asset, rule: ImageRule) -> Picture:
    """The image as the platform takes it. Raises `pictures.PictureLost` when its file is gone or cannot be fitted."""
    if rule.way is ImageWay.HERE:
        return Picture(asset.pk, asset.content_type, asset.file_name)
    if rule.way is ImageWay.ADDRESS:
        return Picture(asset.pk, asset.content_type, asset.file_name, url=public_link(asset))
    data, content_type = _fitted(asset.pk, rule)
    return Picture(asset.pk, content_type, asset.file_name, data=data, is_file=_is_file(data, rule.max_ratio))


def _is_file(data: bytes, max_ratio: int | None) -> bool:
    if max_ratio is None:
        return False
    shorter, longer = sorted(pictures.size_of(data))
    return longer > shorter * max_ratio


@lru_cache(maxsize=4)  # a fan-out sends one image a thousand times
def _fitted(asset_id: int, rule: ImageRule) -> tuple[bytes, str]:
    asset = Asset.objects.get(pk=asset_id)
    return pictures.fitted(
        read_bytes(asset), max_bytes=rule.max_bytes, max_side=rule.max_side, content_types=rule.content_types
    )
