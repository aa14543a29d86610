"""Django's settings. Everything that differs between installations comes from the environment."""

from datetime import timedelta
from pathlib import Path

from django.utils.translation import gettext_lazy as _

from engine import limits
from web.headers import for_other_pages

from . import environment, field_limits

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

DEBUG = environment.flag("DEBUG", default=False)
SECRET_KEY = environment.secret_key(VAR_DIR / "secret_key", lenient=DEBUG)
ALLOWED_HOSTS = environment.words("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = [
    f"https://{host.replace('.', '*.', 1) if host.startswith('.') else host}" for host in ALLOWED_HOSTS if host != "*"
]

# The PBXs, by name. None given: the worker starts the demo PBX on loopback.
AMI_ADDRESSES = environment.addresses()
DEMO = not AMI_ADDRESSES

INSTALLED_APPS = [
    "axes",
    "pbxpanel",
    "web",
    "engine.mirror",
    "audit",
    "accounts",
    "eventlog",
    "webhooks",
    "api",
    "calls",
    "conferences",
    "extensions",
    "system",
    "channels",
    "accounts.administration.PanelAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "web.middleware.ContentSecurityPolicy",
    "api.middleware.ProblemDetails",
    "django.middleware.security.SecurityMiddleware",
    "web.middleware.NoNullCharacters",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "web.middleware.NotStored",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "web.middleware.RenewedSession",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "web.middleware.ExpiredSession",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "web.middleware.FieldLimits",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
    "web.middleware.InOneThread",
]

ROOT_URLCONF = "pbxpanel.urls"
ASGI_APPLICATION = "pbxpanel.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    ["web.loaders.Loader", "django.template.loaders.app_directories.Loader"],
                )
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "pbxpanel.context.panel",
            ],
        },
    },
]

DATABASES = {"default": environment.database(VAR_DIR / "panel.sqlite3")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CHANNEL_LAYERS = {"default": environment.channel_layer()}

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "accounts.backends.PanelBackend"]
# Five wrong passwords for one name from one address lock that pair, whether there is such a user or not. What is
# tried meanwhile neither counts nor prolongs the lock. What else is tried is slowed down: see accounts/lockout.py.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=10)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_LOCKOUT_CALLABLE = "accounts.lockout.answer"
AXES_VERBOSE = False
# Neither logged nor stored with a request; some type their password as the name.
AXES_SENSITIVE_PARAMETERS = ["username", "csrfmiddlewaretoken"]

# Over plain HTTP nothing is served but what machines ask for on the way in.
HTTPS = environment.flag("HTTPS", default=not DEBUG)
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^metrics$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = environment.number("HSTS_SECONDS", default=30 * 24 * 3600) if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
# A login lasts a shift, counted from the last page or button (`web.middleware.RenewedSession`): it never ends in the
# middle of somebody's work.
SESSION_COOKIE_AGE = 12 * 3600
CSRF_FAILURE_VIEW = "pbxpanel.views.csrf_failure"
DATA_UPLOAD_MAX_MEMORY_SIZE = limits.BODY
FIELD_LIMITS = field_limits.FIELDS
X_FRAME_OPTIONS = "DENY"
DEFAULT_EXCEPTION_REPORTER_FILTER = "pbxpanel.log_filters.NoSecrets"

# After how many seconds a caller who was transferred, and whom nobody has answered, comes back.
RECALL_SECONDS = environment.number("RECALL_SECONDS", default=30)
# How often whoever is listened to hears a tone, in seconds; 0: never.
LISTEN_TONE = environment.number("LISTEN_TONE", default=0)

# The country of the PBXs, by two letters (none: of a number only separators are left out), and the form in which their
# dial plan takes a number of the public network (`calls.numbers.Form`).
PHONE_COUNTRY = environment.country("PHONE_COUNTRY")
PHONE_FORM = environment.choice("PHONE_FORM", default="national", choices=("national", "e164"))

# How many requests of one token are taken in a minute.
API_REQUESTS = environment.number("API_REQUESTS", default=600)
# For how many days it is kept what others are told (`eventlog`); 0: nobody is told anything. And whether that includes
# who talks in a conference, which changes all the time.
EVENT_LOG_DAYS = environment.number("EVENT_LOG_DAYS", default=3)
EVENT_LOG_TALKING = environment.flag("EVENT_LOG_TALKING", default=False)
# Which entries of the AstDB hold do not disturb and call forwarding (`extensions.presence.keys`); FreePBX's.
ASTDB_KEYS = environment.astdb_keys(
    "ASTDB_KEYS",
    default="dnd=DND/{} always=CF/{} busy=CFB/{} unanswered=CFU/{}",
    kinds=("dnd", "always", "busy", "unanswered"),
)
# The addresses beside the public ones to which webhooks may send.
WEBHOOK_NETWORKS = environment.networks("WEBHOOK_NETWORKS")

# Where people are read from by LDAP, each so many minutes (0: only when somebody asks); without a URL from nowhere.
LDAP_URL = environment.ldap_url("LDAP_URL")
LDAP_STARTTLS = environment.flag("LDAP_STARTTLS", default=False)
LDAP_CA = environment.text("LDAP_CA")
LDAP_BIND_DN = environment.text("LDAP_BIND_DN")
LDAP_PASSWORD = environment.text("LDAP_PASSWORD")
LDAP_BASE = environment.text("LDAP_BASE")
LDAP_FILTER = environment.text("LDAP_FILTER")
LDAP_ATTRIBUTES = environment.attributes("LDAP_ATTRIBUTES")
LDAP_MINUTES = environment.number("LDAP_MINUTES", default=60)
# The mail server, and who sends (none: no e-mail). After how many seconds without an answer it is given up for now.
_mail = environment.mail("EMAIL_URL", "EMAIL_FROM")
EMAIL_HOST, EMAIL_PORT = _mail.host, _mail.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail.user, _mail.password
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.starttls, _mail.tls
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = _mail.sender
# For how many days messages are kept that were taken for people (0: for good); and the sentences that are offered for
# their text, in place of the panel's own.
MESSAGE_DAYS = environment.number("MESSAGE_DAYS", default=90)
MESSAGE_SENTENCES = environment.sentences("MESSAGE_SENTENCES")

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "pbxpanel" / "locale"]
USE_I18N = True
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = VAR_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "web.storage.StaticFiles"},
}
WHITENOISE_MANIFEST_STRICT = False
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_ADD_HEADERS_FUNCTION = for_other_pages

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"refusals": {"()": "pbxpanel.log_filters.RefusalsInOneLine"}},
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "axes": {"level": "WARNING"},
        "daphne": {"level": "WARNING"},
        "django.channels.server": {"level": "WARNING"},
        "django.request": {"filters": ["refusals"]},
        "httpx": {"level": "WARNING"},
    },
}
