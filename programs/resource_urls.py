from django.urls import path

from programs import resource_files, views

urlpatterns = [
    path("", views.resource_list, name="resource_list"),
    path("<slug:slug>/", views.resource_detail, name="resource_detail"),
    path("<slug:slug>/file/", resource_files.current_file, name="resource_file"),
    path("<slug:slug>/file/<int:number>/", resource_files.version, name="resource_version"),
    path("<slug:slug>/file/<slug:language>/", resource_files.current_file_in_language, name="resource_file_in"),
]
