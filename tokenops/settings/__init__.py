"""Django settings, read once from the environment; docs/configuration.md describes each one that matters."""

import tomllib
from pathlib import Path
from urllib.parse import urlsplit

from core.databases import APP, OWNER, STATEMENT_TIMEOUT_MS, WEB_STATEMENT_TIMEOUT_MS, Database
from tokenops import env
from tokenops.embedded import admin_url
from tokenops.settings.identity import identity_providers
from tokenops.settings.logs import logging_config
from tokenops.settings.mail import mailers

BASE_DIR = Path(__file__).resolve().parents[2]
STATE_DIR = Path(env.text("TOKENOPS_STATE_DIR", str(BASE_DIR / ".tokenops")))
NODE_MODULES = BASE_DIR / "node_modules"
VERSION = str(tomllib.loads((BASE_DIR / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])

DEBUG = env.boolean("DEBUG", False)
_EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - compared with, not bound to
HOST = env.text("HOST", "127.0.0.1")
PORT = env.integer("PORT", 8000, low=1, high=65_535)
BASE_URL = env.text("BASE_URL", f"http://{'localhost' if HOST in _EVERYWHERE else HOST}:{PORT}").rstrip("/")
_BASE = urlsplit(BASE_URL)
if _BASE.scheme not in {"http", "https"} or not _BASE.hostname:
    raise env.ConfigurationError("BASE_URL must be an http or https URL with a host name.")
SECURE = _BASE.scheme == "https"
LOOPBACK = HOST in {"127.0.0.1", "::1", "localhost"}
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")

# --- Secrets and the database -----------------------------------------------------------------------------------------
_REAL_SERVER = bool(env.text("DATABASE_URL"))
EMBEDDED_POSTGRES = not _REAL_SERVER
SECRET_KEY = env.secret("SECRET_KEY", state_dir=STATE_DIR, required=_REAL_SERVER)
KEY_PEPPER = env.secret("KEY_PEPPER", state_dir=STATE_DIR, required=_REAL_SERVER)
ENCRYPTION_KEY = env.secret("ENCRYPTION_KEY", state_dir=STATE_DIR, required=_REAL_SERVER)
# Valid beside the new ones for as long as they are being replaced (docs/operations.md).
KEY_PEPPER_PREVIOUS = env.previous_secret("KEY_PEPPER_PREVIOUS", state_dir=STATE_DIR)
ENCRYPTION_KEY_PREVIOUS = env.previous_secret("ENCRYPTION_KEY_PREVIOUS", state_dir=STATE_DIR)

DATABASE = Database(url=env.text("DATABASE_URL", admin_url(STATE_DIR)), secret=SECRET_KEY)
PROCESS = env.choice("TOKENOPS_PROCESS", "all", ("all", "edge", "web", "worker", "beat"))
_TIMEOUT_MS = STATEMENT_TIMEOUT_MS[APP] if PROCESS in {"worker", "beat"} else WEB_STATEMENT_TIMEOUT_MS
DATABASES = {
    "default": DATABASE.django(APP, statement_timeout_ms=_TIMEOUT_MS)
    | {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True},
    "owner": DATABASE.django(OWNER),
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Applications -----------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "tokenops",
    "core",
    "tenants",
    "ingestion",
    "rules",
    "rules.alerts",
    "dashboards",
    "dashboards.boards",
    "dashboards.exports",
    "dashboards.reports",
    "gateway",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.github",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
MIDDLEWARE = [
    "core.middleware.RequestIdMiddleware",
    "core.middleware.AccessLogMiddleware",
    "core.origin.OriginMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "tenants.api.throttling.RateLimitMiddleware",
]
ROOT_URLCONF = "tokenops.urls"
WSGI_APPLICATION = "tokenops.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csp",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "tenants.context.navigation",
            ],
            "builtins": ["core.templatetags.tokenops"],
        },
    }
]
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
USE_I18N = False

