"""
The URLs of the site. Those of public pages begin with their language.

portal.bilingual.languages redirects the address of a public page without a language, such as /about/.
"""

from allauth.account.decorators import secure_admin_login
from django.conf.urls.i18n import i18n_patterns
from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import PasswordChangeView
from django.contrib.staticfiles.urls import staticfiles_urlpatterns
from django.urls import include, path, reverse_lazy
from django.views.i18n import JavaScriptCatalog

from contact.desk.front import front
from portal import views
from portal.bilingual.parity.table import parity_table
from portal.guide import guide, own_guide
from portal.sign_in.forms import OwnPasswordForm
from portal.site.home import home
from portal.site.preview import preview
from portal.site.search import search
from portal.site.sitemaps import sitemap
from portal.translations import views as translations

admin.site.login = secure_admin_login(admin.site.login)

urlpatterns = [
    path("", views.root, name="root"),
    *i18n_patterns(
        path("", home, name="home"),
        path("about/", views.page_detail, {"slug": "about"}, name="about"),
        path("institutions-abroad/", views.page_detail, {"slug": "institutions-abroad"}, name="institutions-abroad"),
        path("privacy/", views.page_detail, {"slug": "privacy"}, name="privacy"),
        path("accessibility/", views.page_detail, {"slug": "accessibility"}, name="accessibility"),
        path("pages/", views.page_list, name="page_list"),
        path("pages/<slug:slug>/", views.page_detail, name="page_detail"),
        path("centres/", views.centre_list, name="centre_list"),
        path("centres/<slug:slug>/", views.centre_detail, name="centre_detail"),
        path("search/", search, name="search"),
        path("terms/", views.term_list, name="term_list"),
        path("programs/", include("programs.urls")),
        path("resources/", include("programs.resource_urls")),
        path("partners/", include("partners.urls")),
        path("contact/", include("contact.urls")),
    ),
    path("admin/language/", views.set_language, name="set_language"),
    path("admin/account/", include("portal.sign_in.urls")),
    path(
        "admin/password_change/",
        login_required(
            PasswordChangeView.as_view(
                form_class=OwnPasswordForm, success_url=reverse_lazy("admin:password_change_done")
            )
        ),
    ),
    # With the catalogue of the portal, which translates the editor of rich text too.
    path("admin/jsi18n/", admin.site.admin_view(JavaScriptCatalog.as_view(), cacheable=True)),
    path("admin/parity/", admin.site.admin_view(parity_table), name="parity"),
    path("admin/translations/", admin.site.admin_view(translations.translations), name="translations"),
    path("admin/translations/export/", admin.site.admin_view(translations.export), name="export_translations"),
    path("admin/translations/<uuid:key>/", admin.site.admin_view(translations.answers), name="answers"),
    path("admin/guide/", admin.site.admin_view(guide), name="guide"),
    path("admin/guide/own/", admin.site.admin_view(own_guide), name="own_guide"),
    path("admin/guide/<slug:name>/", admin.site.admin_view(guide), name="guide_page"),
    # Django's own front has its name, "admin:index".
    path("admin/", admin.site.admin_view(front)),
    path("admin/", admin.site.urls),
    path("preview/<str:token>/", preview, name="preview"),
    path("media/<path:name>", views.media, name="media"),
    path("sitemap.xml", sitemap, name="sitemap"),
    path("sitemap-<int:number>.xml", sitemap, name="sitemap_file"),
    path("favicon.ico", views.favicon, name="favicon"),
    path("robots.txt", views.robots, name="robots"),
    path(".well-known/security.txt", views.security_txt, name="security_txt"),
    path("healthz", views.health, name="health"),
    # In development only: there no web server and no WhiteNoise serves them.
    *staticfiles_urlpatterns(),
]

handler400 = "portal.views.bad_request"
handler404 = "portal.views.page_not_found"
handler429 = "portal.views.too_many_requests"
handler500 = "portal.views.server_error"
