"""Texts as numbers and back: vocabularies, tokenizers, batches, search, sampling and CTC."""

from .._util.namespaces import answer_wrong_names as _answer_wrong_names
from .batching import bucket_batches as bucket_batches
from .batching import causal_mask as causal_mask
from .batching import pad as pad
from .batching import padding_mask as padding_mask
from .bleu import bleu as bleu
from .byte_pair import BytePairTokenizer as BytePairTokenizer
from .ctc import ctc_beam_search as ctc_beam_search
from .ctc import ctc_collapse as ctc_collapse
from .ctc import ctc_greedy as ctc_greedy
from .distance import edit_distance as edit_distance
from .huffman import HuffmanCode as HuffmanCode
from .huffman import huffman as huffman
from .sampling import sample as sample
from .sampling import sampling_distribution as sampling_distribution
from .search import Hypothesis as Hypothesis
from .search import beam_search as beam_search
from .search import generate as generate
from .search import greedy_search as greedy_search
from .tokenizers import characters as characters
from .tokenizers import join_words as join_words
from .tokenizers import words as words
from .vocabulary import Vocabulary as Vocabulary
from .windows import context_windows as context_windows
from .windows import cooccurrences as cooccurrences
from .windows import noise_distribution as noise_distribution
from .windows import skip_gram_pairs as skip_gram_pairs
from .windows import subsample as subsample

_answer_wrong_names(globals())
