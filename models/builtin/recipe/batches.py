"""Batches of equally long captions, so that nothing is padded."""

import numpy as np


def by_length(lengths, size, rng):
    """Numbers 0 … len−1 in shuffled batches of at most `size` with equal lengths."""
    order = rng.permutation(len(lengths))
    order = order[np.argsort(lengths[order], kind="stable")]
    cuts = np.flatnonzero(np.diff(lengths[order])) + 1
    batches = [run[i : i + size] for run in np.split(order, cuts) for i in range(0, len(run), size)]
    return [batches[i] for i in rng.permutation(len(batches))]
