"""Measure the companions: `python -m workers.starter.companions.evaluate`, or some of them by name.

The same weights give the same table. Leaves `companions.json`, which grows from call to call, and a row of pictures for
each companion.
"""

import argparse
import json
from pathlib import Path

import torch

from workers.starter.companions.measures import MEASURES
from workers.starter.evaluate import WEIGHTS, Marks
from workers.starter.pictures import save_grid


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MEASURES)}; all, if none is named")
    parser.add_argument("--companions", type=Path, default=WEIGHTS / "companions", help="the folder with their files")
    parser.add_argument("--many", type=int, help="cards of each measure; the default is what the README's table took")
    parser.add_argument("--out", type=Path, default=Path("out/starter"))
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    if strangers := set(given.names) - set(MEASURES):
        parser.error(f"there is no companion {', '.join(sorted(strangers))}; there are {', '.join(MEASURES)}")
    torch.set_num_threads(given.threads)
    given.out.mkdir(parents=True, exist_ok=True)
    file = given.out / "companions.json"
    told: Marks = json.loads(file.read_text()) if file.exists() else {}
    for name in given.names or MEASURES:
        marks, pictures = MEASURES[name].run(given.companions, given.many or MEASURES[name].many)
        save_grid(pictures, given.out / f"companion-{name}.png")
        print("\n".join(f"{about:<60} {value:8.3f}" for about, value in marks.items()), flush=True)
        told |= marks
        file.write_text(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