# --- Static files: ours, and exactly what we use of the npm packages --------------------------------------------------
STATIC_URL = "/static/"
FILE_UPLOAD_PERMISSIONS = None  # collected files follow the umask: private in the stack, readable in an image
STATIC_ROOT = STATE_DIR / "static"
STATICFILES_DIRS: list[object] = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "core.staticfiles.VendorFinder",
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "core.staticfiles.StaticStorage"
    },
}

# --- People: sessions and accounts ------------------------------------------------------------------------------------
AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in (
        ("UserAttributeSimilarityValidator", {"user_attributes": ["email", "name"]}),
        ("MinimumLengthValidator", {"min_length": 12}),
        ("CommonPasswordValidator", {}),
        ("NumericPasswordValidator", {}),
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "tenants.adapter.AccountAdapter"
ACCOUNT_FORMS = {"signup": "tenants.adapter.SignupForm"}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_CONFIRM_EMAIL_ON_GET = True  # the mail's link is the confirmation; a second click adds nothing
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_DEFAULT_HTTP_PROTOCOL = _BASE.scheme
# Counted in the cache that all processes share; an address (ip), an account (key) or a person (user) has so many.
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": "10/m/ip,5/5m/key",
    "signup": "20/m/ip",
    "reset_password": "20/m/ip,5/m/key",
    "reset_password_from_key": "20/m/ip",
    "reauthenticate": "10/m/user",
    "change_password": "5/m/user",
    "manage_email": "10/m/user",
}
ACCOUNT_EMAIL_NOTIFICATIONS = True  # whoever changes how one signs in is not always who one thinks
MFA_ADAPTER = "tenants.mfa.MfaAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "TokenOps"
MFA_TOTP_TOLERANCE = 1  # steps of 30 s: clocks of phones differ
MFA_RECOVERY_CODES_SHOW_ONCE = True
# Signing in with accounts elsewhere: only those the operator named, and none of their tokens is kept.
SOCIALACCOUNT_PROVIDERS = identity_providers()
SOCIALACCOUNT_ADAPTER = "tenants.identity.adapter.IdentityAdapter"
SOCIALACCOUNT_FORMS = {"signup": "tenants.identity.adapter.IdentitySignupForm"}
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_REAUTHENTICATION_REQUIRED = True  # another way in is worth a password
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False  # unless TRUSTED_IDENTITY_PROVIDERS names the provider
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True  # seen under Connections, and mailed
SOCIALACCOUNT_REQUESTS_TIMEOUT = 5  # seconds; a web thread waits
# Who may create an account: open to anybody, by invitation, or nobody. Open only where nobody else can reach us.
SIGNUP = env.choice("SIGNUP", "open" if LOOPBACK else "invite", ("open", "invite", "closed"))

# --- Mail -------------------------------------------------------------------------------------------------------------
EMAIL_URL = env.text("EMAIL_URL")
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", f"TokenOps <tokenops@{_BASE.hostname}>")
MAIL_DIR = STATE_DIR / "mail"
MAILERS = mailers(EMAIL_URL, MAIL_DIR)
# Mails without a mail server are shown at /dev/mail, and only to this machine.
DEV_MAIL = not EMAIL_URL and LOOPBACK

# --- Cache ------------------------------------------------------------------------------------------------------------
CACHE_URL = env.text("CACHE_URL")
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": CACHE_URL}
    if CACHE_URL
    else {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "django_cache"}
}

