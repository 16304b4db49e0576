"""Images and files by their signed link, for whoever has it: a platform that fetches images, a colleague's phone."""

from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase
from django.views.decorators.http import require_safe

from community_ops.common.assets import IMAGE_TYPES, find_by_link

A_YEAR = 365 * 24 * 3600


@require_safe
def asset(request: HttpRequest, token: str) -> HttpResponseBase:
    """An image, shown as what it is and as nothing else; any other file to be saved, never opened here."""
    found = find_by_link(token)
    if found is None or not default_storage.exists(found.path):
        raise Http404
    stored = default_storage.open(found.path)
    if found.content_type in IMAGE_TYPES:
        response = FileResponse(stored, content_type=found.content_type)
        response["Content-Disposition"] = "inline"
    else:
        response = FileResponse(stored, as_attachment=True, filename=found.file_name, content_type=found.content_type)
    response["Cache-Control"] = f"private, max-age={A_YEAR}, immutable"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    return response
