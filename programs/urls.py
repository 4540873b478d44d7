from django.urls import path

from programs import views

urlpatterns = [
    path("", views.program_list, name="program_list"),
    path("overview/", views.program_overview, name="program_overview"),
    path("areas/<slug:slug>/", views.area_detail, name="area_detail"),
    path("<slug:slug>/", views.program_detail, name="program_detail"),
]
