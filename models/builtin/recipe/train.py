"""The whole recipe: features → vocabulary → pretraining → cross-validation → final model → pack.

    python train.py --photos FOLDER --captions captions.csv --text-only FILE --more-text FILE --work FOLDER --out models/builtin

Every stage leaves its result in the work folder and is skipped when that is there, so a broken run goes on where it stopped.
"""

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

import data
import encoder
import evaluate
import export
import features
import finetune
import metrics
import pretrain
import storage
import tokenizer as vocabulary
from model import ClipCap
from stand_ins import Reader, StandIns

VIEWS, FOLDS = 19, 5
SETTINGS = finetune.Settings()


def kept(path, make):
    """What `make()` returned when it first ran."""
    if not path.exists():
        begun, result = time.time(), make()
        torch.save(result, path)
        print(f"{path.name}: {time.time() - begun:.0f} s", flush=True)
    return torch.load(path, weights_only=False)


class Recipe:
    def __init__(self, options):
        self.work, self.out, self.folds = Path(options.work), options.out, options.folds
        self.work.mkdir(parents=True, exist_ok=True)
        self.paths, self.captions = data.read_photos(options.captions, options.photos)
        self.grouped = [g for f in options.text_only for g in data.read_text_only(f, True)]
        self.texts = self.grouped + [g for f in options.more_text for g in data.read_text_only(f, False)]
        path = self.work / "tokenizer.json"
        self.tokens = vocabulary.load(path) if path.exists() else vocabulary.train([c for g in self.texts for c in g], path)
        self.stop = vocabulary.stop_token(self.tokens)
        self.features, self.sides = kept(self.work / "features.pt", lambda: features.extract(self.paths, VIEWS))
        start = kept(self.work / "pretrained.pt", lambda: pretrain.pretrain(self.texts, self.tokens).state_dict())
        self.start = self.model(start)

    def model(self, state):
        model = ClipCap(self.tokens.get_vocab_size(), encoder.WIDTH).eval()
        model.load_state_dict(state)
        return model

    def weighted(self, groups):
        return finetune.Captions(groups, self.tokens, finetune.consensus_weights(metrics.agreement(groups)))

    def fit(self, photos):
        """Trains on the photos with these numbers; of the single captions only those that name a rare object serve as stand-ins,
        the others are of scenes that Flickr8k's own captions cover. Returns {model, standard}."""
        real, captions = self.features[photos], [self.captions[i] for i in photos]
        standard = features.standardiser(real)
        head = encoder.folded_weights()["_fc"]
        stand_ins = StandIns(encoder.visual_features(real), captions, self.texts, Reader(captions + self.texts), head)
        used = np.array([i for i in range(len(self.texts)) if i < len(self.grouped) or stand_ins.objects[i]])
        texts = self.weighted([self.texts[i] for i in used])
        model = finetune.finetune(self.start, real, self.weighted(captions), lambda numbers, rng: stand_ins.sample(used[numbers], rng),
                                  texts, standard, SETTINGS)  # fmt: skip
        return {"model": model.state_dict(), "standard": standard}

    def embeds(self, fitted, photos):
        mean, std = fitted["standard"]
        return (self.features[photos, 0] - mean) / std

    def cross_validate(self):
        """Trains a model for each of the first `self.folds` of FOLDS parts, on the other parts. Returns their scores and means."""
        scores = []
        for number, part in enumerate(data.folds(len(self.paths), FOLDS)[: self.folds]):
            others = np.setdiff1d(np.arange(len(self.paths)), part)
            fitted = kept(self.work / f"fold{number}.pt", lambda others=others: self.fit(others))
            groups = [self.captions[i] for i in part]
            model = self.model(fitted["model"])
            found, written = evaluate.evaluate(model, self.embeds(fitted, part), groups, self.sides[part], self.tokens, self.stop)
            paths = [self.paths[i] for i in part]
            stored = storage.cost(model, paths, fitted["standard"], groups, written, self.tokens, self.stop)
            scores.append({**found, **stored})
            print(f"fold {number}: {json.dumps(evaluate.rounded(scores[-1]))}", flush=True)
        return evaluate.summary(scores)

    def run(self):
        scores = self.cross_validate() if self.folds else {"note": "not cross-validated"}
        everything = np.arange(len(self.paths))
        fitted = kept(self.work / "final.pt", lambda: self.fit(everything))
        facts = {"photos": len(self.paths), "captions": sum(map(len, self.captions)), "captionsWithoutPhotos": sum(map(len, self.texts)),
                 **asdict(SETTINGS)}  # fmt: skip
        checkpoint = {**fitted, "test_features": self.features[:, 0], "test_view": features.PLAIN[0], "training": facts}
        torch.save(checkpoint, self.work / "checkpoint.pt")
        Path(__file__).with_name("scores.json").write_text(json.dumps(scores, indent=1) + "\n")
        export.export(checkpoint, self.work / "tokenizer.json", scores, self.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", required=True, help="folder of photos")
    parser.add_argument("--captions", required=True, help="CSV with the columns image,caption")
    parser.add_argument("--text-only", action="append", default=[], help="captions without photos, five lines for each photo")
    parser.add_argument("--more-text", action="append", default=[], help="captions without photos, one line for each photo")
    parser.add_argument("--folds", type=int, default=FOLDS, help=f"of {FOLDS} parts to cross-validate on, 0 for none")
    parser.add_argument("--work", required=True, help="folder for intermediate results")
    parser.add_argument("--out", required=True, help="the pack's folder")
    Recipe(parser.parse_args()).run()
