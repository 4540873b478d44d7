"""
The settings of the portal, in this order: environment, production, applications, data, languages, mail and worker,
security, logging. Every environment variable is read at the top.

Without any variable the portal runs embedded, for one machine and a first look: SQLite, files, mails and a generated
secret key are all in one folder. If PORTAL_SITE_URL names a public host, the portal runs in production, and an insecure
setting stops the start with a sentence that names it.
"""

import logging
import os
from datetime import timedelta
from email.utils import getaddresses, parseaddr
from pathlib import Path
from urllib.parse import urlsplit

from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.management.utils import get_random_secret_key
from django.core.validators import URLValidator, validate_email
from django_prose_editor.config import html_tags
from environs import Env, EnvError
from js_asset import static_lazy

from portal.bilingual.languages import LANGUAGE_NAMES, localized_label
from portal.database import is_worth_logging

BASE_DIR = Path(__file__).resolve().parent.parent

# Environment

env = Env()


def read_url(read, name, *default):
    """Returns what `read` makes of a variable. Its error does not repeat the URL, which may hold a password."""
    try:
        return read(name, *default)
    except EnvError:
        raise ImproperlyConfigured(f"{name} is no URL that the portal can use; see the README.") from None


DEBUG = env.bool("PORTAL_DEBUG", False)
# Whether this is the demonstration, with invented content; see load_demo.
PORTAL_DEMO = env.bool("PORTAL_DEMO", False)
PORT = env.int("PORT", 8001 if PORTAL_DEMO else 8000)
DATA = (BASE_DIR / env.path("PORTAL_DATA", "var-demo" if PORTAL_DEMO else "var")).resolve()
PORTAL_SITE_URL = env.str("PORTAL_SITE_URL", f"http://localhost:{PORT}").rstrip("/")
PORTAL_ENQUIRIES_TO = [address for _name, address in getaddresses([env.str("PORTAL_ENQUIRIES_TO", "")]) if address]
PORTAL_TRUSTED_PROXIES = env.int("PORTAL_TRUSTED_PROXIES", 0)
PORTAL_X_ACCEL = env.bool("PORTAL_X_ACCEL", False)
SECRET_KEY = env.str("PORTAL_SECRET_KEY", "")
DATABASE_URL = env.str("DATABASE_URL", "")
CACHE_URL = env.str("CACHE_URL", "")
CACHES = {"default": read_url(env.dj_cache_url, "CACHE_URL", "db://cache")}
SHARED_CACHE = CACHES["default"]["BACKEND"].endswith(("DatabaseCache", "RedisCache"))
EMAIL_URL = env.str("EMAIL_URL", "")
EMAIL = read_url(env.dj_email_url, "EMAIL_URL", "file:///")
# Without a host, the URL would mean this machine, or none.
SMTP = EMAIL.get("EMAIL_BACKEND", "").endswith("smtp.EmailBackend") and bool(urlsplit(EMAIL_URL).hostname)

if not 0 < PORT < 65536:
    raise ImproperlyConfigured("PORT must be a number from 1 to 65535.")
if PORTAL_TRUSTED_PROXIES < 0:
    raise ImproperlyConfigured("PORTAL_TRUSTED_PROXIES must be a number from 0 on.")
try:
    URLValidator(schemes=["http", "https"])(PORTAL_SITE_URL)
except ValidationError as error:
    raise ImproperlyConfigured("PORTAL_SITE_URL must be an address such as https://portal.example.") from error
SITE = urlsplit(PORTAL_SITE_URL)
if DATA == BASE_DIR:
    raise ImproperlyConfigured("PORTAL_DATA must name a folder of its own.")
EMBEDDED = SITE.hostname in {"localhost", "127.0.0.1"}
PORTAL_REQUIRE_MFA = env.bool("PORTAL_REQUIRE_MFA", not EMBEDDED)
BEHIND_TLS = SITE.scheme == "https"

# It holds enquiries. Whatever a process of the portal writes, only its own user may read, except public files (below).
try:
    DATA.mkdir(mode=0o711, parents=True, exist_ok=True)
