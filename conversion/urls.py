from django.urls import path

from conversion.views import catalog, orders, public, sales

app_name = "conversion"
urlpatterns = [
    path("w/<slug:slug>/products/", catalog.product_list, name="product_list"),
    path("w/<slug:slug>/products/<int:product_id>/", catalog.product_detail, name="product_detail"),
    path("w/<slug:slug>/products/<int:product_id>/archive/", catalog.product_archive, name="product_archive"),
    path("w/<slug:slug>/flash-sales/", sales.sale_list, name="sale_list"),
    path("w/<slug:slug>/flash-sales/new/", sales.sale_new, name="sale_new"),
    path("w/<slug:slug>/flash-sales/<int:sale_id>/", sales.sale_detail, name="sale_detail"),
    path("w/<slug:slug>/flash-sales/<int:sale_id>/edit/", sales.sale_edit, name="sale_edit"),
    path("w/<slug:slug>/flash-sales/<int:sale_id>/schedule/", sales.sale_schedule, name="sale_schedule"),
    path("w/<slug:slug>/flash-sales/<int:sale_id>/move/", sales.sale_move, name="sale_move"),
    path("w/<slug:slug>/flash-sales/<int:sale_id>/pause/", sales.sale_pause, name="sale_pause"),
    path("w/<slug:slug>/flash-sales/<int:sale_id>/resume/", sales.sale_resume, name="sale_resume"),
    path("w/<slug:slug>/flash-sales/<int:sale_id>/cancel/", sales.sale_cancel, name="sale_cancel"),
    path("w/<slug:slug>/flash-sales/<int:sale_id>/registration/", sales.sale_registration, name="sale_registration"),
    path("w/<slug:slug>/orders/", orders.order_list, name="order_list"),
    path("w/<slug:slug>/orders/<int:order_id>/pay/", orders.order_pay, name="order_pay"),
    path("w/<slug:slug>/orders/<int:order_id>/accept/", orders.order_accept, name="order_accept"),
    path("w/<slug:slug>/orders/<int:order_id>/fulfil/", orders.order_fulfil, name="order_fulfil"),
    path("w/<slug:slug>/orders/<int:order_id>/refund/", orders.order_refund, name="order_refund"),
    path("w/<slug:slug>/orders/<int:order_id>/cancel/", orders.order_cancel, name="order_cancel"),
    path("s/<str:code>/", public.sale, name="public_sale"),
    path("s/<str:code>/buy/", public.sale_buy, name="public_sale_buy"),
    path("s/<str:code>/register/", public.sale_register, name="public_sale_register"),
    path("s/<str:code>/orders/<int:order_id>/pay/", public.sale_order_pay, name="public_order_pay"),
    path("s/<str:code>/orders/<int:order_id>/cancel/", public.sale_order_cancel, name="public_order_cancel"),
]
