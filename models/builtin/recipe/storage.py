"""What the pack's stored form costs: captions from rounded weights beside those from float32."""

import numpy as np
import torch
from PIL import Image

import decode
import encoder
import encoder_graph
import features
import metrics
import pack_files


def stored_embeds(paths, mean, std):
    """Standardised image embeddings [N,d] of the photos as the pack's own encoder file gives them."""
    graph = encoder_graph.build(encoder.folded_weights(), mean.numpy(), std.numpy(), pack_files.ENCODER_FORM)
    session, view = features.session(graph), features.PLAIN[0]
    resampling = Image.Resampling[view["resampling"].upper()]
    rows = []
    for path in paths:
        image = encoder.resize(Image.open(path).convert("RGB"), view["mode"], resampling)
        rows.append(session.run(["image_embeds"], {"pixel_values": encoder.to_pixel_values([image]).numpy()})[0])
    return torch.from_numpy(np.concatenate(rows))


@torch.inference_mode()
def cost(model, paths, standard, groups, written, tokenizer, stop):
    """model: with float32 weights, left with the stored ones; written: its captions of these photos. Returns the scores of
    the stored form and the share of equal captions."""
    model.load_state_dict(pack_files.widened(pack_files.stored_tensors(model.state_dict())))
    stored = decode.captions(model, model.clip_project(stored_embeds(paths, *standard)), tokenizer, stop)
    return {
        "ciderStored": float(np.mean(metrics.cider(stored, groups))),
        "bleu4Stored": metrics.bleu(stored, groups)[3],
        "equalCaptions": float(np.mean([a == b for a, b in zip(stored, written)])),
    }