except OSError as error:
    raise ImproperlyConfigured(f"PORTAL_DATA: the folder {DATA} cannot be made ({error.strerror}).") from error
os.umask(0o077)

# Production

if EMBEDDED:
    PORTAL_ENQUIRIES_TO = PORTAL_ENQUIRIES_TO or ["staff@localhost"]
    if not SECRET_KEY:
        secret_file = DATA / "secret-key"
        try:
            if not secret_file.exists():
                secret_file.touch(mode=0o600)
                secret_file.write_text(get_random_secret_key())
            SECRET_KEY = secret_file.read_text()
        except OSError as error:
            raise ImproperlyConfigured(f"PORTAL_DATA: {secret_file} cannot be used ({error.strerror}).") from error
else:
    faults = {
        "PORTAL_DEBUG must not be set: it shows visitors the code and the settings": DEBUG,
        "PORTAL_DEMO must not be set: it fills the portal with invented content": PORTAL_DEMO,
        "PORTAL_SITE_URL must begin with https://": not BEHIND_TLS,
        "PORTAL_SECRET_KEY must be set, to at least 50 random characters": len(SECRET_KEY) < 50,
        "PORTAL_TRUSTED_PROXIES must say how many proxies (nginx: 1) stand in front": PORTAL_TRUSTED_PROXIES < 1,
        "EMAIL_URL must name the mail host, as in submission://user:password@host:587": not SMTP,
        "PORTAL_ENQUIRIES_TO must name the recipients of enquiry notifications": not PORTAL_ENQUIRIES_TO,
        "CACHE_URL must name the database or Redis, which all processes share": not SHARED_CACHE,
    }
    if any(faults.values()):
        raise ImproperlyConfigured(
            f"{PORTAL_SITE_URL} is not a local address, so the portal starts in production, where "
            + "; ".join(fault for fault, found in faults.items() if found)
            + "."
        )

if DEBUG and (DATABASE_URL or EMAIL_URL or CACHE_URL):
    raise ImproperlyConfigured(
        "PORTAL_DEBUG shows the settings to every visitor, so it is refused while DATABASE_URL, EMAIL_URL or CACHE_URL "
        "is set: they may hold passwords."
    )
if PORTAL_X_ACCEL and PORTAL_TRUSTED_PROXIES < 1:
    raise ImproperlyConfigured(
        "PORTAL_X_ACCEL leaves the sending of files to nginx, so PORTAL_TRUSTED_PROXIES must say that it is in front."
    )
if PORTAL_DEMO and (DATABASE_URL or EMAIL_URL or CACHE_URL):
    raise ImproperlyConfigured(
        "The demonstration keeps its data and its mails in a folder of its own, so it is refused while DATABASE_URL, "
        "EMAIL_URL or CACHE_URL is set: unset them."
    )
if EMAIL_URL and not SMTP:
    raise ImproperlyConfigured(
        "EMAIL_URL must begin with smtp:// or submission://, and name the mail host, as in "
        "submission://user:password@host:587."
    )
if CACHE_URL and SHARED_CACHE and not urlsplit(CACHE_URL).hostname:
    raise ImproperlyConfigured("CACHE_URL must name a table or a host, as in db://cache or redis://host/0.")
DEFAULT_FROM_EMAIL = EMAIL.get("DEFAULT_FROM_EMAIL", f"portal@{'localhost' if EMBEDDED else SITE.hostname}")
# With an invalid address no mail could be queued, and so no enquiry stored.
for name, address in [
    ("EMAIL_URL's _default_from_email", parseaddr(DEFAULT_FROM_EMAIL)[1]),
    *(("PORTAL_ENQUIRIES_TO", address) for address in PORTAL_ENQUIRIES_TO),
]:
    try:
        validate_email(address)
    except ValidationError:
        raise ImproperlyConfigured(f"{name} must name e-mail addresses that mail can be sent to.") from None

# Applications

