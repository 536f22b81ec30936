"""Ratings of pictures in Redis, by content: the same bytes are rated once, whoever has them.

What is not here was never rated. A failure is forgotten after a while, so that it is tried again.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import redis

from shared.contracts.ratings import PictureRating, RatingState
from shared.redis import keys
from shared.redis.client import redis_errors


class Ratings:
    """Every method raises `RedisUnavailable` when the server does not take requests."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis: Any = client

    def of(self, artifact_ids: Sequence[str]) -> dict[str, PictureRating]:
        """Those of the pictures that anything is known of, in one round trip; asking is a use."""
        with redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            for artifact_id in artifact_ids:
                pipe.get(keys.rating(artifact_id))
            texts = pipe.execute()
        known = ((i, text) for i, text in zip(artifact_ids, texts, strict=True) if text is not None)
        return {artifact_id: PictureRating.model_validate_json(text) for artifact_id, text in known}

    def write(self, ratings: Mapping[str, PictureRating]) -> None:
        """What is known from now on."""
        with redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            for artifact_id, rating in ratings.items():
                has_failed = rating.state is RatingState.FAILED
                life_s = keys.RATING_FAILED_TTL_S if has_failed else keys.RATING_TTL_S
                pipe.set(keys.rating(artifact_id), rating.model_dump_json(exclude_defaults=True), ex=life_s)
            pipe.execute()
