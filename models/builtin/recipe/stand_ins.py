"""Stand-in features for captions whose photos we do not have.

The encoder's visual features are predicted from a photo's captions (ridge regression on latent semantic coordinates of their
words), and what the prediction misses is borrowed from a real photo with similar captions. An object that hardly a training
photo shows is put in through the classifier: the features move along Σ·(w_c − w̄), where w_c is the classifier's row of one of
the object's classes and Σ the covariance of real features (the direction in which real features change with that class's
score), until the classifier is as sure as it is of real photos. Then the class scores are computed from the features, so that
both halves of the image embedding agree. In the manner of CapDec (Nukrai et al. 2022), with classes as prototypes.
"""

from collections import Counter

import numpy as np
import torch

import encoder
from class_words import CLASSES
from keywords import content_words

LATENT, RIDGE, NEIGHBOURS = 200, 4.0, 12
RARE = 12  # an object shown by fewer training photos than this is put in through its class
SURE = (0.15, 0.95)  # the probability that its classes get together


class Reader:
    """Caption groups → latent semantic coordinates [n, LATENT] (truncated SVD of tf-idf over all groups with and without photos)."""

    def __init__(self, groups, seed=0):
        counts = Counter(w for g in groups for w in {w for c in g for w in content_words(c)})
        self.index = {w: i for i, w in enumerate(w for w, n in counts.items() if n >= 4)}
        self.idf = torch.tensor([np.log(len(groups) / counts[w]) for w in self.index], dtype=torch.float32)
        torch.manual_seed(seed)
        _, _, self.axes = torch.svd_lowrank(self.tfidf(groups), q=LATENT, niter=3)

    def tfidf(self, groups):
        x = torch.zeros(len(groups), len(self.index))
        for row, group in enumerate(groups):
            for w, n in Counter(w for c in group for w in set(content_words(c))).items():
                if w in self.index:
                    x[row, self.index[w]] = (n / len(group)) ** 0.5
        return torch.nn.functional.normalize(x * self.idf)

    def __call__(self, groups):
        return torch.nn.functional.normalize(self.tfidf(groups) @ self.axes)


class StandIns:
    """visual: visual features [P, views, encoder.VISUAL] of the training photos, captions: theirs; groups: captions without photos."""

    def __init__(self, visual, captions, groups, reader, head):
        self.visual, (self.head_weight, self.head_bias) = visual, head
        photos, texts = reader(captions), reader(groups)
        mean = visual.mean(1)
        self.centre = mean.mean(0)
        gram = photos.T @ photos + RIDGE * torch.eye(LATENT)
        weights = torch.linalg.solve(gram, photos.T @ (mean - self.centre))
        self.predicted_photo, self.predicted_text = photos @ weights, texts @ weights
        self.neighbours = (texts @ photos.T).topk(min(NEIGHBOURS, len(photos)), 1).indices.numpy()
        flat = (visual - self.centre).flatten(0, 1)
        covariance = flat[:, : encoder.POOLED].T @ flat / len(flat)
        spread = covariance.diagonal().mean() * torch.eye(*covariance.shape)
        rows = self.head_weight - self.head_weight.mean(0)
        self.directions = rows @ (0.7 * covariance + 0.3 * spread)
        shown = Counter(w for g in captions for w in {w for c in g for w in content_words(c)})
        self.objects = [self._objects(g, shown) for g in groups]

    @staticmethod
    def _objects(group, shown):
        """The rare objects of a group: class lists of words that at least two fifths of its captions name."""
        named = Counter(w for c in group for w in set(content_words(c)) if w in CLASSES)
        return [CLASSES[w] for w, n in named.items() if n >= 0.4 * len(group) and shown[w] + shown[w + "s"] < RARE]

    def sample(self, numbers, rng):
        """Raw features [n, encoder.WIDTH] for the groups `numbers`; different at every call."""
        photo = np.array([rng.choice(self.neighbours[i]) for i in numbers])
        view = rng.integers(0, self.visual.shape[1], len(photo))
        shift = self.predicted_text[numbers] - self.predicted_photo[photo]
        visual = self.visual[photo, view].float() + shift
        rows = [row for row, i in enumerate(numbers) if self.objects[i]]
        if rows:
            visual[rows] = self._show(visual[rows], [self.objects[numbers[row]] for row in rows], rng)
        visual[:, : encoder.POOLED].clamp_(min=0)
        return encoder.raw_features(visual, self._logits(visual))

    def _logits(self, visual):
        return torch.nn.functional.linear(visual[:, : encoder.POOLED], self.head_weight, self.head_bias)

    def _show(self, visual, objects, rng):
        """Moves each row towards a few classes of each of its objects until together they have the wanted probability."""
        mix, member = torch.zeros(len(visual), encoder.CLASSES), torch.zeros(len(visual), encoder.CLASSES)
        for row, classes in enumerate(objects):
            shares = rng.dirichlet(np.ones(len(classes)))
            for share, options in zip(shares, classes):
                picked = rng.choice(options, min(len(options), 3), replace=False)
                mix[row, picked] += torch.from_numpy(share * rng.dirichlet(np.ones(len(picked)))).float()
                member[row, options] = 1
        direction = mix @ self.directions
        wanted = torch.from_numpy(rng.uniform(*SURE, len(visual))).float()
        low, high = torch.zeros(len(visual)), torch.full((len(visual),), 40.0)
        base, gain = self._logits(visual), direction[:, : encoder.POOLED] @ self.head_weight.T
        high = high / (mix * gain).sum(1).clamp(min=1e-6)
        for _ in range(14):
            middle = (low + high) / 2
            probability = ((base + middle[:, None] * gain).softmax(1) * member).sum(1)
            low, high = torch.where(probability < wanted, middle, low), torch.where(probability < wanted, high, middle)
        return visual + high[:, None] * direction
