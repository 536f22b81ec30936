"""Words ↔ token ids: the published tokenizer from a local folder, or a small byte-level one made in memory."""

from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from shared.errors import EngineFailed, ModelMissing

FILE_NAME = "tokenizer.json"

#: The small tokenizer's first ids. Up to 9 they stand where starmie has them; then the words of its own prompts.
SPECIAL_TOKENS = (
    "<|end|>",
    "<|ask|>",
    "<|about|>",
    "<|answer|>",
    "<|thinking|>",
    "<|coord|>",
    "<|size|>",
    "<|start_ground|>",
    "<|reserved_8|>",
    "<|end_ground|>",
    "<|caption|>",
    "<|query|>",
    "<|detect|>",
    "<|point|>",
    "<|short|>",
    "<|normal|>",
    "<|long|>",
    "<|reserved_17|>",
    "<|reserved_18|>",
    "<|reserved_19|>",
)

#: The special tokens and one token per byte: the smallest vocabulary that can say anything.
BYTE_VOCAB = len(SPECIAL_TOKENS) + 256

#: Ids that a stream decodes again with each new one; past it, at the next whole character, it starts afresh.
STREAM_WINDOW = 64


def load_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of a snapshot folder.

    What a caller writes is text: "<|coord|>" in a question must not become a token that means something.

    Raises:
        ModelMissing: the folder holds none. EngineFailed: it holds something else.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise ModelMissing(f"no {FILE_NAME} in {folder.name}", field="model")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as exc:  # the library raises plain exceptions
        raise EngineFailed(f"{FILE_NAME} is damaged, or no tokenizer: {str(exc)[:200]}") from exc
    tokenizer.encode_special_tokens = True
    return tokenizer


def small_tokenizer(texts: Iterable[str] = (), vocab: int = BYTE_VOCAB) -> Tokenizer:
    """A byte-level tokenizer that can say any text; with `texts`, merges of what they repeat fill up to `vocab`."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.encode_special_tokens = True
    return tokenizer


class WordStream:
    """Token ids in, text out as soon as it is certain: a character of several tokens waits for its last one."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._said = 0

    def push(self, token: int) -> str:
        """The text that this token completes; often empty."""
        self._ids.append(token)
        text = self._tokenizer.decode(self._ids)
        if text.endswith("\ufffd"):
            return ""
        new = text[self._said :]
        self._said = len(text)
        if len(self._ids) >= STREAM_WINDOW:
            self._ids, self._said = [], 0
        return new

    def flush(self) -> str:
        """What is left when no more tokens come, broken characters included."""
        return self._tokenizer.decode(self._ids)[self._said :]
