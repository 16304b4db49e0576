from django.urls import path, register_converter

from campaigns.views import acting, announcements, calendar, composing, plans, requeueing


class AnnouncementAction:
    """What can be done to an announcement on its page."""

    regex = "schedule|send_now|move|pause|resume|cancel"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(AnnouncementAction, "announcement_action")

app_name = "campaigns"
_one = "w/<slug:slug>/announcements/<int:announcement_id>/"
urlpatterns = [
    path("w/<slug:slug>/announcements/", announcements.announcement_list, name="announcements"),
    path("w/<slug:slug>/announcements/new/", composing.announcement_new, name="announcement_new"),
    path(_one, announcements.announcement_detail, name="announcement"),
    path(f"{_one}edit/", composing.announcement_edit, name="announcement_edit"),
    path(f"{_one}copy/", composing.announcement_copy, name="announcement_copy"),
    path(f"{_one}requeue/", requeueing.announcement_requeue, name="announcement_requeue"),
    path(f"{_one}<announcement_action:action>/", acting.announcement_act, name="announcement_act"),
    path("w/<slug:slug>/calendar/", calendar.calendar, name="calendar"),
    path("w/<slug:slug>/playbooks/", plans.playbook_list, name="playbooks"),
    path("w/<slug:slug>/playbooks/<int:playbook_id>/", plans.playbook_detail, name="playbook"),
    path("w/<slug:slug>/runs/<int:run_id>/", plans.run_detail, name="run"),
    path("w/<slug:slug>/runs/<int:run_id>/pause/", plans.run_pause, name="run_pause"),
    path("w/<slug:slug>/runs/<int:run_id>/resume/", plans.run_resume, name="run_resume"),
    path("w/<slug:slug>/runs/<int:run_id>/stop/", plans.run_stop, name="run_stop"),
    path("w/<slug:slug>/runs/<int:run_id>/requeue/", requeueing.run_requeue, name="run_requeue"),
]
