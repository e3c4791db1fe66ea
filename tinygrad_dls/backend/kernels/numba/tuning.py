"""Thresholds: the sizes from which on another kernel, or another path, is faster.

Each was measured, on both sides of it, on two cores of a server (the README's table of speed names
it); the date is that of the measurement. On another processor the best value may be another one,
by a factor of two or so; results never depend on it, times little. What fits in a cache or a
register stands beside its kernel: a change there is a change of the kernel.

This file imports nothing, so that code that chooses before Numba is loaded may ask it.
"""

# --- threads -------------------------------------------------------------------------------------

# Multiplications that one core does in about 5 us: fewer are one thread's work. Sharing fewer saves
# a microsecond or two at best, and where another program holds a core each shared call may wait for
# the scheduler, 4 ms. 2026-11-27.
SHARED_WORK = 500_000.0
# Numbers of an array that is summed along axes by one thread; more are shared. 2026-11-28.
AXIS_SUM_SHARED = 1 << 16
# Numbers of x from which on the rows of x are summed by all threads, in blocks. 2026-11-28.
ROW_SUM_SHARED = 1 << 15
# Numbers of a weight from which on all threads transpose it: of fewer one thread has transposed all
# before the others have woken up. 2026-11-28.
TRANSPOSE_SHARED = 1 << 18

# --- NumPy, or a kernel of ours ------------------------------------------------------------------

# Multiplications of a matrix product below which BLAS is faster. 2026-11-21.
MATMUL_WORTH = 200_000
# Numbers of the result from which on columns times rows, batches of them, are a kernel's, and rows
# and columns that each matrix must have: 100 of 30 x 64 then take half the time, 1000 of 4 x 4
# would take twice. 2026-11-30.
OUTER_WORTH, OUTER_SIDE = 1 << 14, 8
# Numbers from which on a compiled ReLU is faster than np.maximum. 2026-11-24.
RELU_WORTH = 1 << 12
# Numbers from which on a kernel chooses between two arrays: np.where takes less for fewer.
# 2026-12-01.
SELECT_WORTH = 1 << 12
# Numbers from which on arrays are added by a kernel: NumPy adds fewer in less time than it takes to
# hand out work. 2026-11-28.
ADD_WORTH = 1 << 16
# Numbers from which on an array is summed by a kernel: NumPy sums fewer in less time than a kernel
# takes to prepare. 2026-11-29.
SUM_WORTH = 1 << 12
# Numbers from which on arrays are joined by a kernel: of fewer the calls take longer than the
# copies. 2026-11-28.
JOIN_WORTH = 1 << 14
# Numbers from which on an array is copied into another memory order by a kernel: NumPy copies fewer
# in less time than it takes to plan. 2026-12-01.
COPY_WORTH = 1 << 15
# Numbers to scatter from which on places are sorted out first: for fewer, what follows costs more
# than it saves. 2026-11-24.
SORT_PLACES_WORTH = 1000

# --- matrix products -----------------------------------------------------------------------------

# A linear layer multiplies rows of x and of W as they are stored where a row has so many numbers,
# and there are fewer than so many rows, or so few outputs. Otherwise W is transposed first, which
# is little beside a product of many rows. 2026-11-28.
LINEAR_LONG_ROW, LINEAR_MANY_ROWS, LINEAR_FEW_OUTPUTS = 512, 512, 16
# It does so, too, where a row of x has so many times as many numbers as there are rows: one row of
# 512 numbers then takes a fifth of the time, 32 rows two thirds, 128 rows as long. 2026-11-30.
LINEAR_LONGER = 8
# Rows of x from which on a weight whose rows do not follow each other in memory, part of a larger
# one, is copied: 4 rows of 64 to 512 numbers then take .6 to .95 of the time, 3000 of 64 half, one
# row up to twice. 2026-11-30.
GAPLESS_ROWS = 4
# Rows of a triangle that are multiplied together, as if it were a rectangle there. 2026-11-30.
TRIANGLE_ROWS = 32
# Numbers in a row of x from which on a layer with one output multiplies row by row. 2026-11-30.
LINEAR_ONE_OUTPUT = 32
# Outputs up to which the gradient of a layer's weight is summed row by row of x: with one output of
# 12288 inputs that takes a sixth of the time of a product of matrices, with four half. 2026-11-30.
FEW_OUTPUTS = 4
# Times as many rows as rows and columns of the result in all: then threads share the rows of a
# weight's gradient, each into a sum of its own, which are added up. 2026-11-28.
DEEP_PRODUCT = 8
# Numbers of x and y from which on memory is asked for ahead where y has a few columns: fewer stay
# in the second cache. 2026-11-30.
STREAM_NUMBERS = 1 << 18
# Rows of A from which on B is copied into panels: for fewer the copy takes longer than it saves,
# unless rows of B have so many numbers that their beginnings push each other out of the cache.
# 2026-11-24 and 2026-11-28.
PANEL_ROWS, PANEL_WIDE = 36, 4096
# Numbers from one row of a transposed A to the next from which on A is copied, too: such rows share
# a set of the first cache. 2026-11-28.
TRANSPOSED_FAR = 512

