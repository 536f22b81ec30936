"""What a picture file is made of, once it has been taken apart: the pixels, and what is said about them.

Decoders fail over things that nobody needs: a thumbnail's checksum, a resolution written as text, a comment too long.
So a file is taken apart by us first (`png_chunks`, `jpeg_segments`, `boxes`), and the decoder gets only what
makes pixels. What we do use of the rest (which way is up, which colours are meant) is read by us, and ignored where it
is broken.
"""

from dataclasses import dataclass

#: More parts than this make no picture, only work: a file of 32 MiB could have millions.
MAX_PARTS = 200_000


@dataclass(frozen=True)
class Parts:
    """One picture file, taken apart."""

    #: A file of the same format with the pixels and nothing else.
    pixels: bytes
    #: As the header says, in pixels as stored; None: only the decoder can tell.
    size: tuple[int, int] | None = None
    #: TIFF structure, with or without the mark before it.
    exif: bytes | None = None
    #: XMP packet.
    xmp: bytes | None = None
    #: ICC profile.
    icc: bytes | None = None
    #: The colour that is transparent, as samples of `depth` bits: one, or red, green, blue.
    clear: tuple[int, ...] | None = None
    #: Bits a sample.
    depth: int = 8
