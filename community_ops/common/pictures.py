"""Images that people upload: read with care, written anew, made as small as somebody needs them."""

import io
import warnings
from collections.abc import Collection

from django.utils.translation import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

from community_ops.common.errors import InvalidInput

MAX_BYTES = 10 * 2**20
MAX_PIXELS = 50_000_000  # more is no photograph but a bomb: a small file that needs gigabytes when it is opened
KEPT_SIDE = 4096  # pixels; larger ones are kept smaller
READ_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
QUALITIES = (90, 80, 65, 50)
SMALLEST_SIDE = 64
_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png"}


class PictureRefused(InvalidInput):
    """What was uploaded is no image that can be kept."""

    code = "file_refused"
    field = "image"


class PictureLost(Exception):
    """A stored image cannot be read or made fit any more."""


def clean(data: bytes) -> tuple[bytes, str]:
    """An uploaded image written anew, upright, without a word of where and with what it was taken; and its type.

    PNG where it has a transparent background, else JPEG; of an animation the first picture. Raises PictureRefused:
    too large, no image, an image of more pixels than anybody's camera has.
    """
    if not 0 < len(data) <= MAX_BYTES:
        raise PictureRefused(_("An image may have up to %(count)d MB.") % {"count": MAX_BYTES // 2**20})
    try:
        image = _opened(data)
    except PictureLost as problem:
        raise PictureRefused(str(problem)) from None
    image.thumbnail((KEPT_SIDE, KEPT_SIDE))
    return _written(image, "PNG" if image.mode == "RGBA" else "JPEG", QUALITIES[0])


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height in pixels."""
    return _opened(data).size


def fitted(
    data: bytes, *, max_bytes: int, max_side: int | None = None, content_types: Collection[str] = tuple(_TYPES.values())
) -> tuple[bytes, str]:
    """An image that `clean` wrote, in at most `max_bytes` and one of the types, changed no more than it takes.

    Returns it with its type. Raises PictureLost when it cannot be read.
    """
    image = _opened(data)
    kind = _TYPES["PNG"] if image.mode == "RGBA" else _TYPES["JPEG"]
    is_small = len(data) <= max_bytes and (max_side is None or max(image.size) <= max_side)
    if is_small and kind in content_types:
        return data, kind
    side = min(max_side or max(image.size), max(image.size))
    while True:
        smaller = image.copy()
        smaller.thumbnail((side, side))
        for quality in QUALITIES:
            written, kind = _written(smaller, "JPEG", quality)
            if len(written) <= max_bytes:
                return written, kind
        side = side * 3 // 4
        if side < SMALLEST_SIDE:
            raise PictureLost(_("The image cannot be made small enough."))


def _opened(data: bytes) -> Image.Image:
    """The first picture of the file, upright, in RGB or, with a transparent background, RGBA."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=READ_FORMATS)
            if image.width * image.height > MAX_PIXELS:
                raise PictureLost(_("The image has too many pixels."))
            image.load()
            upright = ImageOps.exif_transpose(image)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, MemoryError, OverflowError):
        raise PictureLost(_("This is not an image that can be read.")) from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise PictureLost(_("The image has too many pixels.")) from None
    return upright.convert("RGBA" if _is_transparent(upright) else "RGB")


def _is_transparent(image: Image.Image) -> bool:
    if "transparency" not in image.info and image.mode not in ("RGBA", "LA", "PA"):
        return False
    return any(image.convert("RGBA").getchannel("A").histogram()[:255])


def _written(image: Image.Image, format_name: str, quality: int) -> tuple[bytes, str]:
    if format_name == "JPEG" and image.mode != "RGB":
        ground = Image.new("RGB", image.size, "white")
        ground.paste(image, mask=image.getchannel("A"))
        image = ground
    sink = io.BytesIO()
    image.save(sink, format_name, quality=quality, optimize=True)
    return sink.getvalue(), _TYPES[format_name]
