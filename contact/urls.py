from django.urls import path

from contact import views

urlpatterns = [
    path("", views.contact, name="contact"),
    path("received/<slug:token>/", views.received, name="received"),
]
