"""Inputs that a test in any language can make again from a small integer.

The generator: x₀ = seed, xₙ₊₁ = (1664525·xₙ + 1013904223) mod 2³², the first value used is x₁.
"""

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
