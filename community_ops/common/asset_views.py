"""Images by their signed link, for whoever has it: a platform that fetches them, a member's phone."""

from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase
from django.views.decorators.http import require_safe

from community_ops.common.assets import find_by_link

A_YEAR = 365 * 24 * 3600


@require_safe
def asset(request: HttpRequest, token: str) -> HttpResponseBase:
    """The image, shown as what it is and as nothing else."""
    found = find_by_link(token)
    if found is None or not default_storage.exists(found.path):
        raise Http404
    response = FileResponse(default_storage.open(found.path), content_type=found.content_type)
    response["Cache-Control"] = f"private, max-age={A_YEAR}, immutable"
    response["Content-Disposition"] = "inline"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    return response
