"""Compares metrics.py with pycocoevalcap on captions scored against those of the same photo: `python test_metrics.py captions.csv`."""

import csv
import sys
from collections import defaultdict

import numpy as np
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider

import data
import metrics


def main(captions_csv):
    groups = defaultdict(list)
    with open(captions_csv, newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            groups[row["image"]].append(data.normalise(row["caption"]))
    groups = [g for g in groups.values() if len(g) == data.PER_PHOTO]
    captions, references = [g[0] for g in groups], [g[1:] for g in groups]
    join = lambda c: " ".join(metrics.words(c))  # noqa: E731
    oracle_references = {i: [join(r) for r in refs] for i, refs in enumerate(references)}
    oracle_captions = {i: [join(c)] for i, c in enumerate(captions)}
    _, each = Cider().compute_score(oracle_references, oracle_captions)
    ours = metrics.cider(captions, references)
    bleu, _ = Bleu(4).compute_score(oracle_references, oracle_captions, verbose=0)
    cider_error = np.abs(np.array(each) - np.array(ours)).max()
    bleu_error = np.abs(np.array(bleu) - np.array(metrics.bleu(captions, references))).max()
    print(f"{len(groups)} photos: CIDEr-D {np.mean(ours):.4f}, BLEU-4 {bleu[3]:.4f}; largest difference {cider_error:.1e}, {bleu_error:.1e}")
    assert cider_error < 1e-6 and bleu_error < 1e-6


if __name__ == "__main__":
    main(sys.argv[1])
