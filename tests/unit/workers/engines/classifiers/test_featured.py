"""What a picture looks like, by the tagger that is in the house."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from shared.contracts.embedding import FEATURE_DIMENSIONS
from shared.errors import EngineFailed
from shared.models.catalogue import load_catalogue
from shared.settings import Settings
from workers.engines.base import Embedding, LoadPlan
from workers.engines.classifiers import efficientnet
from workers.engines.classifiers.featured import FeaturedClassifier, projected

#: Where it sends a vector of ones.
FIRST = [-0.038, -0.0586, -0.0903, -0.1026]


@pytest.fixture(scope="module")
def tagger() -> FeaturedClassifier:
    catalogue = load_catalogue(Settings())
    card = catalogue.get("efficientnet-lite0")
    return efficientnet.load(card, catalogue.require(card), LoadPlan())


def drawn(shape: str, colour: str, at: int) -> Image.Image:
    picture = Image.new("RGB", (200, 200), "white")
    getattr(ImageDraw.Draw(picture), shape)((at, at, at + 100, at + 100), fill=colour)
    return picture


def test_pictures_that_look_alike_are_nearer(tagger: FeaturedClassifier):
    disc, moved, square = tagger.embed_pictures(
        [drawn("ellipse", "red", 40), drawn("ellipse", "red", 50), drawn("rectangle", "green", 0)]
    )

    assert isinstance(tagger, Embedding)
    assert disc.shape == (FEATURE_DIMENSIONS,)
    assert disc @ moved > disc @ square + 0.05


def test_it_knows_no_words(tagger: FeaturedClassifier):
    with pytest.raises(EngineFailed, match="knows pictures only"):
        tagger.embed_texts(["a"])


def test_angles_survive_the_projection():
    wide = np.random.default_rng(1).standard_normal((40, 1280)) + 0.5
    unit = wide / np.linalg.norm(wide, axis=1, keepdims=True)

    small = projected(wide)

    assert np.abs(small @ small.T - unit @ unit.T).max() < 0.25
    assert np.abs(small @ small.T - unit @ unit.T).mean() < 0.06


def test_the_projection_is_the_same_for_ever():
    """Stored vectors are compared with new ones: another matrix would make all of them wrong."""
    assert projected(np.ones((1, 1280)))[0, :4].round(4).tolist() == pytest.approx(FIRST, abs=1e-4)
