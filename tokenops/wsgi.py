"""Django's web application; ``tokenops.asgi`` puts it behind the edge."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tokenops.settings")

application = get_wsgi_application()
