"""Inputs that a test in any language can make again from a small integer.

The generator: x₀ = seed, xₙ₊₁ = (1664525·xₙ + 1013904223) mod 2³², the first value used is x₁.
"""

import re

import numpy as np

BLOCKS = (130, 65, 52, 26, 20, 13, 10, 4)  # px; the block size of seed s is BLOCKS[s mod 8]


def sequence(seed, count):
    """x₁ … x_count as unsigned integers."""
    x, values = seed, []
    for _ in range(count):
        x = (1664525 * x + 1013904223) & 0xFFFFFFFF
        values.append(x)
    return np.array(values, np.uint64)


def pixel_values(seed, size=260):
    """[3,size,size] float32: squares of one value each. With b = BLOCKS[seed mod 8] and g = size / b, the value at channel c,
    row y, column x is xₙ / 2³² · 4 − 2 with n = 1 + (c·g + ⌊y/b⌋)·g + ⌊x/b⌋, computed in double precision, then rounded."""
    block = BLOCKS[seed % len(BLOCKS)]
    side = size // block
    grid = (sequence(seed, 3 * side * side) / 2**32 * 4 - 2).astype(np.float32).reshape(3, side, side)
    return grid.repeat(block, 1).repeat(block, 2)


def picture(seed, width, height):
    """[height,width,3] uint8: byte n (from 0; row by row, red green blue) is xₙ₊₁ >> 24: the hardest picture to resize."""
    return (sequence(seed, width * height * 3) >> 24).astype(np.uint8).reshape(height, width, 3)


def tensor(seed, name, shape, spread=1.0, centre=0.0):
    """float32 values of any shape. Value i (row-major, from 0) mixes s = FNV-1a(name) xor seed and i into 32 bits h:
    h = s + i·0x9E3779B9; h ^= h>>16; h *= 0x85EBCA6B; h ^= h>>13; h *= 0xC2B2AE35; h ^= h>>16 (all mod 2³²); it is
    centre + (⌊h/2⁸⌋/2²³ − 1)·√3·spread in double precision, then rounded: uniform, of standard deviation `spread`."""
    state = 0x811C9DC5
    for byte in name.encode():
        state = (state ^ byte) * 0x01000193 & 0xFFFFFFFF
    with np.errstate(over="ignore"):
        h = np.uint32(state ^ seed) + np.arange(np.prod(shape), dtype=np.uint32) * np.uint32(0x9E3779B9)
        h ^= h >> np.uint32(16)
        h *= np.uint32(0x85EBCA6B)
        h ^= h >> np.uint32(13)
        h *= np.uint32(0xC2B2AE35)
        h ^= h >> np.uint32(16)
    unit = (h >> np.uint32(8)).astype(np.float64) / 2**23 - 1
    return (centre + unit * (np.sqrt(3.0) * spread)).astype(np.float32).reshape(shape)


def weight(seed, name, shape):
    """A network's tensor by its checkpoint name, such that activations keep the size of 1: gains around 1, looked-up rows and the
    output head of 0.5, matrices and kernels scaled by what they sum over (twice that before a ReLU). GPT-2's tokens are smaller:
    where they outweigh all else, a tied head predicts the last one again and again."""
    if name.endswith("wte.weight"):
        return tensor(seed, name, shape, 0.2)
    if re.search(r"(wpe|lm_head|position\w*|prefix_const)(\.weight)?$", name):
        return tensor(seed, name, shape, 0.5)
    if len(shape) == 1:
        is_gain = re.search(r"((ln_\w+|norm\d?|layernorm\w*|bn\d|downsample\.1)\.weight|lambda1|running_var)$", name)
        return tensor(seed, name, shape, 0.2, 1.0 if is_gain else 0.0)
    is_transposed = re.match(r"gpt\.transformer\.h\.|encoder\.proj$", name)
    inputs = shape[0] if is_transposed else int(np.prod(shape[1:]))
    return tensor(seed, name, shape, np.sqrt((2.0 if re.match(r"encoder\.(conv|layer)\d", name) else 1.0) / inputs))
