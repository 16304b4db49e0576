from django.urls import path

from messaging import (
    assignee_views,
    connection_views,
    endpoint_views,
    public_task_views,
    rule_views,
    task_views,
    views,
    webhook_urls,
)

app_name = "messaging"
urlpatterns = [
    path("w/<slug:slug>/endpoints/", endpoint_views.endpoint_list, name="endpoints"),
    path("w/<slug:slug>/endpoints/new/<str:platform>/", endpoint_views.endpoint_new, name="endpoint_new"),
    path("w/<slug:slug>/endpoints/<int:endpoint_id>/", endpoint_views.endpoint_edit, name="endpoint_edit"),
    path("w/<slug:slug>/endpoints/<int:endpoint_id>/limit/", endpoint_views.endpoint_limit, name="endpoint_limit"),
    path(
        "w/<slug:slug>/endpoints/<int:endpoint_id>/limit/drop/",
        endpoint_views.endpoint_unlimit,
        name="endpoint_unlimit",
    ),
    path("w/<slug:slug>/endpoints/<int:endpoint_id>/test/", endpoint_views.endpoint_test, name="endpoint_test"),
    path(
        "w/<slug:slug>/endpoints/<int:endpoint_id>/archive/", endpoint_views.endpoint_archive, name="endpoint_archive"
    ),
    path(
        "w/<slug:slug>/connections/<int:connection_id>/chats/",
        connection_views.connection_chats,
        name="connection_chats",
    ),
    path(
        "w/<slug:slug>/connections/<int:connection_id>/chats/look/",
        connection_views.connection_look,
        name="connection_look",
    ),
    path("w/<slug:slug>/chats/<int:found_chat_id>/bind/", connection_views.chat_bind, name="chat_bind"),
    path("w/<slug:slug>/send-rules/", rule_views.send_rules, name="send_rules"),
    path("w/<slug:slug>/send-rules/<slug:kind>/", rule_views.send_rule_new, name="send_rule_new"),
    path(
        "w/<slug:slug>/send-rules/<slug:kind>/<int:rule_id>/archive/",
        rule_views.send_rule_archive,
        name="send_rule_archive",
    ),
    path("w/<slug:slug>/rooms/<int:endpoint_id>/", endpoint_views.room, name="room"),
    path("w/<slug:slug>/deliveries/", views.delivery_list, name="deliveries"),
    path("w/<slug:slug>/deliveries/<int:delivery_id>/", views.delivery_detail, name="delivery"),
    path("w/<slug:slug>/deliveries/<int:delivery_id>/decide/", views.delivery_decide, name="delivery_decide"),
    path("w/<slug:slug>/deliveries/<int:delivery_id>/now/", views.delivery_try_now, name="delivery_try_now"),
    path("w/<slug:slug>/deliveries/<int:delivery_id>/cancel/", views.delivery_cancel, name="delivery_cancel"),
    path("w/<slug:slug>/deliveries/<int:delivery_id>/requeue/", views.delivery_requeue, name="delivery_requeue"),
    path("w/<slug:slug>/tasks/", task_views.board, name="tasks"),
    path("w/<slug:slug>/tasks/kept-to/", task_views.kept_to, name="tasks_kept_to"),
    path("w/<slug:slug>/tasks/new/", task_views.task_kinds, name="task_kinds"),
    path("w/<slug:slug>/tasks/new/<str:kind>/", task_views.task_new, name="task_new"),
    path("w/<slug:slug>/tasks/<int:task_id>/", task_views.task_detail, name="task"),
    path("w/<slug:slug>/tasks/<int:task_id>/nudge/", task_views.task_nudge, name="task_nudge"),
    path("w/<slug:slug>/tasks/<int:task_id>/hand-on/", task_views.task_hand_on, name="task_hand_on"),
    path("w/<slug:slug>/tasks/<int:task_id>/withdraw/", task_views.task_withdraw, name="task_withdraw"),
    path("w/<slug:slug>/tasks/<int:task_id>/copy/", task_views.task_copy, name="task_copy"),
    path("w/<slug:slug>/tasks/<int:task_id>/done/", task_views.task_done, name="task_done"),
    path("w/<slug:slug>/tasks/<int:task_id>/undo/", task_views.task_undo, name="task_undo"),
    path("w/<slug:slug>/tasks/<int:task_id>/leave-out/", task_views.task_leave_out, name="task_leave_out"),
    path("w/<slug:slug>/tasks/people/", assignee_views.assignee_list, name="assignees"),
    path("w/<slug:slug>/tasks/people/new/", assignee_views.assignee_new, name="assignee_new"),
    path("w/<slug:slug>/tasks/people/<int:assignee_id>/", assignee_views.assignee_edit, name="assignee_edit"),
    path("w/<slug:slug>/tasks/people/<int:assignee_id>/link/", assignee_views.link_issue, name="assignee_link"),
    path(
        "w/<slug:slug>/tasks/people/<int:assignee_id>/link/revoke/", assignee_views.link_revoke, name="assignee_unlink"
    ),
    path(
        "w/<slug:slug>/tasks/people/<int:assignee_id>/archive/",
        assignee_views.assignee_archive,
        name="assignee_archive",
    ),
    path("t/", public_task_views.my_tasks, name="my_tasks"),
    path("t/sign-out/", public_task_views.sign_out, name="task_sign_out"),
    path("t/<int:task_id>/", public_task_views.my_task, name="my_task"),
    path("t/<int:task_id>/copy/", public_task_views.copy, name="my_task_copy"),
    path("t/<int:task_id>/done/", public_task_views.done, name="my_task_done"),
    path("t/<int:task_id>/undo/", public_task_views.undo, name="my_task_undo"),
    path("t/<int:task_id>/leave-out/", public_task_views.leave_out, name="my_task_leave_out"),
    path("t/<int:task_id>/hand-on/", public_task_views.hand_on, name="my_task_hand_on"),
    path("t/<str:code>", public_task_views.open_link, name="task_link"),
    *webhook_urls.urlpatterns,
]
