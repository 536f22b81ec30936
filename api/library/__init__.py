"""What lasts: pictures that stay, can be found, and belong to someone. SQL is the truth of it; only the API side writes it.

- `tables`: every table, a file a noun
- `migrations`: how they came about, a file a revision
- `database`: the engine; reading and writing; `outages`: what its failures mean; `statements`: what both databases spell
- `migrating`: up to this code's schema, at the start or by command
- `filters`: which assets: the one filter, and its SQL
- `newcomers`: what becomes an asset, and how it is written down once; `brought`: what somebody brings from outside
- `job_assets`: an ended job → what it leaves; `analyses`: what is said of pictures; `prompts`: those that were sent
- `ingest`: takes in what ended; `sweep`: frees what is nobody's; `disk`: tells how much room is left
- `duties`: the thread that does all that; `library`: everything, put together
- `reindex`: rebuilds what can be derived
- `assets`: pages, one of them; `counts`: facets and months; `lineage`: where one comes from
- `sources`: what is known of pictures that something is made of
- `changing`: many at once; `undoing`: and back; `tags`, `tag_lists`, `stacks`
- `albums`, `album_order`, `album_sharing`, `album_views`
- `saved`: searches, presets, prompts; `views`: how assets look to callers
- `importing`: what other programs wrote into their pictures
- `exporting`: which assets are taken away, read a few at a time; `linked`: what links open
- `xmp`: what is known of a picture, as photo managers read and write it
- `streamed_zip`: a zip that is sent while it is made
"""