# --- API --------------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tenants.api.authentication.ApiKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_THROTTLE_CLASSES": ["tenants.api.throttling.ClientThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "core.problems.exception_handler",
    "COERCE_DECIMAL_TO_STRING": True,
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,  # one format, so ?format= is an unknown parameter like any other
}
SPECTACULAR_SETTINGS = {
    "TITLE": "TokenOps API",
    "DESCRIPTION": "Send telemetry of LLM calls and read what they cost. Errors are RFC 9457 problem details.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "TAGS": [
        {"name": "Telemetry", "description": "Send calls. Accepted means stored."},
        {"name": "Calls", "description": "Read calls and what they cost."},
        {"name": "Exports", "description": "Have calls and numbers written to files."},
        {"name": "Prices", "description": "Correct what calls cost."},
        {"name": "Keys", "description": "Make, replace and revoke API keys."},
        {"name": "Members", "description": "Who is in an organization, and who is asked to be."},
        {"name": "Audit", "description": "Read who changed what."},
        {"name": "Alerts", "description": "Whom to tell of what happens, and what was told."},
        {"name": "Gateway", "description": "Where proxied calls go, and the providers’ keys they go with."},
        {"name": "Reports", "description": "What was spent and what would be saved, to read and to send."},
        {"name": "Tenants", "description": "Who you are, and what you may ask about."},
    ],
    # Members of one name with other choices.
    "ENUM_NAME_OVERRIDES": {
        "KindEnum": ["user", "key"],
        "IntervalEnum": ["none", "hour", "day", "month"],
        "TrafficIntervalEnum": ["none", "hour", "day"],
        "ActorKindEnum": "tenants.models.AuditEntry.ActorKind",
        "KeyStateEnum": "tenants.key_selectors.STATES",
        "InvitationStateEnum": "tenants.invitations.STATES",
        "ProjectRoleEnum": ["admin", "member", "viewer", "none"],
        "RoleEnum": "tenants.permissions.Role",
        "RoleNameEnum": ["owner", "admin", "member", "viewer", "none"],
        "MetricEnum": ["cost_usd", "tokens"],
        "ExportStateEnum": "dashboards.exports.models.Export.State",
        "ExportKindEnum": "dashboards.exports.models.Export.Kind",
        "ExportFormatEnum": "dashboards.exports.models.Export.Format",
        "PeriodEnum": ["hour", "day", "week", "month"],
        "CadenceEnum": ["daily", "weekly", "monthly"],
        "ReportStateEnum": ["queued", "ready", "failed"],
        "ReportPeriodEnum": [
            *("yesterday", "week_before", "last_7_days", "last_30_days", "last_month", "this_month", "custom")
        ],
        "NewReportPeriodEnum": ["last_7_days", "last_30_days", "last_month", "this_month", "custom"],
        "SchedulePeriodEnum": ["yesterday", "week_before", "last_month", "this_month"],
        "RepriceStateEnum": "ingestion.models.RepriceRun.State",
        "ScopesEnum": "tenants.permissions.Scope",
        "ScopeNameEnum": ["ingest", "read", "manage", "gateway"],
        "RefusalKindEnum": ["event", "request", "content"],
        "QuestionMetricEnum": "dashboards.boards.api.serializers.METRIC_NAMES",
        "CallSourceEnum": ["sdk", "rest", "otlp", "gateway", "import"],
        "RateCardSourceEnum": "ingestion.pricing.listing.KINDS",
        "ChannelKindEnum": ["slack", "email", "pagerduty", "webhook"],
        "DeliveryStateEnum": ["waiting", "delivered", "failed", "cancelled"],
        "DeliveryOutcomeEnum": ["delivered", "retry", "failed"],
        "StatusEnum": ["ok", "error"],
        "InsightStatusEnum": ["open", "acknowledged", "muted", "resolved"],
        "LevelEnum": ["low", "medium", "high"],
        "RuleEnum": "rules.engine.names.Rule",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "tenants.api.document.complete",
        "tokenops.openapi.add_edge_endpoints",
    ],
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SORT_OPERATIONS": True,
}

