"""What lasts: pictures that stay, can be found, and belong to someone. SQL is the truth of it; only the API side writes it.

- `importing`: what other programs wrote into their pictures
- `xmp`: what is known of a picture, as photo managers read and write it
- `streamed_zip`: a zip that is sent while it is made
"""
