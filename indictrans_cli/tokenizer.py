"""The SentencePiece tokenizer: trained here, or taken from a file; used on both roads.

Special pieces: <pad> 0, <unk> 1, <s> 2, </s> 3. Digits are split, unseen characters fall back to bytes, and the
normalisation is ours (`text.normalize`), so that SentencePiece itself changes nothing but spaces.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from .errors import DataError, ModelError


class Tokenizer:
    """Text to token ids and back. Thread-safe once made."""

    def __init__(self, model: bytes, where: str = "tokenizer.model") -> None:
        import sentencepiece

        self.model = model
        try:
            self._processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        except RuntimeError as error:
            raise ModelError(f"'{where}' is not a SentencePiece model") from error
        self.vocab_size: int = self._processor.vocab_size()
        self.pad_id: int = self._processor.pad_id()
        self.unk_id: int = self._processor.unk_id()
        self.bos_id: int = self._processor.bos_id()
        self.eos_id: int = self._processor.eos_id()
        self.special_ids = (self.pad_id, self.unk_id, self.bos_id, self.eos_id)
        missing = [name for name in ("pad", "unk", "bos", "eos") if getattr(self, f"{name}_id") < 0]
        if missing:
            raise ModelError(f"'{where}' has no {missing[0]} piece; train it with pad, unk, bos and eos")

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        try:
            return cls(path.read_bytes(), str(path))
        except OSError as error:
            raise ModelError(f"there is no tokenizer '{path}'") from error

    def encode(self, texts: list[str]) -> list[list[int]]:
        """Token ids of each text, without special tokens."""
        ids: list[list[int]] = self._processor.encode(texts, out_type=int)
        return ids

    def pieces(self, texts: list[str]) -> list[list[str]]:
        """The pieces of each text as strings, without special tokens."""
        pieces: list[list[str]] = self._processor.encode(texts, out_type=str)
        return pieces

    def decode(self, ids: list[list[int]]) -> list[str]:
        """Text of each list of ids; special tokens vanish."""
        texts: list[str] = self._processor.decode(ids)
        return texts

    def resample(self, sentences: list[list[int]], alpha: float) -> list[list[int]]:
        """Each sentence's text cut into other pieces, drawn with probability ~ (their probability) ** alpha (Kudo 2018).

        Small alphas cut finely. A sentence with an unknown piece, whose text is lost, stays as it is.
        """
        texts = self.decode(sentences)
        return [
            ids if self.unk_id in ids
            else self._processor.encode(text, out_type=int, enable_sampling=True, alpha=alpha, nbest_size=-1)
            for ids, text in zip(sentences, texts, strict=True)
        ]  # fmt: skip

    @staticmethod
    def seed_sampling(seed: int) -> None:
        """Seed what `resample` draws in threads that have not drawn yet."""
        import sentencepiece

        sentencepiece.set_random_generator_seed(seed)

    def decode_pieces(self, pieces: list[list[str]]) -> list[str]:
        """Text of each list of pieces."""
        return [self._processor.decode_pieces(sentence) for sentence in pieces]

    def vocabulary(self) -> list[str]:
        """All pieces in the order of their ids."""
        return [self.piece(index) for index in range(self.vocab_size)]

    def piece(self, index: int) -> str:
        """The piece of an id."""
        text: str = self._processor.id_to_piece(index)
        return text

    def scores(self) -> list[float]:
        """The unigram log-probability of every piece, in the order of their ids."""
        return [self._processor.get_score(index) for index in range(self.vocab_size)]


def train_tokenizer(sentences: Iterator[str], vocab_size: int, seed: int = 1, *, exact: bool = True) -> Tokenizer:
    """A unigram model (Kudo 2018) of `vocab_size` pieces.

    Where the text is too small for so many: DataError, or with `exact=False` as many as it can fill. Not exact either is a
    number too small for the text's characters and the 256 bytes: then it is raised.
    """
    import sentencepiece

    if not exact:
        text = list(sentences)
        sentences = iter(text)
        vocab_size = max(vocab_size, 300 + len({char for sentence in text for char in sentence}))
    sentencepiece.set_random_generator_seed(seed)
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=sentences,
            model_writer=model,
            vocab_size=vocab_size,
            model_type="unigram",
            normalization_rule_name="identity",
            remove_extra_whitespaces=True,
            byte_fallback=True,
            split_digits=True,
            hard_vocab_limit=exact,
            character_coverage=0.9998,
            max_sentence_length=8192,
            num_threads=4,
            input_sentence_size=1_000_000,
            shuffle_input_sentence=True,
            minloglevel=2,
            pad_id=0,
            unk_id=1,
            bos_id=2,
            eos_id=3,
            pad_piece="<pad>",
            unk_piece="<unk>",
            bos_piece="<s>",
            eos_piece="</s>",
            unk_surface="\u2047",
        )
    except RuntimeError as error:
        detail = str(error).rpartition("] ")[2] or str(error)
        raise DataError(
            f"cannot train a vocabulary of {vocab_size:,} pieces on this text: {detail.strip()} "
            f"(use --vocab-size, or more text)"
        ) from error
    return Tokenizer(model.getvalue())