ALLOWED_HOSTS = [SITE.hostname, "localhost", "127.0.0.1"] if EMBEDDED else [SITE.hostname]
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
AUTH_USER_MODEL = "portal.User"
AUTHENTICATION_BACKENDS = ["portal.sign_in.adapters.StaffBackend"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "modeltranslation",
    "post_office",
    "django_prose_editor",
    "csp",
    "reversion",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "portal",
    "partners",
    "programs",
    "contact",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.forms",
    # Last, as it asks for: deletes the files of replaced and cleared pictures and of deleted rows after the commit.
    "django_cleanup",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "portal.site.headers.ResponseHeadersMiddleware",
    "portal.site.headers.CompressPagesMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    # After authentication, because users have a language; before CommonMiddleware resolves addresses by language.
    "portal.bilingual.languages.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "portal.site.request_method.RequestMethodMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "portal.sign_in.second_factor.RequireSecondFactorMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    # Inside the others, whose headers its page gets; still before the CSRF protection reads the body.
    "portal.site.request_size.RequestSizeMiddleware",
    "portal.content_version.ContentVersionMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "libraries": {"structured_data": "portal.site.structured_data"},
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.views.site_context",
                "portal.views.admin_context",
            ],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
# An extension of the editor, which allows no further elements.
DJANGO_PROSE_EDITOR_EXTENSIONS = [
    {"js": [static_lazy("js/pasted-text.js")], "extensions": {"PastedText": html_tags([])}}
]

# Data

if DATABASE_URL:
    DATABASES = {"default": read_url(env.dj_db_url, "DATABASE_URL")}
else:
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATA / "portal.sqlite3"}}
if DATABASES["default"]["NAME"] == ":memory:":
    raise ImproperlyConfigured(
        "DATABASE_URL must name a file after three slashes, as in sqlite:////srv/portal.sqlite3."
    )
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["ENGINE"] = "portal.database.sqlite3"
    # A committed row survives a power cut (FULL). Readers do not wait for a writer (WAL). A transaction that writes
    # waits for its lock at its start (IMMEDIATE), at most ten seconds. Erased data are overwritten (secure_delete).
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 10,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;",
    }
    # Opening a connection, and reading the names of all tables, costs more than the queries of most pages. In seconds.
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    # pytest-django takes this for granted only for Django's own backend.
    DATABASES["default"]["TEST"] = {"NAME": ":memory:"}
elif DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
    raise ImproperlyConfigured("DATABASE_URL must begin with postgres:// or sqlite://.")
elif not DATABASES["default"]["NAME"]:
    raise ImproperlyConfigured("DATABASE_URL must name a database.")
else:
    DATABASES["default"]["ENGINE"] = "portal.database.postgresql"
    # The pool of each process. A request holds a connection while its page is rendered, which threads of one process
    # do one after the other; ten leave room for those that wait for a lock. Two machines with four processes each stay
    # below the 100 connections that PostgreSQL allows by default. A request that gets none within a second finds out
    # whether the server is there. Health checks replace the connections to a server that was restarted.
    options = DATABASES["default"].setdefault("OPTIONS", {})
    options.setdefault("pool", {"min_size": 2, "max_size": 10, "timeout": 1})
    options.setdefault("connect_timeout", 2)
    # A machine that vanished, without closing its connections, is noticed within seconds and not minutes.
    for name, value in [("keepalives_idle", 5), ("keepalives_interval", 2), ("keepalives_count", 2)]:
        options.setdefault(name, value)
    options.setdefault("tcp_user_timeout", 5000)
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True

if CACHES["default"]["BACKEND"] == "django.core.cache.backends.db.DatabaseCache":
    # With Django's 300 entries, a crowd of attackers would push out the counts of their own attempts.
    CACHES["default"].setdefault("OPTIONS", {}).setdefault("MAX_ENTRIES", 100_000)

