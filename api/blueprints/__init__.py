"""The views of the HTTP API: one blueprint a noun. A view reads, checks, acts and answers in a few lines.

In reading order:

- `generate`, `analyze`: send a job
- `jobs`: what became of it; cancel it, run it again
- `in_hand`: jobs changed before they start, or cancelled by the thousand
- `queue`: what runs and what waits, everybody's
- `images`: pictures in and out
- `shares`, `shared_links`: links that need no key, and what they open
- `batches`: many pictures, one request
- `batch_exports`: what a batch found out, as files
- `actions`: what can be done to pictures with one click
- `chat`: OpenAI's door to an analysis model
- `uploads`: many pictures into the library; assets looked at (again)
- `assets`, `albums`, `saved`: the library: pictures that stay, put together, and what is saved beside them
- `asset_exports`: assets to take away
- `models`: what can be asked for; load a model, unload it
- `workers`: let a worker finish, or take jobs again
- `session`, `oidc`: browsers sign in and out
- `people`, `keys`: who there is, and their ways in; who one is oneself
- `audit`: who did what to whom
- `status`: how everything is; probes
- `home`, `docs`, `web`: pages for people
"""
