from django.urls import path

from groups import edit_views, views

app_name = "groups"
urlpatterns = [
    path("w/<slug:slug>/groups/", views.group_list, name="group_list"),
    path("w/<slug:slug>/groups/new/", views.group_new, name="group_new"),
    path("w/<slug:slug>/groups/<int:group_id>/", views.group_detail, name="group_detail"),
    path("w/<slug:slug>/groups/<int:group_id>/edit/", edit_views.group_edit, name="group_edit"),
    path("w/<slug:slug>/groups/<int:group_id>/channel/", views.group_bind, name="group_bind"),
    path("w/<slug:slug>/groups/<int:group_id>/staff/", views.group_staff, name="group_staff"),
    path("w/<slug:slug>/groups/<int:group_id>/staff/<int:user_id>/remove/", views.group_unstaff, name="group_unstaff"),
    path("w/<slug:slug>/groups/<int:group_id>/archive/", views.group_archive, name="group_archive"),
    path("w/<slug:slug>/communities/new/", views.community_new, name="community_new"),
    path("w/<slug:slug>/communities/<int:community_id>/edit/", edit_views.community_edit, name="community_edit"),
]
