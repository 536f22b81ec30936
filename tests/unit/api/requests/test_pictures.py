"""A picture from an address: every hop is checked, size and time are limited whatever a server says."""

import httpx
import pytest

from api.requests.pictures import MAX_REDIRECTS, fetch
from shared.errors import BadPicture, InvalidRequest, TooLarge

PUBLIC = "93.184.216.34"


class Web(httpx.BaseTransport):
    """A web of pages by URL as they are asked for: with the checked address in place of the name."""

    def __init__(self, **pages: httpx.Response) -> None:
        self.asked: list[httpx.Request] = []
        self._pages = pages

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self._pages[request.headers["Host"].replace(".", "_")]


def page(data: bytes) -> httpx.Response:
    return httpx.Response(200, stream=httpx.ByteStream(data))


def resolve(host: str, port: int) -> list[str]:
    return ["10.0.0.7"] if host.startswith("inside") else [PUBLIC]


def get(web: Web, url: str = "https://a.org/cat.png", **more):
    return fetch(url, max_bytes=100, allow_private=False, field="url", resolve=resolve, transport=web, **more)


def test_the_checked_address_is_asked_and_the_name_only_told():
    web = Web(a_org=page(b"picture"))

    assert get(web) == b"picture"
    assert web.asked[0].url.host == PUBLIC
    assert web.asked[0].headers["Host"] == "a.org"
    assert web.asked[0].extensions["sni_hostname"] == "a.org"


def test_a_redirect_is_followed_and_checked_again():
    onward = httpx.Response(302, headers={"Location": "https://b.org/real.png"})
    inward = httpx.Response(302, headers={"Location": "http://inside.org/secret"})

    assert get(Web(a_org=onward, b_org=page(b"real"))) == b"real"
    with pytest.raises(InvalidRequest, match="private"):
        get(Web(a_org=inward))
    with pytest.raises(InvalidRequest, match="http"):
        get(Web(a_org=httpx.Response(302, headers={"Location": "file:///etc/passwd"})))


def test_a_ring_of_redirects_ends():
    web = Web(a_org=httpx.Response(302, headers={"Location": "https://a.org/again"}))

    with pytest.raises(InvalidRequest, match="redirected"):
        get(web)
    assert len(web.asked) == MAX_REDIRECTS + 1


def test_more_bytes_than_allowed_are_not_read_to_the_end():
    read: list[int] = []

    def endless():
        while True:
            read.append(1)
            yield b"x" * 60

    with pytest.raises(TooLarge, match="100"):
        get(Web(a_org=httpx.Response(200, content=endless())))
    assert len(read) <= 3


def test_compressed_bytes_are_not_unpacked():
    web = Web(a_org=httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(b"\x1f\x8b raw")))

    assert get(web) == b"\x1f\x8b raw"
    assert web.asked[0].headers["Accept-Encoding"] == "identity"


def test_a_slow_server_is_left():
    ticks = iter(range(0, 1000, 10))

    with pytest.raises(InvalidRequest, match="longer"):
        get(Web(a_org=httpx.Response(200, content=iter([b"a", b"b", b"c"]))), clock_s=lambda: float(next(ticks)))


def test_what_is_no_answer_is_no_picture():
    with pytest.raises(BadPicture, match="404"):
        get(Web(a_org=httpx.Response(404)))


def test_a_server_that_cannot_be_reached_is_told():
    class Down(httpx.BaseTransport):
        def handle_request(self, request):
            raise httpx.ConnectError("refused")

    with pytest.raises(InvalidRequest, match=r"a\.org"):
        get(Down())
