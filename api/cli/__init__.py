"""The command `darkroom`, for a person at a terminal. It asks a running stack over HTTP; no torch, no Flask.

In reading order:

- `main`: the commands and their options; those that need torch it hands over to `workers.cli`
- `stack`: starts, watches and stops everything on one host (`darkroom up`)
- `demo`: everything once, to look at (`darkroom demo`)
- `contact_sheet`: several pictures on one
- `batch`: the pictures of a folder (`darkroom batch`)
- `folder_pictures`: which files of a folder are pictures, by what name
- `display`: jobs, progress and the status as a terminal shows them
"""