# --- convolutions --------------------------------------------------------------------------------

# Channels from which on pixels are transposed in vectors: fewer leave too much of one empty.
# 2026-11-28.
TRANSPOSE_CHANNELS = 6
# Numbers of a weight from which on it is transposed in registers. 2026-11-24.
WEIGHT_WORTH = 10_000
# Gradients are products of copied windows (im2col) where there are so many outputs to use each
# number for, so many multiplications, and so many weights of a tap for each place. 2026-11-30.
IM2COL_CHANNELS, IM2COL_WORK, IM2COL_WEIGHTS = 32, 1_000_000, 64
# For the gradient of the images windows are then added up, which takes as long as so many
# multiplications for each tap; else weights are put into panels, which takes as long as so many for
# each weight. 2026-11-30.
IM2COL_SUM, IM2COL_PACK = 5.5, 50
# The gradient of a weight is computed transposed, outputs by inputs, where that takes at most this
# part of the work: 3 channels to 8 then take half the time. 2026-11-30.
TURNED_WORTH = 0.9
# Windows are gathered, many places at a time, where that takes less time than sweeps row by row. In
# units of one product of vectors for each number that a place sees: a copy, to begin a run of
# numbers, and, by the number of outputs for each place, to put the weight into panels, for either
# way. From so many weights on a sweep of one row takes longer, by this factor: they do not stay in
# the second cache for the next row; and their gradient is summed by gathered windows. 2026-11-30.
GATHER_COPY, GATHER_RUN, GATHER_PACK, SWEEP_PACK = 0.5, 32, 1, 6
GATHER_WEIGHTS, GATHER_FAR = 1 << 18, 1.15
# The gradient of fewer weights is summed so, too, at fewer places than this, if there are so many
# outputs and numbers in a row of the window: sums of each thread of its own take as long then.
# 2026-11-30.
GATHER_PLACES, GATHER_LEAST = 1024, 32
# Bytes of an image, and of results, from which on depthwise convolutions ask for the rows that they
# see and write next: fewer come from the last cache in time. 38 MB of both then take two thirds of
# the time, 10 MB as long or 5 % longer. 2026-11-30.
DEPTHWISE_FAR = 1 << 23
# Weights of a window of one pixel from which on, for their gradient, the pixels that a strided
# convolution sees are copied out and multiplied at once: fewer weights stay in the cache from one
# row of pixels to the next, and a copy is not little beside the product. 2026-11-30.
STRIDED_POINTWISE_WEIGHTS = 1 << 14
# Channels of an image below which the gradient of such a weight with few outputs (see FEW_OUTPUTS)
# is computed transposed: vectors of so few channels are half empty. From 8 channels to 4 that takes
# a third of the time, from 24 to 4 four fifths. 2026-11-30.
POINTWISE_FEW_CHANNELS = 16
# Channels in and out, and places of all images, from which on 3 x 3 windows are convolved with
# Winograd's tiles: the sums around a product are little beside it, and the weights are transformed
# once for all places. Gradients of weights are from so many places on. 2026-11-30.
WINOGRAD_CHANNELS, WINOGRAD_PLACES, WINOGRAD_GRADIENT_PLACES = 16, 128, 48
# From this many weights of one tap on both are done from this many places on: reading the weights
# takes most of the time, and each is read once. 2026-11-30.
WINOGRAD_MANY_WEIGHTS, WINOGRAD_FEW_PLACES = 1 << 12, 4
# Tiles of 4 x 4 results are taken up to this part of the work of tiles of 2 x 2. The sums of the
# weights count as so many tiles more, those of the gradients of weights as so many. 2026-11-30.
WINOGRAD_LARGE, WINOGRAD_TILES, WINOGRAD_GRADIENT_TILES = 0.9, 4, 8

# --- sparse gradients ----------------------------------------------------------------------------

# Bytes of an embedding's table from which on its written rows are remembered, and the part of the
# rows up to which that pays: where more are written, the whole table is as quick. 2026-11-28.
TABLE_BYTES, TABLE_ROWS = 1 << 17, 0.25

# --- chains of captured steps --------------------------------------------------------------------

# Numbers in an array from which on element-wise operations are fused: of fewer, calling costs more
# than computing. Bytes of traffic that a chain must spare, about 20 us. 2026-11-28.
CHAIN_NUMBERS, CHAIN_SPARED = 1 << 13, 3 << 18
