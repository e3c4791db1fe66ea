"""torch.nn.utils.rnn: padded and packed sequences."""

from ....nn.utils.rnn import PackedSequence as PackedSequence
from ....nn.utils.rnn import pack_padded_sequence as pack_padded_sequence
from ....nn.utils.rnn import pack_sequence as pack_sequence
from ....nn.utils.rnn import pad_packed_sequence as pad_packed_sequence
from ....nn.utils.rnn import pad_sequence as pad_sequence
from ....nn.utils.rnn import unpack_sequence as unpack_sequence
from ....nn.utils.rnn import unpad_sequence as unpad_sequence
