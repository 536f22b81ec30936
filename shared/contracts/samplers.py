"""The names of samplers and of schedules, how other programs spell them, and which of them go together.

A *sampler* walks from noise to a picture; a *schedule* says at which noise levels it stops on the way. Requests name the
first in `scheduler` (diffusers' and our word for it) and the second in `schedule`. Many programs still send both in one
word ("DPM++ 2M Karras"), so such words are read too.

Which pairs there are is what diffusers 0.42.1 can do; a test of the schedulers holds this table against it.
"""

import difflib
import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

#: Scheduler → the spellings other programs use for it (A1111's and ComfyUI's menus, InvokeAI's, diffusers' class names).
#: The first is the name in A1111's menu. Letters' case, spaces, `_`, `-`, and the prefixes `k_` and `sample_` do not count.
SCHEDULERS: dict[str, tuple[str, ...]] = {
    "euler": ("Euler", "EulerDiscreteScheduler", "sample_euler"),
    "euler_trailing": ("Euler trailing", "Euler SGMUniform", "Euler SGM Uniform", "euler_sgm_uniform"),
    "euler_ancestral": ("Euler a", "euler_a", "k_euler_a", "EulerAncestralDiscreteScheduler"),
    "dpmpp_2m": ("DPM++ 2M", "DPMSolverMultistepScheduler"),
    "dpmpp_2m_karras": ("DPM++ 2M Karras", "dpmpp_2m_k"),
    "dpmpp_2m_sde": ("DPM++ 2M SDE", "dpmpp_2m_sde_gpu"),
    "dpmpp_2m_sde_karras": ("DPM++ 2M SDE Karras", "dpmpp_2m_sde_k"),
    "dpmpp_2m_sde_heun": ("DPM++ 2M SDE Heun", "dpmpp_2m_sde_heun_gpu"),
    "dpmpp_3m_sde": ("DPM++ 3M SDE", "dpmpp_3m_sde_gpu"),
    "dpmpp_sde": ("DPM++ SDE", "dpmpp_sde_gpu"),
    "dpmpp_sde_karras": ("DPM++ SDE Karras", "dpmpp_sde_k", "DPMSolverSDEScheduler"),
    "lms": ("LMS", "LMSDiscreteScheduler"),
    "lcm": ("LCM", "LCMScheduler"),
    "tcd": ("TCD", "TCDScheduler"),
    "ddim": ("DDIM", "DDIMScheduler"),
    "ddpm": ("DDPM", "DDPMScheduler"),
    "unipc": ("UniPC", "uni_pc", "uni_pc_bh2", "UniPCMultistepScheduler"),
    "heun": ("Heun", "HeunDiscreteScheduler"),
    "kdpm2": ("DPM2", "dpm_2", "KDPM2DiscreteScheduler"),
    "kdpm2_ancestral": ("DPM2 a", "dpm_2_ancestral", "kdpm_2_a", "KDPM2AncestralDiscreteScheduler"),
    "pndm": ("PNDM", "PLMS", "PNDMScheduler"),
    "deis": ("DEIS", "DEISMultistepScheduler"),
}
#: Names of ours that say both; new pairs are told in two words.
COMBINED: dict[str, tuple[str, str]] = {
    "euler_trailing": ("euler", "sgm_uniform"),
    "dpmpp_2m_karras": ("dpmpp_2m", "karras"),
    "dpmpp_2m_sde_karras": ("dpmpp_2m_sde", "karras"),
    "dpmpp_sde_karras": ("dpmpp_sde", "karras"),
}

#: What a scheduler does where no schedule is asked for: the time steps as the model's own configuration spaces them.
NORMAL = "normal"
#: "As if I had said nothing".
AUTOMATIC = "automatic"
#: Schedule → spellings, A1111's menu first.
SCHEDULES: dict[str, tuple[str, ...]] = {
    AUTOMATIC: ("Automatic", "auto"),
    NORMAL: ("Normal", "uniform"),
    "karras": ("Karras", "ka", "k"),
    "exponential": ("Exponential", "exp"),
    "sgm_uniform": ("SGM Uniform", "SGMUniform", "trailing"),
    "simple": ("Simple",),
    "beta": ("Beta",),
    "align_your_steps": ("Align Your Steps", "ays"),
}

_BY_FLAG = frozenset({"karras", "exponential", "beta"})
_BY_LIST = frozenset({"simple", "align_your_steps"})
_EVERY = frozenset({NORMAL, "sgm_uniform"}) | _BY_FLAG | _BY_LIST
_NO_LIST = _EVERY - _BY_LIST
#: Sampler → the schedules it can follow.
FOLLOWS: dict[str, frozenset[str]] = {
    "euler": _EVERY,
    "euler_ancestral": _EVERY,
    "dpmpp_2m": _EVERY,
    "dpmpp_2m_sde": _EVERY,
    "dpmpp_2m_sde_heun": _EVERY,
    "dpmpp_3m_sde": _EVERY,
    "dpmpp_sde": _NO_LIST,
    "lms": _NO_LIST,
    # Consistency models have time steps of their own; they take a list of others.
    "lcm": _EVERY - _BY_FLAG,
    "tcd": _EVERY - _BY_FLAG,
    "ddim": frozenset({NORMAL, "sgm_uniform"}),
    "ddpm": frozenset({NORMAL, "sgm_uniform"}) | _BY_LIST,
    "unipc": _NO_LIST,
    "heun": _EVERY,
    "kdpm2": _NO_LIST,
    "kdpm2_ancestral": _NO_LIST,
    "pndm": frozenset({NORMAL, "sgm_uniform"}),
    "deis": _NO_LIST,
}