# --- Security ---------------------------------------------------------------------------------------------------------
ALLOWED_HOSTS = (
    ["*"] if DEBUG else sorted({_BASE.hostname, "localhost", "127.0.0.1", "[::1]", *env.words("ALLOWED_HOSTS")})
)
CSRF_TRUSTED_ORIGINS = [f"{_BASE.scheme}://{_BASE.netloc}"]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = SECURE
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz)$"]  # a probe inside takes a redirect for a yes
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_CSP = {
    "default-src": ["'self'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "img-src": ["'self'", "data:"],
    "connect-src": ["'self'"],
    "frame-ancestors": ["'none'"],
    "form-action": ["'self'"],
    "base-uri": ["'none'"],
    "object-src": ["'none'"],
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440

# --- Telemetry --------------------------------------------------------------------------------------------------------
# What one API key may send a second, 0 for no limit; each edge process enforces its share.
INGEST_REQUESTS_PER_SECOND = env.integer("INGEST_REQUESTS_PER_SECOND", 200, low=0, high=1_000_000)
INGEST_EVENTS_PER_SECOND = env.integer("INGEST_EVENTS_PER_SECOND", 20_000, low=0, high=100_000_000)
EDGE_PROCESSES = env.integer("EDGE_PROCESSES", 1, low=1, high=1_000)
# Events a calendar month that a new organization may send; None is no limit.
MONTHLY_EVENT_QUOTA = env.integer("MONTHLY_EVENT_QUOTA", 0, low=1, high=10**15) or None
METRICS_TOKEN = env.token("METRICS_TOKEN")  # who may read /metrics from another machine

# --- Gateway ----------------------------------------------------------------------------------------------------------
GATEWAY_ENABLED = env.boolean("GATEWAY_ENABLED", True)
# Where proxied calls wait for the database: a volume that outlives the process.
TOKENOPS_SPOOL_DIR = env.text("TOKENOPS_SPOOL_DIR", str(STATE_DIR / "spool"))
GATEWAY_SPOOL_MAX_MB = env.integer("GATEWAY_SPOOL_MAX_MB", 1_024, low=1, high=10**6)
# Requests on their way through one process at once; the next one is answered 503.
GATEWAY_MAX_IN_FLIGHT = env.integer("GATEWAY_MAX_IN_FLIGHT", 2_048, low=2, high=100_000)  # one organization: half

# --- Requests to customers' URLs (core.outbound) ----------------------------------------------------------------------
# Networks beside the public ones to which an organization's webhooks and channels may lead, also without TLS.
OUTBOUND_ALLOWED_NETWORKS = env.networks("OUTBOUND_ALLOWED_NETWORKS")

# --- Exports ----------------------------------------------------------------------------------------------------------
EXPORTS_DIR = env.text("EXPORTS_DIR", str(STATE_DIR / "exports"))  # web and worker share it
EXPORT_MAX_ROWS = env.integer("EXPORT_MAX_ROWS", 10_000_000, low=1, high=10**12)
EXPORT_MAX_MB = env.integer("EXPORT_MAX_MB", 4_096, low=1, high=10**9)
EXPORT_MAX_RUNNING = env.integer("EXPORT_MAX_RUNNING", 3, low=1, high=1_000)  # of one organization at once
# --- Reports ----------------------------------------------------------------------------------------------------------
REPORTS_KEPT_DAYS = env.integer("REPORTS_KEPT_DAYS", 90, low=1, high=3_650)

# --- Processes --------------------------------------------------------------------------------------------------------
WEB_THREADS = env.integer("WEB_THREADS", 8, low=1, high=64)
CELERY_BROKER_URL = env.text("CELERY_BROKER_URL")
# By name as well: what keeps something of end users above ingestion, and takes it out when one is erased.
ALSO_ERASES = [
    "rules.budget_services.erase_end_user",
    "dashboards.saved_views.erase_end_user",
    "dashboards.exports.retention.erase_end_user",
]
CELERY_APP = "tokenops.celery.app"  # by name: the kernel enqueues without importing the composition root
LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))
LOGGING = logging_config(LOG_LEVEL)
TEST_RUNNER = "django.test.runner.DiscoverRunner"
