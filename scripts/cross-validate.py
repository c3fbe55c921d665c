#!/usr/bin/env python3
"""Measures a policy on every question of train and dev by cross-validation.

usage: cross-validate.py SUMMIT OUTCOMES [FOLDS [POLICY]]

Each question falls into one of FOLDS (4) by a hash of its suite and id. SUMMIT
eval is fitted on all folds but one and reports that one, in turn, two at a
time. Prints the mean gain of POLICY (auto) over the ten sets of
docs/results.md, the mean of the losses alone, how many sets lose nothing, and
each set's gain and cost.
"""

import concurrent.futures
import gzip
import hashlib
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

SUITES = ["gsm8k", "cruxeval", "mathl5", "korbench", "theme", "rgym", "lawbench"]
SETS = [(s, "all") for s in ("gsm8k", "cruxeval", "mathl5", "korbench", "mix", "theme", "rgym", "lawbench")]
SETS += [("cruxeval", "plain"), ("mathl5", "plain")]
CAPS = ["0.4", "1", "2", "4"]


def split(outcomes, folds, to):
    for k in range(folds):
        (to / str(k)).mkdir()
        shutil.copy(outcomes / "members.jsonl", to / str(k))
    for suite in SUITES:
        for kind in "questions", "outcomes":
            rows = {(k, part): [] for k in range(folds) for part in ("train", "dev")}
            for part in "train", "dev":
                with gzip.open(outcomes / f"{suite}.{kind}.{part}.jsonl.gz", "rt") as f:
                    for row in f:
                        name = f"fold|{suite}|{json.loads(row)['question_id']}"
                        own = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) % folds
                        for k in range(folds):
                            rows[k, "dev" if k == own else "train"].append(row)
            for (k, part), lines in rows.items():
                with gzip.open(to / str(k) / f"{suite}.{kind}.{part}.jsonl.gz", "wt", compresslevel=1) as f:
                    f.writelines(lines)


def measure(summit, folder, policy):
    """Returns questions, gain and multiple of the cost by suite, pool and cap."""
    command = [summit, "eval", "--outcomes", folder, "--train", "train", "--test", "dev", "--pool", "all,plain", "--suite",
               ",".join(SUITES + ["mix"]), "--policy", policy, "--cap", ",".join(CAPS), "-o", "markdown"]
    text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found, here, questions = {}, None, 0
    for row in text.splitlines():
        cells = [c.strip() for c in row.strip("|").split("|")]
        if row.startswith("### "):
            here = tuple(row[4:].split(" / "))
        elif " questions, " in row:
            questions = int(row.split()[0])
        elif cells[0] == policy and here in SETS and cells[1] in CAPS:
            found[here, cells[1]] = questions, float(cells[3]), float(cells[6].rstrip("x"))
    return found


def main():
    if not 3 <= len(sys.argv) <= 5:
        sys.exit(__doc__)
    summit, outcomes = sys.argv[1], pathlib.Path(sys.argv[2])
    folds = int(sys.argv[3]) if len(sys.argv) > 3 else 4
    policy = sys.argv[4] if len(sys.argv) > 4 else "auto"
    with tempfile.TemporaryDirectory() as d:
        to = pathlib.Path(d)
        split(outcomes, folds, to)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            runs = list(pool.map(lambda k: measure(summit, to / str(k), policy), range(folds)))
    gains = {}
    for cap in CAPS:
        for name in SETS:
            seen = [r[name, cap] for r in runs]
            n = sum(s[0] for s in seen)
            gains[name, cap] = [sum(s[0] * s[i] for s in seen) / n for i in (1, 2)]
    for cap in CAPS:
        g = [gains[name, cap][0] for name in SETS]
        print(f"{cap}x: mean gain {sum(g) / len(g):+.2f}, losses alone {sum(min(0, x) for x in g) / len(g):+.2f}, "
              f"{sum(x >= 0 for x in g)} of {len(g)} sets without a loss")
    for name in SETS:
        print("/".join(name), *(f"{gains[name, cap][0]:+.2f} at {gains[name, cap][1]:.2f}x" for cap in CAPS), sep="\t")


main()
