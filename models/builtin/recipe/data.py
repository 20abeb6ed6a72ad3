"""Captions and photos: reading, normalising and splitting them."""

import csv
import re
from collections import defaultdict
from pathlib import Path

import numpy as np

PER_PHOTO = 5


def normalise(caption):
    """One sentence as it is written in prose: no space before punctuation, exactly one final "."."""
    text = re.sub(r"\s+", " ", caption.replace('"', " ").replace("`", "'")).strip()
    text = re.sub(r"\s+([,.;:!?')])", r"\1", text)
    text = re.sub(r"[\s.,;:!?-]+$", "", text).replace(".", ",")
    return text[:1].upper() + text[1:] + "."


def read_photos(captions_csv, folder):
    """captions.csv (image,caption) → ([path of each photo, sorted], [its captions])."""
    captions = defaultdict(list)
    with open(captions_csv, newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            captions[row["image"]].append(normalise(row["caption"]))
    names = [n for n in sorted(captions) if (Path(folder) / n).exists()]
    return [Path(folder) / n for n in names], [captions[n] for n in names]


def read_text_only(path, grouped):
    """A file with one caption a line → groups of captions of one photo (of PER_PHOTO lines, or of one)."""
    lines = [normalise(line) for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip()]
    size = PER_PHOTO if grouped else 1
    return [lines[i : i + size] for i in range(0, len(lines), size)]


def folds(photos, count=5, seed=1):
    """The photos' numbers in `count` shuffled parts; what is not in a part is what its model trains on."""
    return [np.sort(part) for part in np.array_split(np.random.default_rng(seed).permutation(photos), count)]
