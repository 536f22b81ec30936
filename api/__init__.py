"""The web side: requests in, records and messages out. Knows no torch and no worker; imports only go down this list.

- `wsgi`, `gunicorn_settings`: how a server starts it
- `cli`: the command `darkroom`
- `app`: blueprints, error handlers, who calls
- `blueprints`: the views, one file a noun
- `compat`: other servers' request shapes
- `requests`: from a request to a job, a batch or a clear refusal
- `responses`: from records to answers
- `services`: what a process owns: stores, events, keys
- `client`: a typed client for programs
- `openapi`: what each answer is, said once
- `errors`: every failure in one shape
"""
