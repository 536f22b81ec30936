"""The search over the real door: words, meaning and likeness, whose pictures are found, and what cannot be read."""

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, example, given
from hypothesis import settings as how
from hypothesis import strategies as st

from api.app import create_app
from api.library.tables import AssetVector
from api.library.vectors import write
from api.services import Services, build_services
from shared.contracts.access import LOCAL
from shared.models.catalogue import load_catalogue
from tests.unit.api.library.assets import put

WORDS, LOOKS = "minilm-l6", "efficientnet-lite0"
SPACE, LOOKED = f"{WORDS}:1:w", f"{LOOKS}:1:l"


@pytest.fixture
def ours(library_settings, library) -> Services:
    """The web side's services over an empty library, once on each database."""
    return build_services(library_settings)


@pytest.fixture
def web(ours: Services):
    return create_app(ours).test_client()


def add(
    ours: Services, owner: str = LOCAL, means: list[float] | None = None, looks: list[float] | None = None, **fields
):
    """An asset with vectors of its words and its looks."""
    with ours.library.database.writing() as session:
        asset = put(session, owner, **fields)
        for model, what, space, vector in ((WORDS, "words", SPACE, means), (LOOKS, "looks", LOOKED, looks)):
            if vector is not None:
                session.add(AssetVector(asset_no=asset.no, model=model, what=what))
                session.flush()
                write(session, model, space, {asset.no: np.array(vector, dtype=np.float32)}, {})
        return asset.id


class Encoder:
    """Stands for the encoders: knows a few queries at once."""

    def __init__(self, catalogue, **known: list[float]) -> None:
        self._card = catalogue.get(WORDS)
        self._known = known

    def of(self, text: str):
        from api.services.query_vectors import QueryVector

        vector = self._known.get(text)
        return [] if vector is None else [QueryVector(self._card, SPACE, np.array(vector, dtype=np.float32))]


def knows(ours: Services, **known: list[float]) -> None:
    ours.searching._queries = Encoder(load_catalogue(ours.settings), **known)


def search(web, q: str, **query):
    answered = web.get("/v1/search", query_string={"q": q, **query})
    assert answered.status_code == 200, answered.json
    return answered.json


def ids(found) -> list[str]:
    return [row["asset"]["id"] for row in found["found"]]


def test_words_find_what_says_them(web, ours):
    dog = add(ours, caption="A dog on the beach", tags=("sea",))
    add(ours, caption="a cat")

    found = search(web, "dogs sea")

    assert ids(found) == [dog]
    assert (found["total"], found["semantic"], found["found"][0]["by"]) == (1, False, ["words"])
    assert found["found"][0]["asset"]["alt"] == "A dog on the beach"


def test_meaning_finds_what_is_said_in_other_words_and_nonsense_finds_nothing(web, ours):
    dog = add(ours, caption="a dog on the beach", means=[1, 0])
    add(ours, caption="a tax report", means=[0, 1])
    both = add(ours, caption="a puppy", means=[0.8, 0.6])
    knows(ours, puppy=[0.96, 0.28], zzz=[-0.7, -0.7])

    found = search(web, "puppy")

    assert found["semantic"] is True
    assert ids(found) == [both, dog, ids(found)[-1]][: len(ids(found))]
    assert [row["by"] for row in found["found"]][:2] == [["words", "meaning"], ["meaning"]]
    assert found["found"][1]["likeness"] == pytest.approx(0.96, abs=0.01)
    assert search(web, "zzz")["found"] == []


def test_quotes_and_minus_hold_of_what_meaning_finds_too(web, ours):
    red = add(ours, caption="a red dog", means=[1, 0])
    blue = add(ours, caption="a blue dog", means=[1, 0])
    knows(ours, **{"puppy": [1, 0], "puppy red dog": [1, 0]})

    assert set(ids(search(web, "puppy"))) == {red, blue}
    assert ids(search(web, "puppy -blue")) == [red]
    assert ids(search(web, 'puppy "red dog"')) == [red]


def test_a_box_of_quotes_alone_is_not_asked_for_what_it_means(web, ours):
    said = add(ours, caption="a red dog", means=[1, 0])
    add(ours, caption="a puppy", means=[1, 0])
    knows(ours, **{"red dog": [1, 0]})

    found = search(web, '"red dog"')

    assert (ids(found), found["semantic"]) == ([said], False)


def test_a_foreign_picture_is_never_found(web, ours):
    mine = add(ours, caption="a dog", means=[1, 0], looks=[1, 0])
    theirs = add(ours, "bob", caption="a dog", means=[1, 0], looks=[1, 0])
    shown = add(ours, "bob", caption="a dog", means=[1, 0], visibility="rack")
    knows(ours, dog=[1, 0])

    assert ids(search(web, "dog")) == [mine]
    assert set(ids(search(web, "dog in:rack"))) == {shown}
    assert theirs not in ids(search(web, f"like:{mine}"))


