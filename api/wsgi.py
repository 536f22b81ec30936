"""What a WSGI server loads: `api.wsgi:app`. The one place of the web side that reads the environment at import, because
a server can only import."""

from api.app import create_app
from shared.log import configure
from shared.settings import from_environment

_settings = from_environment()
configure(json_lines=_settings.log_json)
app = create_app(_settings)
