"""BLEU-4 and CIDEr-D as pycocoevalcap computes them, on lower-cased words without punctuation.

CIDEr-D (Vedantam et al. 2015): n = 1…4, sigma 6, document frequencies of the evaluated references, ×10; here N is the number of
photos in the evaluation (pass `documents` to score against another set's frequencies). `test_metrics.py` compares both with
pycocoevalcap.
"""

import math
import re
from collections import Counter, defaultdict

ORDERS = 4
SIGMA = 6.0


def words(caption):
    return re.findall(r"[a-z0-9']+", caption.lower())


def words_and_end(caption):
    """Words, and a full stop where the caption has one: as a reward this also asks for a proper end."""
    return words(caption) + (["."] if caption.endswith(".") else [])


def ngrams(tokens):
    return Counter(tuple(tokens[i : i + n]) for n in range(1, ORDERS + 1) for i in range(len(tokens) - n + 1))


class CiderD:
    """Document frequencies of a reference set, and scores of captions against references."""

    def __init__(self, reference_groups, split=words):
        self.split = split
        self.frequency = Counter(g for group in reference_groups for g in {g for r in group for g in ngrams(split(r))})
        self.log_count = math.log(max(2, len(reference_groups)))

    def vector(self, caption):
        """(tf-idf per order, norm per order, number of bigrams)"""
        tokens = self.split(caption)
        weights, norms = [defaultdict(float) for _ in range(ORDERS)], [0.0] * ORDERS
        for gram, count in ngrams(tokens).items():
            value = count * (self.log_count - math.log(max(1.0, self.frequency[gram])))
            weights[len(gram) - 1][gram] = value
            norms[len(gram) - 1] += value * value
        return weights, [math.sqrt(n) for n in norms], max(0, len(tokens) - 1)

    @staticmethod
    def similarity(hypothesis, reference):
        (h, h_norm, h_length), (r, r_norm, r_length) = hypothesis, reference
        penalty = math.exp(-((h_length - r_length) ** 2) / (2 * SIGMA**2))
        total = 0.0
        for n in range(ORDERS):
            dot = sum(min(v, r[n][g]) * r[n][g] for g, v in h[n].items() if g in r[n])
            if h_norm[n] and r_norm[n]:
                total += dot / (h_norm[n] * r_norm[n])
        return total * penalty / ORDERS

    def score(self, caption, references):
        """References are captions or vectors made of them before."""
        h = self.vector(caption)
        vectors = [self.vector(r) if isinstance(r, str) else r for r in references]
        return 10 * sum(self.similarity(h, r) for r in vectors) / len(vectors)


def cider(captions, reference_groups):
    """CIDEr-D of each caption; the mean is the score."""
    scorer = CiderD(reference_groups)
    return [scorer.score(c, refs) for c, refs in zip(captions, reference_groups)]


def bleu(captions, reference_groups):
    """[BLEU-1 … BLEU-4] of the corpus, closest reference length."""
    matched, possible, length, reference_length = [0] * ORDERS, [0] * ORDERS, 0, 0
    for caption, refs in zip(captions, reference_groups):
        tokens, refs = words(caption), [words(r) for r in refs]
        length += len(tokens)
        reference_length += min((abs(len(r) - len(tokens)), len(r)) for r in refs)[1]
        most = Counter()
        for r in refs:
            most |= ngrams(r)
        for gram, count in ngrams(tokens).items():
            matched[len(gram) - 1] += min(count, most[gram])
        for n in range(ORDERS):
            possible[n] += max(0, len(tokens) - n)
    brevity = 1 if length >= reference_length else math.exp(1 - reference_length / max(1, length))
    precisions = [(m + 1e-15) / (p + 1e-9) for m, p in zip(matched, possible)]
    return [brevity * math.prod(precisions[:n]) ** (1 / n) for n in range(1, ORDERS + 1)]


def agreement(groups):
    """For every caption of every group its CIDEr-D against the group's other captions; 1 for a caption without others."""
    scorer = CiderD(groups)
    found = []
    for group in groups:
        vectors = [scorer.vector(c) for c in group]
        pairs = [[10 * scorer.similarity(h, r) for r in vectors if r is not h] for h in vectors]
        found.append([sum(p) / len(p) if p else 1.0 for p in pairs])
    return found
