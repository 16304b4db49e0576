"""Members' own pages: the personal link /p/<code> and /me/."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import translation
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from community_ops.common import clock
from community_ops.common.throttle import Limit, page_if_over, too_many_from
from groups.ports import Panel
from members import selectors, services
from members.models import Member
from members.passes import current_member, forget_passes, remember_pass
from members.policies import safe_next
from members.ports import own_panels


@never_cache
@require_safe
def open_pass(request: HttpRequest, code: str) -> HttpResponse:
    """Exchange a personal link for a cookie and go on to `?next=` (a sale or the own page)."""
    found = selectors.find_pass(code)
    now = clock.now()
    if found is None:
        return too_many_from(request, now=now) or render(request, "public/pass_unknown.html", status=404)
    if refusal := page_if_over(Limit.LINK, f"pass:{found.pk}", now=now):
        return refusal
    services.note_pass_use(member_pass=found, now=now)
    response = HttpResponseRedirect(safe_next(request.GET.get("next", "")))
    remember_pass(request, response, found)
    return response


@never_cache
@require_safe
def own_page(request: HttpRequest) -> HttpResponse:
    """What a member sees of herself: name, groups, and what the apps above add (her orders)."""
    member = current_member(request)
    if member is None:
        return render(request, "public/me_nobody.html", status=403)
    if refusal := page_if_over(Limit.LINK, f"member:{member.pk}", now=clock.now()):
        return refusal
    with translation.override(member.community.locale):
        context = {
            "member": member,
            "memberships": selectors.memberships_of(member).filter(left_at__isnull=True),
            "panels": _panels(member),
            "zone": member.community.timezone,
        }
        return render(request, "public/me.html", context)


def _panels(member: Member) -> list[Panel]:
    now = clock.now()
    made = [own_panels.get(key).panel(member=member, now=now) for key in sorted(own_panels.keys())]
    return sorted((panel for panel in made if panel is not None), key=lambda panel: panel.order)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Forget the passes in this browser; the links themselves stay good."""
    response = redirect("members:own_page")
    forget_passes(response)
    return response