def test_filters_of_the_box_and_beside_it_both_hold(web, ours):
    best = add(ours, caption="a dog", stars=5, favourite=True)
    add(ours, caption="a dog", stars=3, favourite=True)
    add(ours, caption="a dog", stars=5)

    assert ids(search(web, "dog stars:>=4", favourite="true")) == [best]
    assert ids(search(web, "stars:>=4 is:favourite")) == [best]
    found = search(web, "dog stars:>=4")
    assert found["filter"] == {"stars_min": 4, "words": "dog"}
    assert found["terms"] == [{"text": "dog", "at": 0}, {"text": "stars:>=4", "at": 4}]


def test_the_lists_take_the_box_too(web, ours):
    dog = add(ours, caption="a dog", favourite=True)
    add(ours, caption="a dog")
    add(ours, caption="a cat", favourite=True)

    found = search(web, "is:favourite")
    assert len(ids(found)) == 2
    assert ids(search(web, 'is:favourite "dog"')) == [dog]


def test_what_looks_alike_is_found_without_itself(web, ours):
    one = add(ours, looks=[1, 0])
    near = add(ours, looks=[0.95, 0.31])
    for angle in np.linspace(1.7, 4.5, 60):
        add(ours, looks=[float(np.cos(angle)), float(np.sin(angle))])

    found = web.get(f"/v1/assets/{one}/similar").json

    assert found["is_looked_at"] is True
    assert ids(found)[0] == near
    assert one not in ids(found)
    assert ids(search(web, f"like:{one}"))[0] == near


def test_what_nobody_has_looked_at_is_like_nothing_and_says_so(web, ours):
    one = add(ours)

    assert web.get(f"/v1/assets/{one}/similar").json == {"found": [], "is_looked_at": False}
    assert search(web, f"like:{one}")["not_looked_at"] == [one]


def test_pages_of_what_was_found_go_on_where_the_last_ended(web, ours):
    made = [add(ours, caption="a dog") for _ in range(5)]

    first = search(web, "dog", limit=2, sort="oldest")
    second = search(web, "dog", limit=2, sort="oldest", cursor=first["next_cursor"])
    third = search(web, "dog", limit=2, sort="oldest", cursor=second["next_cursor"])

    assert ids(first) + ids(second) + ids(third) == made
    assert (first["total"], third["next_cursor"]) == (5, None)
    listed = search(web, "kind:generate", limit=2)
    assert ids(search(web, "kind:generate", limit=2, cursor=listed["next_cursor"])) == made[2:0:-1]


def test_duplicates_are_told_apart_by_notion(web, ours):
    one, two = (add(ours, dhash=0x0F0F12345678, thumbhash="t") for _ in range(2))
    near = add(ours, dhash=0x0F0F12345679, thumbhash="u")
    add(ours, "bob", dhash=0x0F0F12345678, thumbhash="t")

    exact = web.get("/v1/assets/duplicates?notion=exact").json
    loose = web.get("/v1/assets/duplicates").json

    assert [[row["id"] for row in group] for group in exact["groups"]] == [[one, two]]
    assert [[row["id"] for row in group] for group in loose["groups"]] == [[one, two, near]]


@pytest.mark.parametrize(
    ("q", "at"), [("cat tag:", 7), ('cat "dog', 4), ("colour:red", 0), ("stars:9", 6), ("x" * 3000, 1000)]
)
def test_what_cannot_be_read_is_refused_with_the_place(web, q, at):
    answered = web.get("/v1/search", query_string={"q": q})

    assert answered.status_code == 422
    assert (answered.json["error"]["field"], answered.json["error"]["at"]) == ("q", at)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/search?q=dog&cursor=1_2", 422),
        ("/v1/search?q=dog&limit=0", 422),
        ("/v1/search?q=" + "a" * 20_000, 422),
        ("/v1/search?q=like:ast_" + "0" * 24, 404),
        ("/v1/assets/ast_" + "0" * 24 + "/similar", 404),
        ("/v1/assets/me/similar", 404),
        ("/v1/assets/duplicates?notion=vague", 422),
        ("/v1/assets/duplicates?cursor=-1", 422),
        ("/v1/search?q=%00", 200),
        ("/v1/search", 200),
    ],
)
def test_odd_requests_are_answered_in_words(web, path, status):
    answered = web.get(path)

    assert answered.status_code in (status, 422) if status == 404 else answered.status_code == status, answered.json


@how(
    max_examples=60,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    q=st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
    | st.text("ab\"-:*,()<>=\\'%_\x00 tagstars", max_size=60)
)
@example(q='s,)gg\x00r"r<=\x00r_\x00("\\gg')
def test_no_search_fails(web, q):
    assert web.get("/v1/search", query_string={"q": q}).status_code in (200, 422)
