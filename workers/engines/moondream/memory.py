"""What a Moondream's work takes beside its weights, part by part, from the sizes of the model. Arithmetic only.

A job first looks (crops through the ViT, then image tokens through the text model, which makes prefixes), then asks. The
two never overlap, but the prefixes of all its pictures stay until the last answer. Counted are the tensors alive at
once; the tests count the same ones while the real network runs.
"""

from workers.engines.moondream.config import CROPS_PER_PASS, GROWTH, PICTURES_PER_PASS, MoondreamConfig

#: Words of a question and its frame.
QUESTION_TOKENS = 24
#: An answer is planned at the longest that callers get without asking for more.
ANSWER_TOKENS = 768


def looking_nbytes(config: MoondreamConfig, pictures: int, width: int) -> int:
    """While pictures are encoded, those finished before them included.

    Args:
        width: bytes of a value.
    """
    together = min(pictures, PICTURES_PER_PASS)
    kept = config.prefix_nbytes(width)
    seeing = (pictures - together) * kept + _vision_values(config, together) * width
    return max(seeing, pictures * kept + together * _reading_values(config) * width)


def asking_nbytes(config: MoondreamConfig, answers: int, pictures: int, width: int) -> int:
    """While so many answers are made at once about so many pictures."""
    text = config.text
    positions = min(config.prefix_length + QUESTION_TOKENS + ANSWER_TOKENS, text.max_context) + GROWTH
    of_position = 2 * text.layers * text.kv_heads * text.head_dim * width
    # While a cache grows, one layer's keys are there twice.
    growing = positions * text.kv_heads * text.head_dim * width
    # Logits as they come, and in fp32 for choosing: as they are, sorted, and their places.
    choosing = text.vocab * (width + 3 * 4 + 8)
    return pictures * config.prefix_nbytes(width) + answers * (positions * of_position + growing + choosing)


def _vision_values(config: MoondreamConfig, pictures: int) -> int:
    """In the ViT's widest place, its MLP: pixels, what goes around, what goes in, and both sides of the activation;
    beside it the features of the crops that are done."""
    vision = config.vision
    crops = pictures * (1 + vision.max_crops)
    widest = 3 * vision.patch_px**2 + 3 * vision.dim + 2 * vision.ff_dim
    return int(vision.grid**2 * (min(crops, CROPS_PER_PASS) * widest + crops * vision.dim))


def _reading_values(config: MoondreamConfig) -> int:
    """In the text model's widest place, of one picture's tokens."""
    return config.prefix_length * (6 * config.text.dim + 2 * config.text.ff_dim)
