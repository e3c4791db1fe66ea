"""Packed and padded sequences, where PyTorch has them; see `..packing`."""

from ..packing import PackedSequence as PackedSequence
from ..packing import pack_padded_sequence as pack_padded_sequence
from ..packing import pack_sequence as pack_sequence
from ..packing import pad_packed_sequence as pad_packed_sequence
from ..packing import pad_sequence as pad_sequence
from ..packing import unpack_sequence as unpack_sequence
from ..packing import unpad_sequence as unpad_sequence
