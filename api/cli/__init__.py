"""The command `darkroom`, for a person at a terminal. It asks a running stack over HTTP; no torch, no Flask.

In reading order:

- `main`: the commands and their options; those that need torch it hands over to `workers.cli`
- `stack`: starts, watches and stops everything on one host (`darkroom up`)
- `first_key`: the first key of a new house (`darkroom up --first-key`)
- `people`, `keys`: who there is, and their ways in (`darkroom person`, `darkroom key`)
- `accounts`: what those two share; they work on Redis itself
- `account_tables`: how they show it
- `redis_at_hand`: the Redis of the settings, for a command that needs it for a moment
- `demo`: everything once, to look at (`darkroom demo`)
- `batch`: the pictures of a folder (`darkroom batch`)
- `jobs`: jobs that were sent, in hand (`darkroom jobs`)
- `export`: pictures of the library as a zip (`darkroom export`)
- `imports`: the library from a folder or a zip (`darkroom import`, `darkroom watch`; with SQL, in a process of its own)
- `import_sources`, `import_archives`: where those come from; `importing`: takes them in; `watching`: looks again and again
- `library`: the library's database (`darkroom db`, `darkroom reindex`)
- `folder_pictures`: which files of a folder are pictures, by what name
- `display`: jobs, progress and the status as a terminal shows them
"""