# The parts of pages between {% cache %} and {% endcache %}, which each process makes once for a content version. Those
# that were not used for longest go first. In development, templates change.
CACHES["template_fragments"] = {
    "BACKEND": f"django.core.cache.backends.{'dummy.DummyCache' if DEBUG else 'locmem.LocMemCache'}",
    "LOCATION": "template_fragments",
    "OPTIONS": {"MAX_ENTRIES": 1000},
}

STATIC_URL = "static/"
STATIC_ROOT = DATA / "static"
STATICFILES_DIRS = [BASE_DIR / "static", ("guide", BASE_DIR / "docs/guide/pictures")]
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = ["map", "png", "gif", "jpg", "webp", "avif", "woff2"]
# Finished pages; see portal/site/finished_pages/.
PAGES_ROOT = DATA / "pages"
MEDIA_URL = "media/"
MEDIA_ROOT = DATA / "media"
# A web server in front reads public files as another user; see portal/data_folder.py.
FILE_UPLOAD_PERMISSIONS = 0o644
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o755
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    # The files that visitors send; they have no public address.
    "private": {
        "BACKEND": "portal.uploads.PrivateStorage",
        "OPTIONS": {"location": DATA / "private", "file_permissions_mode": 0o600, "directory_permissions_mode": 0o700},
    },
    # The files of resources. They have no public address either: programs/resource_files.py hands them out. A web
    # server in front may open one whose random name it is told, and cannot list them; see portal/data_folder.py.
    "resources": {
        "BACKEND": "portal.uploads.PrivateStorage",
        "OPTIONS": {
            "location": DATA / "resources",
            "file_permissions_mode": 0o644,
            "directory_permissions_mode": 0o711,
        },
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# Languages

LANGUAGE_CODE = "zh-hans"
LANGUAGES = list(LANGUAGE_NAMES.items())
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "portal.formats"
LANGUAGE_COOKIE_PATH = "/admin/"
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = BEHIND_TLS
TIME_ZONE = "Asia/Shanghai"

MODELTRANSLATION_DEFAULT_LANGUAGE = "zh-hans"
MODELTRANSLATION_ENABLE_FALLBACKS = False
MODELTRANSLATION_BUILD_LOCALIZED_VERBOSE_NAME = localized_label
MODELTRANSLATION_CUSTOM_FIELDS = ("RichTextField",)

# Mail and worker: mails are queued in the database, in the transaction that they report on, and the worker sends them

EMAIL_BACKEND = "post_office.EmailBackend"
EMAIL_TIMEOUT = 20
EMAIL_HOST, EMAIL_PORT = EMAIL["EMAIL_HOST"], EMAIL["EMAIL_PORT"]
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = EMAIL["EMAIL_HOST_USER"], EMAIL["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS, EMAIL_USE_SSL = EMAIL["EMAIL_USE_TLS"], EMAIL["EMAIL_USE_SSL"]
EMAIL_FILE_PATH = DATA / "mail"
POST_OFFICE = {
    "BACKENDS": {"default": f"contact.mail.{'delivery' if SMTP else 'files'}.EmailBackend"},
    "MAX_RETRIES": 480,
    "RETRY_INTERVAL": timedelta(minutes=15),
    # One mail at a time: before each, the worker renews its lease and checks whether it should stop.
    "BATCH_SIZE": 1,
    # The longest untried mail first, so that failing mails do not hold up the others.
    "SENDING_ORDER": ["-priority", "last_updated"],
    "BATCH_DELIVERY_TIMEOUT": 100,
    "THREADS_PER_PROCESS": 1,
    "MESSAGE_ID_ENABLED": True,
    "MESSAGE_ID_FQDN": SITE.hostname,
}

# What pages show of the department while the database is away. Each worker keeps it up to date.
DEPARTMENT_COPY = DATA / "department.json"

# Called about once a minute, without arguments. The process may end at any time: a chore must leave nothing half done.
WORKER_CHORES = [
    "portal.draft_chores.publish_due",
    "contact.retention.complete_erased_list",
    "contact.mail.delivery.settle_failures",
    "contact.mail.delivery.settle_arrivals",
    "contact.retention.close_answered",
    "contact.retention.erase_due",
    "contact.attachments.remove_erased",
    "contact.visitor.kept_files.remove_expired",
    "contact.attachments.remove_orphans",
    "programs.resource_files.remove_orphans",
    "portal.draft_chores.remove_files",
    "portal.translations.kept_files.remove_expired",
    "contact.retention.empty_account_mails",
    "contact.visitor.rate_limits.delete_expired",
    "portal.sign_in.account_log.delete_expired",
    "portal.sign_in.sessions.delete_expired",
    "portal.history_chores.delete_expired",
    "portal.search_index.check",
    "contact.desk.daily_report.queue_daily_report",
    "contact.desk.statistics.keep_counted",
]

# Security

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "admin:index"
# Staff sign in again after half a day.
SESSION_COOKIE_AGE = 12 * 60 * 60
PASSWORD_RESET_TIMEOUT = 60 * 60
ACCOUNT_ADAPTER = "portal.sign_in.adapters.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "portal.sign_in.forms.LoginForm",
    "reauthenticate": "portal.sign_in.forms.ReauthenticateForm",
    "reset_password": "portal.sign_in.forms.ResetPasswordForm",
    "reset_password_from_key": "portal.sign_in.forms.ResetPasswordKeyForm",
}
# allauth's own generator copies each address into a table of its own, which would still get links after the user's
# address was changed.
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "django.contrib.auth.tokens.PasswordResetTokenGenerator"  # noqa: S105
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_RATE_LIMITS = {
    # Each account has so few attempts an hour that guessing is useless; a department behind one address has more.
    # "login_failed" limits the passwords of an account, and the codes of its second step.
    "login_failed": "10/h/key",
    "login_failed_from_address": "30/h/ip",
    "login_failed_on_device": "10/h/key",
    # All that is sent to the page for signing in, so that it costs the portal little.
    "login": "300/m/ip",
    "reset_password": "10/h/ip,3/h/key",
}
MFA_FORMS = {
    "authenticate": "portal.sign_in.forms.CodeForm",
    "reauthenticate": "portal.sign_in.forms.ConfirmCodeForm",
    "activate_totp": "portal.sign_in.forms.ActivateTOTPForm",
}
MFA_ADAPTER = "portal.sign_in.adapters.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = EMBEDDED
MFA_TOTP_ISSUER = SITE.hostname
# The clock of a telephone may be half a minute wrong.
MFA_TOTP_TOLERANCE = 1
# It refers to e-mail addresses that users add themselves; here administrators do.
MFA_ALLOW_UNVERIFIED_EMAIL = True
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        # Only the admin's pages with the rich text editor use the nonce, for its import map.
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = BEHIND_TLS
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS else 0
if PORTAL_TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_AGE = 24 * 60 * 60
CSRF_FAILURE_VIEW = "contact.visitor.views.csrf_failure"
# Larger request bodies, files not counted, are refused; each field of a form has its own limit.
DATA_UPLOAD_MAX_MEMORY_SIZE = 12 * 1024 * 1024
# The form of a program with 60 steps, 40 questions and 50 documents has more than Django's 1,000.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5_000
# A whole request: three files of 10 MB each, and the text.
PORTAL_LARGEST_REQUEST = 32 * 1024 * 1024
# The same where staff upload the files of a resource: two of 50 MB each, and the text.
PORTAL_LARGEST_UPLOAD = 104 * 1024 * 1024
SILENCED_SYSTEM_CHECKS = [
    # HSTS covers no subdomains and is not preloaded, because the portal does not own its parent domain.
    "security.W005",
    "security.W021",
]

# Logging

# When a line cannot be written, Python would write its arguments to stderr.
logging.raiseExceptions = False
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"strict": {"()": "portal.log_format.StrictFormatter"}},
    "filters": {"outage": {"()": "django.utils.log.CallbackFilter", "callback": is_worth_logging}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "strict", "filters": ["outage"]}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "post_office": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
        # It warns of every attempt to connect.
        "psycopg.pool": {"level": "ERROR"},
    },
}
