"""BLEU, the measure of translations (Papineni et al. 2002), as sacrebleu computes it."""

from __future__ import annotations

from collections.abc import Sequence

from .._util.keywords import near_names
from .._util.optional import need
from ..errors import DataError


@near_names
def bleu(translations: Sequence[str], references: Sequence[str]) -> float:
    """Return the corpus BLEU, 0 to 100, of translations against one reference each.

    Texts are tokens with spaces between them (sacrebleu's tokenize="none"), so case and the split
    into tokens are the caller's; precisions of 0 are smoothed as sacrebleu does ("exp").
    DataError for other than one reference for each translation, and without sacrebleu.

    >>> from tinygrad_dls import text
    >>> round(text.bleu(["the cat sat on a mat"], ["the cat sat on the mat"]), 4)
    53.7285
    """
    for name, texts in (("translations", translations), ("references", references)):
        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
            raise DataError(f"{name} is a list of texts, one str for each sentence")
    if not translations or len(translations) != len(references):
        raise DataError(f"{len(translations)} translations with {len(references)} references: "
                        "each translation has one reference, and there is at least one")
    measure = need("sacrebleu", "measuring BLEU")
    found = measure.corpus_bleu([*translations], [[*references]], tokenize="none", force=True)
    return float(found.score)
