from django.urls import path

from contact.visitor import views

urlpatterns = [
    path("", views.contact, name="contact"),
    path("received/<slug:token>/", views.received, name="received"),
    path("status/", views.status, name="status"),
    path("status/<slug:token>/", views.status_detail, name="status_detail"),
    path("status/<slug:token>/withdraw/", views.withdraw, name="withdraw"),
]
