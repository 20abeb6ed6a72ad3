"""Content words: what the prefix of the pretraining is made of, and what the nearest words of a prefix are judged by."""

import re

STOP_WORDS = set(
    """the and with for from that this there their them they his her hers him she its are was were has have had who whom
    which while what when where being been one two three four five some other another into onto over under near next off out
    down around through along across behind between beside front back side top against toward towards above below inside
    outside something someone people person large small big little very several many each all both few lot group couple
    looking look looks getting going goes goes doing does get gets made make makes while about after before during
    his's wearing holding using him's not but than then""".split()
)


def content_words(caption):
    """Words of at least three letters outside the stop list, in order."""
    return [w for w in re.findall(r"[a-z]{3,}", caption.lower()) if w not in STOP_WORDS]


def keyword_tokens(tokenizer, caption):
    """The vocabulary's tokens (with the leading space) of a caption's content words; words that need several are left out."""
    found = (tokenizer.token_to_id("Ġ" + w) for w in content_words(caption))
    return [t for t in found if t is not None]
