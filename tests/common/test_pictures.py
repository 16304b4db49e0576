"""Images that people upload, and their links."""

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from community_ops.common import assets, pictures
from community_ops.common.models import Asset


def drawn(kind: str = "PNG", size: tuple[int, int] = (40, 30), mode: str = "RGB", **how) -> bytes:
    sink = io.BytesIO()
    Image.new(mode, size, how.pop("colour", "red")).save(sink, kind, **how)
    return sink.getvalue()


def noise(side: int) -> bytes:
    """An image that cannot be compressed."""
    sink = io.BytesIO()
    Image.effect_noise((side, side), 100).convert("RGB").save(sink, "PNG")
    return sink.getvalue()


def test_an_image_is_written_anew_without_what_the_camera_said() -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Maker of cameras", 6  # turned by a quarter
    data, kind = pictures.clean(drawn("JPEG", exif=exif))
    assert (kind, pictures.size_of(data)) == ("image/jpeg", (30, 40))
    assert b"Maker" not in data


def test_a_transparent_background_stays_and_an_animation_is_its_first_picture() -> None:
    assert pictures.clean(drawn(mode="RGBA", colour=(1, 2, 3, 0)))[1] == "image/png"
    frames = [Image.new("P", (10, 10), shade) for shade in (0, 1)]
    sink = io.BytesIO()
    frames[0].save(sink, "GIF", save_all=True, append_images=frames[1:])
    assert pictures.clean(sink.getvalue())[1] == "image/jpeg"


@pytest.mark.parametrize(
    "data",
    [b"", b"no image", b"\x89PNG\r\n\x1a\n" + b"\0" * 50, b"<svg xmlns='http://www.w3.org/2000/svg'/>", drawn()[:45]],
)
def test_what_is_no_image_is_refused(data) -> None:
    with pytest.raises(pictures.PictureRefused) as caught:
        pictures.clean(data)
    assert caught.value.field == "image"


def test_a_file_over_the_limit_is_refused_unread(monkeypatch) -> None:
    monkeypatch.setattr(pictures, "MAX_BYTES", 100)
    with pytest.raises(pictures.PictureRefused):
        pictures.clean(drawn(size=(200, 200)) + b"\0" * 100)


def test_a_bomb_is_refused_before_it_is_opened(monkeypatch) -> None:
    data = drawn()
    monkeypatch.setattr(pictures, "MAX_PIXELS", 1000)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("it was opened"))
    with pytest.raises(pictures.PictureRefused):
        pictures.clean(data)


def test_an_image_that_fits_is_left_as_it_is() -> None:
    data, _ = pictures.clean(drawn())
    assert pictures.fitted(data, max_bytes=10_000) == (data, "image/jpeg")


def test_a_large_image_is_made_as_small_as_it_has_to_be() -> None:
    data, _ = pictures.clean(noise(400))
    small, kind = pictures.fitted(data, max_bytes=20_000, max_side=300)
    assert (kind, len(small) <= 20_000, max(pictures.size_of(small)) <= 300) == ("image/jpeg", True, True)


def test_a_platform_without_png_gets_a_white_ground() -> None:
    data, _ = pictures.clean(drawn(mode="RGBA", colour=(255, 0, 0, 0)))
    jpeg, kind = pictures.fitted(data, max_bytes=10_000, content_types=("image/jpeg",))
    assert (kind, Image.open(io.BytesIO(jpeg)).getpixel((5, 5))) == ("image/jpeg", (255, 255, 255))


def test_what_cannot_be_made_small_enough_is_said() -> None:
    with pytest.raises(pictures.PictureLost):
        pictures.fitted(pictures.clean(noise(300))[0], max_bytes=100)


# --- the file and its link ----------------------------------------------------------------------------


@pytest.fixture
def asset(workspace) -> Asset:
    return assets.store_image(SimpleUploadedFile("毛衣.PNG", drawn()), workspace_id=workspace.pk)


def test_the_same_image_is_kept_once_for_each_workspace(workspace, stranger, asset) -> None:
    again = assets.store_image(SimpleUploadedFile("other.png", drawn()), workspace_id=workspace.pk)
    foreign = assets.store_image(SimpleUploadedFile("x.png", drawn()), workspace_id=stranger.workspace.pk)
    assert (again.pk, foreign.pk != asset.pk) == (asset.pk, True)
    assert (asset.file_name, asset.content_type) == ("毛衣.jpeg", "image/jpeg")


def test_whoever_has_the_link_sees_the_image_and_nothing_else(client, asset, settings) -> None:
    settings.PUBLIC_URL = "https://c.example"
    link = assets.public_link(asset)
    assert link.startswith("https://c.example/f/")
    answer = client.get(link.removeprefix("https://c.example"))
    assert (answer.status_code, answer["Content-Type"], answer["X-Content-Type-Options"]) == (
        200,
        "image/jpeg",
        "nosniff",
    )
    assert b"".join(answer.streaming_content) == assets.read_bytes(asset)


@pytest.mark.parametrize("token", ["x", "WzEsIngiXQ:bad", "%00"])
def test_a_link_that_was_not_signed_here_leads_nowhere(client, asset, token) -> None:
    assert client.get(f"/f/{token}").status_code == 404


def test_a_table_is_never_handed_out_by_a_link(client, asset) -> None:
    link = assets.public_link(asset)
    Asset.objects.filter(pk=asset.pk).update(content_type="text/csv")
    assert client.get(link[link.index("/f/") :]).status_code == 404


def test_a_file_that_is_gone_is_said(client, asset, settings) -> None:
    link = assets.public_link(asset)
    assets.default_storage.delete(asset.path)
    with pytest.raises(pictures.PictureLost):
        assets.read_bytes(asset)
    assert client.get(link[link.index("/f/") :]).status_code == 404
