from django.urls import path

from partners import views

urlpatterns = [
    path("", views.country_list, name="country_list"),
    path("<slug:slug>/", views.country_detail, name="country_detail"),
]
