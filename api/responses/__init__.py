"""From records to answers: how things look to callers, and how a request waits for one.

In reading order:

- `waiting`: the one loop behind every `wait`, and the one shape of an answer that has a version
- `jobs`: how a job looks, its ETag, when it is done
- `previews`: those of running jobs, inside a poll
- `batches`: the same of a batch
- `actions`: what can be done to pictures, and the forms of it
- `answer_headers`: what every answer says to browsers and caches
- `page_files`: the built page as files
- `accounts`: people, keys, and what was done
- `pictures`: a stored picture, as it is, smaller or blurred; or withheld
- `uploads`: what became of the pictures of an upload
- `ratings`: what the house says of pictures
- `models`: how a model looks, in our shape and OpenAI's
- `contact_sheet`: several pictures on one, in rows; `grid_sheet`: as a table
- `batch_sheet`: the pictures of a batch on one
- `model_load`: what loading one now would cost
- `exports`: what a batch found out, as JSON Lines, CSV and XMP sidecars
- `asset_export`: assets to take away, a zip that is sent while it is made
- `sidecar_names`: what sidecars are called, so that no two are alike on any system
"""
