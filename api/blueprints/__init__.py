"""One blueprint per noun of the HTTP API."""
