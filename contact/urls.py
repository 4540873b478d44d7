from django.urls import path

from contact import status, views

urlpatterns = [
    path("", views.contact, name="contact"),
    path("received/<slug:token>/", views.received, name="received"),
    path("status/", status.status, name="status"),
    path("status/<slug:token>/", status.status_detail, name="status_detail"),
    path("status/<slug:token>/withdraw/", status.withdraw, name="withdraw"),
]
