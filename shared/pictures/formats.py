"""Which picture formats are read here, by their first bytes and by the names that programs give them.

A file is what its bytes say, never what its name or its sender claims; the claim is only compared. Formats that are not
read are told apart too, so that an answer can say what was sent and what to do.
"""

import re

from shared.errors import BadPicture, UnsupportedMedia

#: Formats read here: Pillow's name → media type. Animations give their first frame.
MEDIA_TYPES = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "AVIF": "image/avif",
}
READ_HERE = ", ".join(MEDIA_TYPES)
#: What other programs call them.
ALIASES = {
    **dict.fromkeys(("jpg", "pjpeg", "jfif", "pjp", "x-jpeg", "x-jpg", "x-citrix-jpeg", "mpo"), "image/jpeg"),
    **dict.fromkeys(("x-png", "apng", "vnd.mozilla.apng", "x-citrix-png"), "image/png"),
    **dict.fromkeys(("x-webp",), "image/webp"),
    **dict.fromkeys(("x-gif",), "image/gif"),
    **dict.fromkeys(("avif-sequence", "x-avif"), "image/avif"),
}
#: Claims that say nothing about the format.
ANY_TYPE = ("", "image/*", "*/*", "application/octet-stream", "binary/octet-stream", "image/octet-stream")

_STARTS = {"PNG": b"\x89PNG\r\n\x1a\n", "JPEG": b"\xff\xd8\xff", "GIF": b"GIF8"}
#: Formats that people do send, but that are not read: their first bytes.
_OTHERS = {
    "BMP": rb"BM.{4}\x00{4}",
    "TIFF": rb"II\*\x00|MM\x00\*|II\+\x00|MM\x00\+",
    "JPEG XL": rb"\xff\x0a|\x00\x00\x00\x0cJXL \r\n\x87\n",
    "JPEG 2000": rb"\xff\x4f\xff\x51|\x00\x00\x00\x0cjP  \r\n\x87\n",
    "Photoshop": rb"8BPS",
    "EPS": rb"%!PS|\xc5\xd0\xd3\xc6",
    "icon": rb"\x00\x00[\x01\x02]\x00[^\x00]\x00",
    "SVG": rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)?(?:<!DOCTYPE svg[^>]*>\s*)?<svg[\s>]",
    "PNM": rb"P[1-7]\s",
    "QOI": rb"qoif",
    "OpenEXR": rb"\x76\x2f\x31\x01",
}
_OTHER = re.compile(b"|".join(b"(?P<k%d>%s)" % (i, p) for i, p in enumerate(_OTHERS.values())), re.DOTALL)
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
#: The wheels that read HEIC carry parts under the GPL or LGPL.
_HEIC_ADVICE = (
    "HEIC pictures are not read here; convert it to JPEG: on an iPhone set Settings › Camera › Formats to Most "
    "Compatible, on a Mac export it from Preview, elsewhere run `heif-convert in.heic out.jpg`"
)


def format_of(data: bytes) -> str:
    """The format of a picture, one of `MEDIA_TYPES`.

    Raises:
        UnsupportedMedia: a picture of another format.
        BadPicture: nothing that is known as a picture.
    """
    found = next((name for name, start in _STARTS.items() if data.startswith(start)), None)
    if found is not None:
        return found
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    brands = _brands(data)
    if brands & _AVIF_BRANDS:
        return "AVIF"
    if brands & _HEIC_BRANDS:
        raise UnsupportedMedia(_HEIC_ADVICE, field="image")
    other = _OTHER.match(data[:2000])
    if other is not None and other.lastgroup is not None:
        name = list(_OTHERS)[int(other.lastgroup[1:])]
        raise UnsupportedMedia(f"{name} pictures are not read here; send {READ_HERE}", field="image")
    raise BadPicture(f"these bytes are no picture that is read here ({READ_HERE})", field="image")


def check_claim(claimed: str | None, media_type: str) -> None:
    """Refuse a picture that says it is something else.

    Raises:
        BadPicture: the message has both types.
    """
    said = (claimed or "").partition(";")[0].strip().lower()
    if said in ANY_TYPE or said == media_type or ALIASES.get(said.removeprefix("image/")) == media_type:
        return
    raise BadPicture(f"the picture says it is {said[:100]}, its bytes are {media_type}", field="image")


def _brands(data: bytes) -> set[bytes]:
    """Those of an ISO media file (ISO 14496-12, 4.3): the major one, then the compatible ones; else none."""
    if data[4:8] != b"ftyp":
        return set()
    end = min(max(int.from_bytes(data[:4], "big"), 16), 512)
    return {data[8:12], *(data[at : at + 4] for at in range(16, end, 4))}
