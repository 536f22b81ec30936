"""What lasts: pictures that stay, can be found, and belong to someone. SQL is the truth of it; only the API side writes it.

- `tables`: every table, a file a noun
- `migrations`: how they came about, a file a revision
- `database`: the engine; reading and writing; what its failures mean
- `migrating`: up to this code's schema, at the start or by command
- `filters`: which assets: the one filter, and its SQL
- `importing`: what other programs wrote into their pictures
- `xmp`: what is known of a picture, as photo managers read and write it
- `streamed_zip`: a zip that is sent while it is made
"""
