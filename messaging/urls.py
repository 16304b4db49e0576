from django.urls import path

from messaging import connection_views, endpoint_views, rule_views, views

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
]
