"""What every training stage shares: optimiser, learning rate, averaged weights."""

import copy
import math

import torch


def optimiser(groups, weight_decay):
    """AdamW over [(parameters, learning rate)]; vectors are not decayed."""
    sets = []
    for parameters, rate in groups:
        parameters = list(parameters)
        sets.append({"params": [p for p in parameters if p.ndim > 1], "lr": rate, "weight_decay": weight_decay})
        sets.append({"params": [p for p in parameters if p.ndim == 1], "lr": rate, "weight_decay": 0.0})
    return torch.optim.AdamW(sets, betas=(0.9, 0.98), eps=1e-6)


def rate(optimizer, steps, warmup=0.05, floor=0.02):
    """Linear warm-up, then a cosine down to `floor` of the peak."""

    def factor(step):
        at = step / max(1, steps)
        return at / warmup if at < warmup else floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * (at - warmup) / (1 - warmup)))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


class Average:
    """Exponential moving average of a model's weights; `model` is the averaged copy."""

    def __init__(self, model, decay):
        self.model, self.decay, self.steps = copy.deepcopy(model).eval(), decay, 0

    @torch.no_grad()
    def update(self, model):
        self.steps += 1
        decay = min(self.decay, self.steps / (self.steps + 10))
        torch._foreach_lerp_(list(self.model.parameters()), list(model.parameters()), 1 - decay)


def step(loss, model, optimizer, scheduler, average, clip=1.0):
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimizer.step()
    scheduler.step()
    average.update(model)
