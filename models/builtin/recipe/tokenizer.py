"""The vocabulary: byte-level BPE, trained on the captions without photos."""

from tokenizers import ByteLevelBPETokenizer, Tokenizer

VOCABULARY = 4096
STOP = "."


def train(captions, path):
    """Trains on sentences and writes a Hugging Face tokenizer.json without special tokens."""
    bpe = ByteLevelBPETokenizer(add_prefix_space=False)
    bpe.train_from_iterator(captions, vocab_size=VOCABULARY, min_frequency=2, show_progress=False)
    bpe.save(str(path))
    return load(path)


def load(path):
    return Tokenizer.from_file(str(path))


def stop_token(tokenizer):
    return tokenizer.token_to_id(STOP)