@dataclass(frozen=True)
class Sampling:
    """A sampler and the schedule it follows; both are keys of `FOLLOWS` and members of its values."""

    sampler: str
    schedule: str

    @property
    def label(self) -> str:
        """The sampler as A1111's menu has it."""
        return SCHEDULERS[self.sampler][0]

    @property
    def schedule_label(self) -> str:
        """The schedule as A1111's menu has it."""
        return SCHEDULES[self.schedule][0]


def sampling_of(scheduler: str, schedule: str | None = None) -> Sampling:
    """What a scheduler and a schedule mean together.

    Args:
        scheduler: a name as `scheduler_name` gives it, also one that says both.
        schedule: as `schedule_name` gives it; None or automatic: what the scheduler's name says, else normal.

    Raises:
        ValueError: they contradict each other, or the sampler cannot follow the schedule.
    """
    sampler, said = _parted(scheduler)
    asked = None if schedule == AUTOMATIC else schedule
    if said is not None and asked is not None and asked != said:
        raise ValueError(
            f"scheduler {scheduler} says {said}, schedule says {asked}: leave one out (sampler: {sampler})"
        )
    chosen = asked or said or NORMAL
    if chosen not in FOLLOWS[sampler]:
        able = ", ".join(name for name in SCHEDULES if name in FOLLOWS[sampler])
        raise ValueError(f"scheduler {sampler} cannot follow schedule {chosen}; it can follow {able}")
    return Sampling(sampler, chosen)


def sampler_of(scheduler: str) -> str:
    """The sampler alone, of a name that may say both."""
    return _parted(scheduler)[0]


def scheduler_name(spelling: Any) -> Any:
    """Our name of a scheduler in any known spelling; "Euler a Karras" is `euler_ancestral_karras`.

    Raises:
        ValueError: nobody spells one so; the message has the nearest name and lists all.
    """
    if not isinstance(spelling, str):
        return spelling
    plain = _plain(spelling)
    name = _SCHEDULER_SPELLINGS.get(plain) or _combined_name(plain)
    if name is None:
        raise ValueError(_unknown("scheduler", spelling, _SCHEDULER_SPELLINGS, SCHEDULERS))
    return name


def schedule_name(spelling: Any) -> Any:
    """Our name of a schedule in any known spelling.

    Raises:
        ValueError: nobody spells one so; the message has the nearest name and lists all.
    """
    if not isinstance(spelling, str):
        return spelling
    name = _SCHEDULE_SPELLINGS.get(_plain(spelling))
    if name is None:
        raise ValueError(_unknown("schedule", spelling, _SCHEDULE_SPELLINGS, SCHEDULES))
    return name


def _plain(spelling: str) -> str:
    """What is left of a spelling when everything that programs disagree on is taken off."""
    text = re.sub(r"^(sample_|k_)+", "", spelling.strip().lower().replace("++", "pp"))
    return re.sub(r"[\s_-]+", "", text)


def _spellings(table: dict[str, tuple[str, ...]]) -> dict[str, str]:
    return {_plain(spelling): name for name, others in table.items() for spelling in (name, *others)}


_SCHEDULER_SPELLINGS = _spellings(SCHEDULERS)
_SCHEDULE_SPELLINGS = _spellings(SCHEDULES)


def _combined_name(plain: str) -> str | None:
    """A sampler's spelling with a schedule's behind it, as one name; None: it is no such thing."""
    for ending, schedule in _SCHEDULE_SPELLINGS.items():
        name = _SCHEDULER_SPELLINGS.get(plain.removesuffix(ending)) if plain.endswith(ending) else None
        if name is None or name in COMBINED:
            continue
        if schedule == AUTOMATIC:
            return name
        known = next((word for word, pair in COMBINED.items() if pair == (name, schedule)), None)
        return known or f"{name}_{schedule}"
    return None


def _parted(scheduler: str) -> tuple[str, str | None]:
    """A scheduler's name as sampler and schedule; None: it names no schedule."""
    if scheduler in COMBINED:
        return COMBINED[scheduler]
    if scheduler in FOLLOWS:
        return scheduler, None
    return next((sampler, name) for sampler in FOLLOWS for name in SCHEDULES if scheduler == f"{sampler}_{name}")


def _unknown(what: str, spelling: str, spellings: dict[str, str], names: dict[str, tuple[str, ...]]) -> str:
    close = difflib.get_close_matches(_plain(spelling), spellings, n=1, cutoff=0.6)
    hint = f"did you mean {spellings[close[0]]}? " if close else ""
    return f"unknown {what} {spelling[:60]!r}; {hint}one of {', '.join(names)}"


def _schema(names: dict[str, tuple[str, ...]]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "enum": [s for name, others in names.items() for s in (name, *others)]})


SchedulerName = Annotated[str, BeforeValidator(scheduler_name), _schema(SCHEDULERS)]
ScheduleName = Annotated[str, BeforeValidator(schedule_name), _schema(SCHEDULES)]
