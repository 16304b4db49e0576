from django.urls import path

from messaging import views

app_name = "messaging"
urlpatterns = [
    path("w/<slug:slug>/endpoints/", views.endpoint_list, name="endpoints"),
    path("w/<slug:slug>/endpoints/new/<str:platform>/", views.endpoint_new, name="endpoint_new"),
    path("w/<slug:slug>/endpoints/<int:endpoint_id>/", views.endpoint_edit, name="endpoint_edit"),
    path("w/<slug:slug>/endpoints/<int:endpoint_id>/test/", views.endpoint_test, name="endpoint_test"),
    path("w/<slug:slug>/endpoints/<int:endpoint_id>/archive/", views.endpoint_archive, name="endpoint_archive"),
    path("w/<slug:slug>/rooms/<int:endpoint_id>/", views.room, name="room"),
    path("w/<slug:slug>/deliveries/", views.delivery_list, name="deliveries"),
    path("w/<slug:slug>/deliveries/<int:delivery_id>/", views.delivery_detail, name="delivery"),
    path("w/<slug:slug>/deliveries/<int:delivery_id>/decide/", views.delivery_decide, name="delivery_decide"),
    path("w/<slug:slug>/deliveries/<int:delivery_id>/now/", views.delivery_try_now, name="delivery_try_now"),
    path("w/<slug:slug>/deliveries/<int:delivery_id>/cancel/", views.delivery_cancel, name="delivery_cancel"),
    path("w/<slug:slug>/deliveries/<int:delivery_id>/requeue/", views.delivery_requeue, name="delivery_requeue"),
]
