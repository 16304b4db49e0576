from rest_framework.routers import SimpleRouter

from messaging.api.room_views import RoomViewSet
from messaging.api.task_views import AssigneeViewSet, TaskItemViewSet, TaskViewSet
from messaging.api.views import (
    ConnectionViewSet,
    EndpointViewSet,
    ExemptionViewSet,
    FoundChatViewSet,
    FrequencyCapViewSet,
    HolidayViewSet,
    QuietHoursViewSet,
    RawEventViewSet,
)
from messaging.api.webhook_views import WebhookCallViewSet, WebhookViewSet


def register(router: SimpleRouter) -> None:
    """Add this app's resources to the one REST router."""
    router.register("endpoints", EndpointViewSet, basename="endpoint")
    router.register("rooms", RoomViewSet, basename="room")
    router.register("connections", ConnectionViewSet, basename="connection")
    router.register("found-chats", FoundChatViewSet, basename="found-chat")
    router.register("raw-events", RawEventViewSet, basename="raw-event")
    router.register("quiet-hours", QuietHoursViewSet, basename="quiet-hours")
    router.register("holidays", HolidayViewSet, basename="holiday")
    router.register("frequency-caps", FrequencyCapViewSet, basename="frequency-cap")
    router.register("exemptions", ExemptionViewSet, basename="exemption")
    router.register("assignees", AssigneeViewSet, basename="assignee")
    router.register("tasks", TaskViewSet, basename="task")
    router.register("task-items", TaskItemViewSet, basename="task-item")
    router.register("webhooks", WebhookViewSet, basename="webhook")
    router.register("webhook-calls", WebhookCallViewSet, basename="webhook-call")
