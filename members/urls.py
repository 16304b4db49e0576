from django.urls import path

from members import edit_views, import_views, public_views, views

app_name = "members"
urlpatterns = [
    path("w/<slug:slug>/members/", views.member_list, name="member_list"),
    path("w/<slug:slug>/members/new/", views.member_new, name="member_new"),
    path("w/<slug:slug>/members/<int:member_id>/", views.member_detail, name="member_detail"),
    path("w/<slug:slug>/members/<int:member_id>/edit/", edit_views.member_edit, name="member_edit"),
    path("w/<slug:slug>/members/<int:member_id>/phones/", edit_views.phone_add, name="phone_add"),
    path(
        "w/<slug:slug>/members/<int:member_id>/phones/<int:phone_id>/remove/",
        edit_views.phone_remove,
        name="phone_remove",
    ),
    path("w/<slug:slug>/members/<int:member_id>/join/", views.member_join, name="member_join"),
    path(
        "w/<slug:slug>/members/<int:member_id>/memberships/<int:membership_id>/end/",
        views.member_leave,
        name="member_leave",
    ),
    path("w/<slug:slug>/members/<int:member_id>/passes/", views.pass_issue, name="pass_issue"),
    path("w/<slug:slug>/members/<int:member_id>/passes/<int:pass_id>/revoke/", views.pass_revoke, name="pass_revoke"),
    path("w/<slug:slug>/imports/", import_views.import_list, name="import_list"),
    path("w/<slug:slug>/imports/new/<slug:kind>/", import_views.import_new, name="import_new"),
    path("w/<slug:slug>/imports/new/<slug:kind>/template/", import_views.import_template, name="import_template"),
    path("w/<slug:slug>/imports/<int:run_id>/", import_views.import_detail, name="import_detail"),
    path("w/<slug:slug>/imports/<int:run_id>/mapping/", import_views.import_map, name="import_map"),
    path("w/<slug:slug>/imports/<int:run_id>/confirm/", import_views.import_confirm, name="import_confirm"),
    path("w/<slug:slug>/imports/<int:run_id>/cancel/", import_views.import_cancel, name="import_cancel"),
    path("w/<slug:slug>/imports/<int:run_id>/retry/", import_views.import_retry, name="import_retry"),
    path("p/<str:code>", public_views.open_pass, name="open_pass"),
    path("p/<str:code>/", public_views.open_pass),
    path("me/", public_views.own_page, name="own_page"),
    path("me/sign-out/", public_views.sign_out, name="pass_sign_out"),
]
