"""Asks the house's own classifier about pictures, and takes down what it says.

A rating is an ordinary job (`analyze`, the task `rating`) at the account of whoever brought the picture or had it made, and
stands in no list. It is asked for when a picture comes or is made, and again whenever somebody looks at one that is not rated:
whatever was lost on the way heals at the next look. Nothing here fails the request or the job that it follows.
"""

from collections.abc import Sequence

from shared.contracts.base import Priority
from shared.contracts.jobs import JobRecord, State, new_job_id
from shared.contracts.ratings import PictureRating, RatingState
from shared.contracts.vision import AnalysisParams, RatingTask
from shared.errors import DarkroomError, InvalidRequest
from shared.jobs.routing import analysis_batch_key_of, queue_of
from shared.jobs.store import JobStore
from shared.log import logger
from shared.models.catalogue import Catalogue, ModelCard
from shared.models.effective import effective_task
from shared.pictures.rating_rules import is_above
from shared.pictures.ratings import Ratings
from shared.queue.dispatch import Dispatcher
from shared.rack.worker_registry import WorkerRegistry
from shared.settings import Settings

#: The kind of models that rate.
KIND = "rating"


class RatingJobs:
    """Every method raises `RedisUnavailable` when the server does not take requests, `ask` aside."""

    def __init__(self, store: JobStore, dispatcher: Dispatcher, catalogue: Catalogue, settings: Settings) -> None:
        """Raises InvalidRequest: the model that the settings name does not rate."""
        self._store = store
        self._dispatcher = dispatcher
        self._catalogue = catalogue
        self._settings = settings
        self._ratings = Ratings(store.redis)
        self._registry = WorkerRegistry(store.redis)
        self._check_model()

    @property
    def is_on(self) -> bool:
        """Whether anything is rated here."""
        return self._settings.rating != "off"

    def ask(self, person: str, artifact_ids: Sequence[str], *, weight: float = 1.0) -> None:
        """Have those of the pictures rated that are not; where that cannot be asked now, the next look asks again.

        Args:
            person: at whose account.
            weight: their share of the GPUs.
        """
        if not self.is_on or not artifact_ids:
            return
        try:
            known = self.known(artifact_ids)
            for artifact_id in artifact_ids:
                if artifact_id not in known:
                    self._send(person, artifact_id, weight)
        except DarkroomError as exc:
            logger().warning("rating.not_asked", reason=exc.code, pictures=len(artifact_ids))

    def known(self, artifact_ids: Sequence[str]) -> dict[str, PictureRating]:
        """What is known of the pictures; a pending one is there only while its job lives."""
        known = self._ratings.of(artifact_ids)
        pending = {rating.job: i for i, rating in known.items() if rating.state is RatingState.PENDING}
        for job_id, record in zip(pending, self._store.get_many(list(pending)), strict=True):
            if record is None:
                del known[pending[job_id]]
            elif record.is_final:
                known |= self.settle(record)
        return known

    def look(self, person: str, artifact_ids: Sequence[str]) -> dict[str, PictureRating]:
        """What is to be said of each picture now; those that nobody has rated are asked for, at this person's account."""
        self.ask(person, artifact_ids)
        return dict.fromkeys(artifact_ids, PictureRating()) | self.known(artifact_ids)

    def refused(self, artifact_ids: Sequence[str]) -> dict[str, PictureRating]:
        """Those of the pictures that are known to be none that this server shows: no job starts from one."""
        if self._settings.rating != "refuse":
            return {}
        threshold = self._settings.rating_threshold
        return {i: rating for i, rating in self.known(artifact_ids).items() if is_above(rating, threshold)}

    def settle(self, ended: JobRecord) -> dict[str, PictureRating]:
        """Take down what a rating job has found out; of any other job nothing is."""
        if not ended.rates or not ended.is_final:
            return {}
        found = {ended.rates: rating_in(ended)}
        self._ratings.write(found)
        return found

    def _check_model(self) -> None:
        wanted = self._settings.rating_model
        if self.is_on and wanted is not None:
            card = self._catalogue.cards.get(wanted)
            if card is None or not card.does("rating"):
                raters = ", ".join(card.id for card in self._catalogue.cards.values() if card.does("rating"))
                raise InvalidRequest(
                    f"DARKROOM_RATING_MODEL: {wanted!r} rates no pictures; these do: {raters}",
                    field="DARKROOM_RATING_MODEL",
                )

    def _send(self, person: str, artifact_id: str, weight: float) -> None:
        card = self._card()
        if card is None:
            self._ratings.write(
                {artifact_id: PictureRating(state=RatingState.FAILED, why="no model here rates pictures")}
            )
            return
        task = effective_task(RatingTask(task="rating", threshold=self._settings.rating_threshold), card, field="image")
        params = AnalysisParams(image=artifact_id, tasks=[task]).model_dump(mode="json", exclude_none=True)
        # Under `refuse` somebody waits for it.
        priority = Priority.NORMAL if self._settings.rating == "refuse" else Priority.LOW
        record = JobRecord(
            id=new_job_id(),
            kind="analyze",
            model=card.id,
            state=State.QUEUED,
            caller=person,
            weight=weight,
            priority=priority,
            params=params,
            max_attempts=self._settings.max_attempts,
            queue=queue_of(card.id, priority),
            batch_key=analysis_batch_key_of(card.id, [task]),
            rates=artifact_id,
        )
        # The job first: a mark without its job would only be asked for again, a job without its mark rates twice.
        self._dispatcher.submit(record)
        self._ratings.write({artifact_id: PictureRating(model=card.id, job=record.id)})

    def _card(self) -> ModelCard | None:
        """The model that rates: the one of the settings, else the first that a living worker serves, else the first there is."""
        wanted = self._settings.rating_model
        if wanted is not None:
            return self._catalogue.get(wanted)
        served = {model for worker in self._registry.living() for model in worker.models}
        cards = [card for card in self._catalogue.of_kind(KIND) if card.does("rating")]
        return next((card for card in cards if card.id in served), cards[0] if cards else None)


def rating_in(ended: JobRecord) -> PictureRating:
    """What a rating job that has ended says. Pure."""
    answers = (ended.result or {}).get("answers") or ()
    score = next((answer["answer"].get("nsfw") for answer in answers if answer.get("ok")), None)
    if ended.state is State.SUCCEEDED and isinstance(score, int | float):
        return PictureRating(state=RatingState.RATED, nsfw=float(score), model=ended.model, job=ended.id)
    code = ended.error.code if ended.error else next((a["error"]["code"] for a in answers if a.get("error")), "")
    why = f"its job was {ended.state.value}" + (f": {code}" if code else "")
    return PictureRating(state=RatingState.FAILED, model=ended.model, why=why, job=ended.id)
