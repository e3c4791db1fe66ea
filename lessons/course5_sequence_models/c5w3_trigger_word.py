# %% [markdown]
# # Trigger word: hear "activate" in ten seconds of sound
#
# Course 5, week 3. About 90 minutes with the exercises. The script computes for about
# a minute (it trains on 4,000 clips), with `--fast` for eight seconds, with `--long`
# for five minutes: it then trains four networks more, to choose a threshold.
#
# **Goal.** A device sleeps until somebody says "activate". You will
#
# - make labelled clips out of a few recordings: a background, the word, other words,
# - compute a convolution over time, forward and backward, and the loss of every moment,
# - build the course's network, and count its 523,329 parameters, both ways,
# - train, and find the word in clips made of recordings that were never trained on,
# - look at two clips without labels: where does it hear the word? Lay a chime over,
# - break it in seven ways, and find each.
#
# It rebuilds the assignment "Trigger word detection", with its names (`insert_ones`,
# `create_training_example` ...), shapes and sizes: a spectrogram of 101 x 5511, 1,375
# labels.
#
# ## What you need
#
# `c5w1-rnn-step-by-step` for the GRU, `c4w1-convolution-step-by-step`. The course's ten
# recordings of the word and ten of others are in the learner's own files. Without them
# `audio.speak` says the words, with twelve voices.

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import audio, check, models, nn, optim
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c5w3-trigger-word")
COURSE_SIZE = False  # True: the course's 196 channels and 128 units, slower
RATE = 44100  # samples per second
files = lesson.load("trigger-word").files  # none, where words are synthesized

# %% [markdown]
# **Recordings.** Those of the course differ in loudness by 10 dB; some begin with a
# click and half a second of silence, some end in noise. Labels begin where a word ends,
# so it matters where that is: each recording is trimmed to its word, and brought to the
# same loudness. Look at spectrograms before you train: a label half a second after the
# word has ended teaches it to wait for silence.
#
# **Held out:** the last two recordings of either kind, in the order of their names.
# They are for the test alone.


# %%
def trim(samples):
    """The word in a recording (n,): what is loud from 440 to 6,200 Hz, in one piece.

    Loud: within 23 dB of the loudest 45 ms; a pause of a quarter second ends a piece.
    """
    power = audio.spectrogram(samples, RATE)[2:29].sum(axis=0)  # each 80 samples
    power = np.convolve(power, np.ones(25) / 25, "same")
    if not power.max() > 0:
        raise dls.DataError("the clip is silent: there is no word in it")
    loud = np.flatnonzero(power > power.max() / 200)
    pieces = np.split(loud, np.flatnonzero(np.diff(loud) > RATE / 4 / 80) + 1)
    piece = next(piece for piece in pieces if power.argmax() in piece)
    return samples[80 * piece[0] : 80 * piece[-1] + 200]


def read_clip(path):
    """Samples (n,) at 44,100 Hz of any WAV file: channels averaged, rate changed."""
    samples, rate = audio.read(path)
    return audio.resample(samples.mean(axis=0), rate, RATE)


def synthesize(seed=5):
    """Words and backgrounds by the synthesizer, as many as the course has, and more."""
    rng = np.random.default_rng(seed)
    others = "K AE T|N AO R TH|B IH G|S EH V AH N|Y EH L OW|T EY B AH L|L AY T|F AO R"
    others = others.replace("OW", "AO UH").replace("EY", "EH IH").replace("AY", "AA IH")
    sounds = {"activates": [], "negatives": [], "backgrounds": [], "dev": []}
    for voice in range(12):
        pitch = 95 * 1.09**voice
        options = {"pitch": pitch, "tract": 0.92 + 0.022 * voice}
        for kind, phones in (
            ("activates", "AE K T IH V EH IH T"),
            ("negatives", others.split("|")[voice % 8]),
        ):
            tempo = rng.uniform(0.85, 1.2)
            word = audio.speak(phones, 16000, tempo=tempo, seed=voice, **options)
            sounds[kind].append(audio.resample(word, 16000, RATE))
    seconds = np.arange(10 * RATE) / RATE
    for kind, hum in (("backgrounds", 50), ("backgrounds", 100), ("dev", 60)):
        noise = np.convolve(rng.standard_normal(10 * RATE), np.ones(8) / 8, "same")
        swell = 1 + 0.5 * np.sin(2 * np.pi * 0.2 * seconds + rng.uniform(0, 6))
        sound = 0.004 * noise * swell + 0.002 * np.sin(2 * np.pi * hum * seconds)
        sounds[kind].append(sound)
    return sounds


if files:
    sounds = {"activates": [], "negatives": [], "backgrounds": [], "dev": []}
    for path in sorted(files):
        if path.parent.name in sounds:
            sounds[path.parent.name].append(read_clip(path))
else:
    sounds = synthesize()
for kind in ("activates", "negatives"):
    sounds[kind] = [audio.match_loudness(trim(x), -23) for x in sounds[kind]]
split = {
    "train": {kind: sounds[kind][:-2] for kind in ("activates", "negatives")},
    "test": {kind: sounds[kind][-2:] for kind in ("activates", "negatives")},
}
for kind in ("activates", "negatives"):
    lengths = [len(x) / RATE for x in sounds[kind]]
    print(f"{len(lengths)} {kind} of {min(lengths):.2f} to {max(lengths):.2f} s")

# %% [markdown]
# ## The idea in a picture
#
# Nobody labels ten seconds of sound moment by moment. The course's trick: **make** the
# clips. Take a background without words, and insert recorded words at random places.
# Whoever inserted them knows where they are. The label is 0, and 1 for the 50 moments
# after the word ends: more than one moment, so that there are not 1,374 zeros to a one.


# %%
def spectrogram_of(samples):
    """x (101, frames): loudness at each frequency, in units of 20 dB around -95 dB."""
    power = audio.spectrogram(samples.astype(np.float32), RATE)  # nfft 200, overlap 120
    return ((audio.decibels(power, -130) + 95) / 20).astype(np.float32)


idea_rng = np.random.default_rng(lesson.seed)
idea = 0.5 * sounds["backgrounds"][0]
idea_y, idea_spans = np.zeros(1375), []
for start, kind, which in ((1.2, "activates", 0), (4.0, "negatives", 0)):
    word = sounds[kind][which]
    first = int(start * RATE)
    idea[first : first + len(word)] += word
    idea_spans.append((start, start + len(word) / RATE, kind))
end_moment = int(idea_spans[0][1] * 1375 / 10)
idea_y[end_moment + 1 : end_moment + 51] = 1
fig, axes = plt.subplots(3, 1, figsize=(11, 7), sharex=True, height_ratios=(1, 2, 1))
seconds = np.arange(len(idea)) / RATE
axes[0].plot(seconds[::20], idea[::20], linewidth=0.5)
for start, end, kind in idea_spans:
    axes[0].axvspan(start, end, alpha=0.2, color="g" if kind == "activates" else "r")
    axes[0].text(start, 1.2 * np.abs(idea).max(), kind[:-1])
loudest = np.abs(idea).max()
axes[0].set(ylabel="sound", ylim=(-1.1 * loudest, 1.6 * loudest))
axes[0].set_title("A background, the word, and another word")
axes[1].imshow(
    spectrogram_of(idea), origin="lower", aspect="auto", extent=(0, 10, 0, RATE / 2000)
)
axes[1].set(ylabel="frequency, kHz", title="What the network sees: 101 x 5511")
axes[2].plot(np.arange(1375) * 10 / 1375, idea_y)
axes[2].set(xlabel="time, s", ylabel="label", title="What it is to say: 1,375 labels")
fig.tight_layout()
lesson.figure(fig, "idea")

# %% [markdown]
# ## One number by hand
#
# Ten seconds at 44,100 samples are 441,000 samples. A frame of the spectrogram has 200,
# and shares 120 with the next, so each begins 80 later:
#
# $$\left\lfloor \frac{441000 - 200}{80} \right\rfloor + 1 = 5511 .$$
#
# The convolution is 15 frames wide and moves by 4:
#
# $$\left\lfloor \frac{5511 - 15}{4} \right\rfloor + 1 = 1375 .$$
#
# So a moment of the output is 7.27 ms, and 50 of them are 0.36 s. A word that ends at
# 2,500 ms ends at moment $\lfloor 2500 \cdot 1375 / 10000 \rfloor = 343$, and labels
# 344 to 393 are 1.

# %%
frames, moments = (441000 - 200) // 80 + 1, (5511 - 15) // 4 + 1
print(f"{frames} frames, {moments} moments, {int(2500 * 1375 / 10000)}")
assert spectrogram_of(idea).shape == (101, frames) and moments == 1375

# %% [markdown]
# ## The mathematics
#
# **Convolution over time**, stride $s$, width $k$, for one clip: $x$ is (n_x, T), $W$
# (n, n_x, k), $b$ (n, 1):
#
# $$
# z_{j,t} = b_j + \sum_{i} \sum_{u=0}^{k-1} W_{j,i,u}\; x_{i,\, st + u}
# \qquad (n, T'), \quad T' = \lfloor (T - k)/s \rfloor + 1 .
# $$
#
# Backward: what $W_{j,i,u}$ multiplied, times $dz$, and back to where it came from:
#
# $$
# dW_{j,i,u} = \sum_t dz_{j,t}\, x_{i,\, st+u}, \qquad db_j = \sum_t dz_{j,t}, \qquad
# dx_{i,\, st+u} \mathrel{+}= \sum_j W_{j,i,u}\, dz_{j,t} .
# $$
#
# **The loss**: the same sigmoid and cross-entropy at every moment, and their mean over
# the $T'$ moments. With $a = \sigma(z)$:
#
# $$
# L = -\frac{1}{T'} \sum_t y_t \ln a_t + (1 - y_t) \ln(1 - a_t), \qquad
# dz_t = \frac{a_t - y_t}{T'} .
# $$
#
# The logarithms of a saturated sigmoid are $-\infty$. Written with logits, the term is
# $\max(z, 0) - z y + \ln(1 + e^{-|z|})$.
#
# **The network** of the course:
#
# | layer | output | parameters by PyTorch's count | by Keras's |
# |---|---|---|---|
# | convolution 196, k 15, s 4 | 196 x 1375 | 15 * 101 * 196 + 196 = 297,136 | same |
# | batch norm, ReLU, dropout | 196 x 1375 | 2 * 196 | 4 * 196 |
# | GRU 128 | 128 x 1375 | 3 (196 + 128 + 2) 128 = 125,184 | same |
# | dropout, batch norm | 128 x 1375 | 2 * 128 | 4 * 128 |
# | GRU 128 | 128 x 1375 | 3 (128 + 128 + 2) 128 = 99,072 | same |
# | dropout, batch norm, dropout | 128 x 1375 | 2 * 128 | 4 * 128 |
# | linear and sigmoid, at each moment | 1375 | 129 | same |
#
# 522,425 in all. Keras's summary says **523,329**: it counts the running means and
# variances of batch norm, 2 (196 + 128 + 128) = 904 numbers that are not trained. Both
# have two biases for each gate of a GRU; the 2017 edition's Keras had one: 522,561.
# The GRUs go in one direction: the device must answer while it listens.
#
# ## Your code
#
# **Exercise 1.** A random place for a segment of `segment_ms` in a clip of `clip_ms`:
# `(start, end)` in ms, both inside, `end = start + segment_ms - 1`. Draw the start by
# `rng.integers(0, clip_ms - segment_ms)`.
#
# **Exercise 2.** Does it overlap one of those before? A shared end counts.
#
# **Exercise 3.** Insert a clip at a free place, in at most five tries. If there is
# none, return the background as it was, and `(clip_ms, clip_ms)`, as the course does.
#
# **Exercise 4.** The 50 labels after the end. Mind the end of the clip.


# %%
def get_random_time_segment(segment_ms, rng, clip_ms=10_000):
    """(start, end) in ms of a segment at a random place of the clip."""
    # BEGIN SOLUTION
    segment_start = int(rng.integers(0, clip_ms - segment_ms))
    segment_end = segment_start + segment_ms - 1
    # END SOLUTION
    return segment_start, segment_end


def is_overlapping(segment_time, previous_segments):
    """True if the segment (start, end) overlaps one of the list."""
    segment_start, segment_end = segment_time
    # BEGIN SOLUTION
    overlap = any(
        segment_start <= end and segment_end >= start
        for start, end in previous_segments
    )
    # END SOLUTION
    return overlap


def insert_audio_clip(background, audio_clip, previous_segments, rng, rate=44100):
    """(background with the clip, (start, end) in ms); the list gets the segment."""
    clip_ms = len(background) * 1000 // rate
    segment_ms = len(audio_clip) * 1000 // rate
    # BEGIN SOLUTION
    for _ in range(5):
        segment_time = get_random_time_segment(segment_ms, rng, clip_ms)
        if not is_overlapping(segment_time, previous_segments):
            previous_segments.append(segment_time)
            new_background = background.copy()
            first = segment_time[0] * rate // 1000
            new_background[first : first + len(audio_clip)] += audio_clip
            return new_background, segment_time
    # END SOLUTION
    return background, (clip_ms, clip_ms)


def insert_ones(y, segment_end_ms, clip_ms=10_000):
    """y (1, Ty), of which the 50 labels behind the end of a segment are set to 1."""
    Ty = y.shape[1]
    y = y.copy()
    # BEGIN SOLUTION
    segment_end_y = int(segment_end_ms * Ty / clip_ms)
    y[0, segment_end_y + 1 : segment_end_y + 51] = 1
    # END SOLUTION
    return y


# %% [markdown]
# **A training example.** The course makes the background 20 dB quieter, inserts up to
# four activates and up to two negatives, and brings the clip to a loudness of -20 dBFS.
# From eight recordings a network learns eight recordings by heart. So `vary` changes
# each word: speed and pitch by up to a third, loudness by 6 dB.
#
#
# **Near misses.** Eight other words are too few to say what the word is *not*. Left out
# of training, two of the eight were heard as "activate" 99 of 109 times, two others 2
# of 132 times; the background never was. It goes by what tells the words apart that it
# has, a last vowel for example, whatever came before it. So two thirds of the other
# words in training are made of pieces: the first or last part of an activate, its
# halves swapped, a word backward, pieces of two words joined. To tell these from the
# word it must hear all of it. Then the same four were heard 5 of 241 times. They are
# made by `near_miss`, for training alone: the test has none.


# %%
def vary(word, rng):
    """The word at another speed (and pitch), and louder or quieter."""
    speed = np.exp(rng.uniform(-0.3, 0.3))
    places = np.arange(int(len(word) / speed)) * speed
    return np.interp(places, np.arange(len(word)), word) * 10 ** rng.uniform(-0.3, 0.3)


def fade(piece, samples=220):
    """The piece with 5 ms of rise and fall: no click where it was cut."""
    ramp = np.minimum(np.arange(len(piece)) / samples, 1)
    return piece * ramp * ramp[::-1]


def near_miss(activates, negatives, rng):
    """A word that is not the word: pieces of activates and negatives."""
    word = activates[rng.integers(len(activates))]
    cut = int(len(word) * rng.uniform(0.3, 0.7))
    kinds = ("part", "swapped", "backward", "joined")
    kind = rng.choice(kinds, p=(0.3, 0.15, 0.25, 0.3))
    if kind == "part":
        pieces = [word[:cut] if rng.random() < 0.5 else word[cut:]]
    elif kind == "swapped":
        pieces = [word[cut:], word[:cut]]
    else:
        pieces = []
        for _ in range(1 if kind == "backward" else 2):
            words = activates if rng.random() < 0.4 else negatives
            other = words[rng.integers(len(words))]
            if kind == "backward":
                pieces.append(other[::-1])
            else:
                size = int(len(other) * rng.uniform(0.4, 0.7))
                first = rng.integers(len(other) - size + 1)
                pieces.append(other[first : first + size])
    return np.concatenate([fade(piece) for piece in pieces])


def create_training_example(
    background, activates, negatives, rng, varied=True, near=0.65
):
    """x (101, frames), y (1, Ty), and the ends of the activates in seconds.

    near: which share of the negatives are near misses, where words are varied.
    """
    clip_ms = len(background) * 1000 // RATE
    background = background * 10 ** rng.uniform(-1, 0)  # up to 20 dB quieter
    frames = (len(background) - 200) // 80 + 1
    y, previous_segments, ends = np.zeros((1, (frames - 15) // 4 + 1)), [], []
    most = (5, 3) if clip_ms == 10_000 else (3, 4)  # and not these numbers themselves
    for kind, count in zip(
        ("activates", "negatives"), rng.integers(0, most), strict=True
    ):
        for _ in range(count):
            words = activates if kind == "activates" else negatives
            word = words[rng.integers(len(words))]
            if varied and kind == "negatives" and rng.random() < near:
                word = near_miss(activates, negatives, rng)
            word = vary(word, rng) if varied else word * 10 ** rng.uniform(-0.3, 0.3)
            word = word[: len(background) - RATE // 100]  # no longer than the clip
            background, (_, segment_end) = insert_audio_clip(
                background, word, previous_segments, rng
            )
            if kind == "activates" and segment_end < clip_ms:
                y = insert_ones(y, segment_end, clip_ms)
                ends.append(segment_end / 1000)
    x = spectrogram_of(audio.match_loudness(background, -20))
    return x, y.astype(np.float32), sorted(ends)


# %% [markdown]
# **Exercise 5.** The convolution over time of one clip, forward. A loop over $T'$ is
# fine: each time a window (n_x, k).
#
# **Exercise 6.** Backward.
#
# **Exercise 7.** The loss of all moments from logits $z$ and labels $y$, both (1, Ty),
# and $dz$.
#
# **Exercise 8.** When does it hear the word? Smooth the probabilities by a mean over
# the last `width` moments; where that rises above the threshold, it hears the word. One
# word must not count twice: after a moment above the threshold, it hears nothing new
# until `pause` moments have passed below it. 25 of them are 0.18 s. (The course chimes
# at most every 75 moments, and misses a word that follows another at once.)


# %%
def conv1d_forward(x, W, b, stride):
    """z (n, T') of x (n_x, T), W (n, n_x, k), b (n, 1)."""
    k = W.shape[2]
    steps = (x.shape[1] - k) // stride + 1
    z = np.zeros((len(W), steps))
    for t in range(steps):
        # BEGIN SOLUTION
        window = x[:, stride * t : stride * t + k]  # (n_x, k)
        z[:, t] = np.tensordot(W, window, axes=2) + b[:, 0]  # (n,)
        # END SOLUTION
    return z


def conv1d_backward(dz, x, W, stride):
    """dx (n_x, T), dW (n, n_x, k), db (n, 1)."""
    k = W.shape[2]
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    for t in range(dz.shape[1]):
        window = slice(stride * t, stride * t + k)
        # BEGIN SOLUTION
        dW += dz[:, t, None, None] * x[:, window]  # (n, n_x, k)
        dx[:, window] += np.tensordot(dz[:, t], W, axes=1)  # (n_x, k)
        # END SOLUTION
    db = np.sum(dz, axis=1, keepdims=True)  # (n, 1)
    return dx, dW, db


def frame_loss(z, y):
    """The mean over all moments (a float), and dz of the shape of z."""
    # BEGIN SOLUTION
    losses = np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))
    loss = float(np.mean(losses))
    dz = (1 / (1 + np.exp(-z)) - y) / z.size
    # END SOLUTION
    return loss, dz


def heard_at(probabilities, threshold=0.5, width=20, pause=25):
    """Moments (a list) at which the word is heard, of probabilities (Ty,)."""
    smooth = np.convolve(probabilities, np.ones(width) / width)[: len(probabilities)]
    moments, last = [], -np.inf
    # BEGIN SOLUTION
    for t in np.flatnonzero(smooth > threshold):
        if t - last > pause:
            moments.append(int(t))
        last = t
    # END SOLUTION
    return moments


# %% [markdown]
# ## Check it three ways
#
# **By hand.** The label of a word that ends at 2,500 ms; one that ends 100 ms before
# the clip does; and $x = (1, 2, 3, 4, 5)$, $W = (1, 0, -1)$, stride 2, $b = 10$:
# windows (1, 2, 3) and (3, 4, 5), so $z = (8, 8)$.

# %%
y = insert_ones(np.zeros((1, 1375)), 2500)
assert list(np.flatnonzero(y[0])) == list(range(344, 394))
assert insert_ones(y, 9900).sum() == 50 + 13
by_hand = conv1d_forward(
    np.array([[1.0, 2, 3, 4, 5]]), np.array([[[1.0, 0, -1]]]), np.array([[10.0]]), 2
)
print("z by hand:", by_hand)
assert by_hand.tolist() == [[8, 8]]
assert is_overlapping((950, 1430), [(0, 949), (1430, 1600)])  # a shared end
assert not is_overlapping((950, 1429), [(0, 949), (1430, 1600)])

# %% [markdown]
# **Against the engine.** `F.conv1d` and `F.binary_cross_entropy_with_logits`.

# %%
rng = np.random.default_rng(lesson.seed)
x, W = rng.standard_normal((5, 40)), rng.standard_normal((3, 5, 15))
b, y = rng.standard_normal((3, 1)), rng.integers(0, 2, (3, 7))
z = conv1d_forward(x, W, b, 4)
loss, dz = frame_loss(z, y)
dx, dW, db = conv1d_backward(dz, x, W, 4)
tx, tW, tb = (dls.Tensor(v, requires_grad=True) for v in (x, W, b[:, 0]))
tz = F.conv1d(tx[None], tW, tb, stride=4)[0]
J = F.binary_cross_entropy_with_logits(tz, dls.Tensor(y.astype(float)))
J.backward()
assert abs(loss - J.item()) < 1e-12 and dls.compare("z", z, tz).ok
for name, mine, auto in (("dx", dx, tx), ("dW", dW, tW), ("db", db[:, 0], tb)):
    assert dls.compare(name, mine, auto.grad).ok

# %% [markdown]
# **Numerically.**

# %%
point = {"x": x, "W": W, "b": b}


def conv_cost(p):
    """The loss of the convolution's outputs as logits."""
    return frame_loss(conv1d_forward(p["x"], p["W"], p["b"], 4), y)[0]


report = check.check_gradients(conv_cost, point, {"dx": dx, "dW": dW, "db": db})
print(report)
assert report.ok

# %% [markdown]
# **The parameters**, and what the table says of them.

# %%
network = models.trigger_word()
counted = {
    "parameters": sum(p.size for p in network.parameters()),
    "keras": models.keras_parameters(network),
}
print(counted)
assert counted == {"parameters": 522_425, "keras": 523_329}
assert 297_136 + 125_184 + 99_072 + 129 + 2 * (196 + 128 + 128) == 522_425

# %% [markdown]
# ## See the graph
#
# A small one, on a clip of a few frames.

# %%
tiny = models.TriggerWord(in_channels=6, channels=4, hidden=3)
tiny_x = dls.Tensor(rng.standard_normal((2, 6, 63)).astype(np.float32))
with dls.trace():
    logits = tiny(tiny_x)
    J = F.binary_cross_entropy_with_logits(logits, dls.zeros_like(logits))
    J.backward()
graph = dls.graph(J, tiny, names={"x": tiny_x, "J": J})
lesson.graph(graph, "graph")
print(graph)
graph

# %% [markdown]
# ## Train
#
# Here with 48 channels and 48 units, which find the word as well as the course's 196
# and 128 (`COURSE_SIZE`), and train in half the time. New clips for each epoch: making
# a clip takes less time than learning from it. Before it learns from them they are
# changed once more (`disturb`): all frequencies moved by up to a tenth, as by a longer
# or shorter throat (Jaitly and Hinton 2013), loudness over frequency bent as by another
# microphone, a noise floor added, high frequencies cut off.
#
# It trains on clips of 2.5 seconds, a quarter of the work, and is tested on ten: a GRU
# does not mind how long a clip is.


# %%
plan = {"epochs": 10, "clips": 400, "near": 0.65}
if lesson.fast:
    plan = {"epochs": 7, "clips": 96, "near": 0.35}
per_epoch = plan["clips"] // 8


def disturb(x, rng):
    """A clip (101, frames) as by another throat and microphone, in another noise."""
    rows = np.arange(101) * np.exp(rng.uniform(-0.1, 0.1))
    bend = np.interp(np.arange(101), np.linspace(0, 100, 6), rng.normal(0, 0.25, 6))
    x = x[np.minimum(rows, 100).astype(int)] + bend[:, None]
    if rng.random() < 0.5:
        floor = rng.uniform(-1.8, 0.5) + 0.25 * rng.standard_normal(x.shape, np.float32)
        x = np.maximum(x, floor)
    if rng.random() < 0.3:  # nothing above some frequency, as in a telephone
        x[rng.integers(35, 101) :] = x.min()
    return x.astype(np.float32)


def make_clips(count, words, rng, varied, milliseconds=10_000):
    """(X (m, 101, frames), Y (m, Ty), [ends in s]) of activates and negatives."""
    made, samples = [], RATE * milliseconds // 1000
    for _ in range(count):
        background = sounds["backgrounds"][rng.integers(len(sounds["backgrounds"]))]
        background = np.roll(background, rng.integers(len(background)))[:samples]
        made.append(
            create_training_example(
                background, **words, rng=rng, varied=varied, near=plan["near"]
            )
        )
    X = np.stack([x for x, _, _ in made])
    return X, np.concatenate([y for _, y, _ in made]), [ends for _, _, ends in made]


def probabilities_of(network, X):
    """(m, Ty): what the network says of clips, in evaluation mode."""
    network.eval()
    said = []
    with dls.no_grad():
        for first in range(0, len(X), 10):
            logits = network(dls.Tensor(X[first : first + 10]))
            said.append(1 / (1 + np.exp(-logits.numpy())))
    network.train()
    return np.concatenate(said)


def score(probabilities, all_ends, threshold):
    """Percent of the words found within half a second, percent false of those heard."""
    found, false, words = 0, 0, 0
    for said, ends in zip(probabilities, all_ends, strict=True):
        left = list(ends)
        words += len(ends)
        for t in heard_at(said, threshold):
            near = [end for end in left if abs(t * 10 / 1375 - end) <= 0.5]
            if near:
                left.remove(near[0])
                found += 1
            else:
                false += 1
    return {
        "found": 100 * found / max(words, 1),
        "false": 100 * false / max(found + false, 1),
    }


def train(words, seed, label="train"):
    """(network, losses of the steps), trained on clips of these recordings."""
    dls.manual_seed(seed)
    rng = np.random.default_rng(seed)
    if COURSE_SIZE:
        network, peak = models.trigger_word(dropout=0.5), 0.002
    else:
        network, peak = models.TriggerWord(channels=48, hidden=48, dropout=0.3), 0.004
    optimizer = optim.Adam(network.parameters(), lr=peak)
    schedule = optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=peak, total_steps=plan["epochs"] * per_epoch
    )

    def step(x, y):
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(network(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        return loss

    fast_step, losses = dls.capture(step), []
    for _ in lesson.progress(range(plan["epochs"]), label, "epochs"):
        X, Y, _ = make_clips(plan["clips"], words, rng, True, 2_500)
        for first in range(0, 8 * per_epoch, 8):
            x = dls.Tensor(np.stack([disturb(x, rng) for x in X[first : first + 8]]))
            losses.append(fast_step(x, dls.Tensor(Y[first : first + 8])).item())
            schedule.step()
    return network, losses


network, losses = train(split["train"], lesson.seed)
print(f"loss {losses[0]:.3f} at first, {np.mean(losses[-per_epoch:]):.3f} at the end")

# %% [markdown]
# **The threshold**, how words are varied and disturbed, and the near misses were chosen
# without the test, and without the two clips that have no labels: four times two
# training recordings of either kind are left out, a network is trained on the others,
# and tested on clips of those left out. `--long` does it again, four trainings more.
# The threshold is the highest at which nine of ten words are still found.
#
# On the course's recordings, by seed 1: with 0.5, 341 of 375 words are found, with 0.3
# 354. Of the eight other words six are heard as the word 5 times in 355 (with 0.3 11
# times), and two (`4.wav` and `4_0.wav`) 110 times in 113. No near miss that was tried
# cured these two: which words set it off depends on which words it met.

# %%
threshold = 0.5
left_out = {}
if lesson.long:
    heard = []
    for k in range(4):
        parts = {"without": {}, "only": {}}
        for kind, words in split["train"].items():
            parts["only"][kind] = words[k::4]
            parts["without"][kind] = [w for i, w in enumerate(words) if i % 4 != k]
        other, _ = train(parts["without"], lesson.seed, f"split {k + 1} of 4")
        clip_rng = np.random.default_rng(1000 + k)
        X, _, ends = make_clips(50, parts["only"], clip_rng, False)
        heard.append((probabilities_of(other, X), ends))
    for candidate in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7):
        scores = [score(said, ends, candidate) for said, ends in heard]
        left_out[candidate] = {
            name: float(np.mean([s[name] for s in scores])) for name in scores[0]
        }
        print(f"threshold {candidate}, on recordings left out:", left_out[candidate])
known_rng = np.random.default_rng(lesson.seed + 1)
known_X, _, known_ends = make_clips(
    12 if lesson.fast else 40, split["train"], known_rng, False
)
known = score(probabilities_of(network, known_X), known_ends, threshold)
print(f"words it knows: {known['found']:.1f} % found, {known['false']:.1f} % false")

# %% [markdown]
# **Test**: clips made of the held-out recordings. On the course's:
#
# | seed | words found, % | false, % | F1 of the moments, % |
# |---|---|---|---|
# | 1 | 95.8 | 9.9 | 88.6 |
# | 2 | 98.0 | 8.8 | 90.8 |
# | 3 | 97.6 | 22.0 | 81.7 |
#
# Without near misses seeds 1 and 2 found 99.0 and 98.3 % with 3.2 and 23.5 % false.
# Every seed finds the words. How many others it hears is a matter of chance still: the
# test has two other words, and whether one of them sets it off differs from seed to
# seed. Ten recordings of a word are enough to show how it is done, not to build a
# device.

# %%
count = 16 if lesson.fast else 200
test_rng = np.random.default_rng(lesson.seed + 2)
test_X, test_Y, test_ends = make_clips(count, split["test"], test_rng, False)
test_said = probabilities_of(network, test_X)
result = score(test_said, test_ends, threshold)


def f1_of(said, labels, threshold):
    """F1 of single moments, in percent."""
    positive, right = said > threshold, labels > 0.5
    both = np.sum(positive & right)
    return 100 * float(2 * both / max(positive.sum() + right.sum(), 1))


f1 = f1_of(test_said, test_Y, threshold)
accuracy = 100 * float(np.mean((test_said > threshold) == (test_Y > 0.5)))
share = 100 * float(test_Y.mean())
print(f"{count} clips with {sum(map(len, test_ends))} words:", end=" ")
print(f"{result['found']:.1f} % found, {result['false']:.1f} % of those heard false")
print(f"moments: F1 {f1:.1f} %, accuracy {accuracy:.1f} %; {share:.1f} % are ones")

# %% [markdown]
# Accuracy says little here, as the course remarks: who never hears anything is right in
# nine of ten moments. F1 of the moments is stricter than it need be: a word that is
# heard a tenth of a second late is heard.
#
# ## Look at it

# %%
most = int(np.argmax([len(ends) for ends in test_ends]))
times = np.arange(1375) * 10 / 1375


def draw_clip(axes, x, said, title, ends=()):
    """Spectrogram above, what the network says below, marks where it hears the word."""
    axes[0].imshow(x, origin="lower", aspect="auto", extent=(0, 10, 0, RATE / 2000))
    axes[0].set(title=title, ylabel="kHz")
    axes[1].plot(times, said)
    axes[1].axhline(threshold, color="gray", linestyle=":")
    for end in ends:
        axes[1].axvspan(end, end + 50 * 10 / 1375, alpha=0.2, color="green")
    for t in heard_at(said, threshold):
        for ax in axes:
            ax.axvline(times[t], color="red", linestyle="--")
    axes[1].set(ylabel="probability", ylim=(0, 1.02), xlim=(0, 10))


fig, axes = plt.subplots(2, 1, figsize=(11, 5), sharex=True)
draw_clip(axes, test_X[most], test_said[most],
          "A test clip: labels green, heard red", test_ends[most])  # fmt: skip
axes[1].set_xlabel("time, s")
fig.tight_layout()
lesson.figure(fig, "test_clip")

fig, ax = plt.subplots(figsize=(8, 3.8))
ax.plot(np.convolve(losses, np.ones(5) / 5, "valid"))
ax.set(xlabel="step", ylabel="loss, mean of 5 steps", title="Training")
ax.grid(alpha=0.3)
lesson.figure(fig, "training")

# %% [markdown]
# **Two clips without labels.** The course's dev clips are real recordings of ten
# seconds, not made by insertion. Nothing was chosen on them. Listen, and compare with
# what it says. (Without the course's files: one clip, in which a held-out voice says
# the word, another word, and the word again.)
#
# `preprocess_audio` takes any WAV file: another rate is resampled, channels averaged,
# a longer clip cut, a shorter one filled up with silence; and silence is refused.


# %%
def preprocess_audio(samples, rate):
    """Ten seconds (441000,) at -20 dBFS of samples (channels, n) at any rate."""
    sound = audio.resample(samples.mean(axis=0), rate, RATE)[: 10 * RATE]
    sound = np.pad(sound, (0, 10 * RATE - len(sound)))
    return audio.match_loudness(sound, -20)


if files:
    dev = [x[None] for x in sounds["dev"]]
    chime = next(read_clip(path) for path in files if path.stem == "chime")
else:
    dev = [sounds["dev"][0][None].copy()]
    said_words = (sounds["activates"][-1], sounds["negatives"][-1])
    for start, word in ((1.5, 0), (4.0, 1), (6.5, 0)):
        first = int(start * RATE)
        dev[0][0, first : first + len(said_words[word])] += 0.5 * said_words[word]
    chime = audio.tone(1047, 0.5, RATE, amplitude=0.4, decay=6)
clips = [preprocess_audio(clip, RATE) for clip in dev]
dev_X = np.stack([spectrogram_of(clip) for clip in clips])
dev_said = probabilities_of(network, dev_X)
dev_heard = [[round(float(times[t]), 2) for t in heard_at(said, threshold)]
             for said in dev_said]  # fmt: skip
fig, axes = plt.subplots(2 * len(clips), 1, figsize=(11, 4.2 * len(clips)), sharex=True)
for i, said in enumerate(dev_said):
    heard = ", ".join(f"{t} s" for t in dev_heard[i]) or "no time"
    title = f"dev clip {i + 1}: heard at {heard}"
    draw_clip(axes[2 * i : 2 * i + 2], dev_X[i], said, title)
    print(title)
axes[-1].set_xlabel("time, s")
fig.tight_layout()
lesson.figure(fig, "dev_clips")

# %% [markdown]
# **The chime.** Laid over each clip where the word is heard (`chime_on_activate` in the
# course), and written: `chime_1.wav`. Its spectrogram shows the chime where the dashed
# lines are.


# %%
def chime_on_activate(sound, moments, chime):
    """The sound (n,) with the chime laid over at moments; what is beyond is cut."""
    mixed = np.pad(sound, (0, len(chime)))
    for t in moments:
        first = int(t * len(sound) / 1375)
        mixed[first : first + len(chime)] += chime
    mixed = mixed[: len(sound)]
    return (mixed / max(1.0, float(np.abs(mixed).max()))).astype(np.float32)


chimed = []
for i, (clip, said) in enumerate(zip(clips, dev_said, strict=True)):
    moments_heard = heard_at(said, threshold)
    chimed.append(chime_on_activate(clip, moments_heard, 0.5 * chime))
    audio.write(lesson.out / f"chime_{i + 1}.wav", chimed[-1], RATE)
fig, ax = plt.subplots(figsize=(11, 3.5))
ax.imshow(
    spectrogram_of(chimed[0]), origin="lower", aspect="auto",
    extent=(0, 10, 0, RATE / 2000),
)
for t in heard_at(dev_said[0], threshold):
    ax.axvline(times[t], color="red", linestyle="--")
ax.set(xlabel="time, s", ylabel="kHz", title="chime_1.wav: dev clip 1 with the chime")
fig.tight_layout()
lesson.figure(fig, "chime")

# %% [markdown]
# **Files of any kind.** The same clip as 8, 16, 24 and 32 bits, as float, in stereo,
# and at half the rate. With 16 bits and more, and in stereo, what the network says
# hardly changes. 8 bits add a noise, and at half the rate there is nothing above
# 11,025 Hz: there it says something else, the more so the less it met of the like in
# training. A silent clip is refused.

# %%
kinds = {
    "8 bits": ("pcm_u8", 1, 1), "16 bits": ("pcm_16", 1, 1),
    "24 bits": ("pcm_24", 1, 1), "32 bits": ("pcm_32", 1, 1),
    "float": ("float", 1, 1), "stereo": ("pcm_16", 2, 1),
    "22,050 Hz": ("pcm_16", 1, 2),
}  # fmt: skip
apart = {}
clean = clips[0] / max(1.0, float(np.abs(clips[0]).max()))
with tempfile.TemporaryDirectory() as folder:
    for name, (encoding, channels, slower) in kinds.items():
        path = Path(folder) / "clip.wav"
        made = audio.resample(clean, RATE, RATE // slower)
        made = np.clip(np.stack([made] * channels), -1, 1)
        audio.write(path, made, RATE // slower, encoding=encoding)
        read = preprocess_audio(*audio.read(path))
        said = probabilities_of(network, spectrogram_of(read)[None])[0]
        apart[name] = float(np.abs(said - dev_said[0]).max())
print("largest change of a probability:", {k: round(v, 3) for k, v in apart.items()})
for name in ("16 bits", "24 bits", "32 bits", "float", "stereo"):
    assert apart[name] < 0.05
try:
    preprocess_audio(np.zeros((1, RATE)), RATE)
    refused = ""
except dls.DataError as error:
    refused = str(error)
print("a silent clip:", refused)
assert "silent" in refused

# %% [markdown]
# ## Break it
#
# **1. The labels at the beginning of the word.** It would have to hear the word before
# it is said. The test asks of labels and ends: is the sound of the word *before* its
# ones?


# %%
def name_the_place(y, start_ms, end_ms):
    """Where the ones of a label begin, seen from a word (start, end) in ms."""
    first = float(np.flatnonzero(y[0])[0]) * 10_000 / y.shape[1]
    if abs(first - end_ms) < 20:
        return "after the word"
    return "at its start: it is to be foreseen" if first < end_ms else "too late"


labels = [insert_ones(np.zeros((1, 1375)), ms) for ms in (3000, 2400)]
places = [name_the_place(label, 2400, 3000) for label in labels]
print(places)
assert places[0] == "after the word" and "foreseen" in places[1]

# %% [markdown]
# **2. One label in the place of 50.** A network that always says 0 is then right at all
# but one moment in 1,375. Measured: the loss of saying the best constant, and the share
# of it that belongs to the ones.

# %%
baselines = {}
for ones in (1, 50):
    rate = 2 * ones / 1375  # two words a clip
    entropy = -rate * np.log(rate) - (1 - rate) * np.log(1 - rate)
    baselines[ones] = float(entropy)
    print(f"{ones} ones a word: {100 * (1 - rate):.2f} % right by saying 0", end="; ")
    print(f"loss of the best constant {entropy:.4f}")
assert baselines[1] < baselines[50] / 10

# %% [markdown]
# **3. Words over words.** Without `is_overlapping` words are inserted over each other,
# and their labels say "after the word" in the middle of another. How often?

# %%
overlaps = {}
for mindful in (True, False):
    segments, crossing = [], 0
    place_rng = np.random.default_rng(0)
    for _ in range(200):
        previous = []
        for _ in range(6):
            segment = get_random_time_segment(900, place_rng)
            clash = is_overlapping(segment, previous)
            if mindful and clash:
                continue
            crossing += clash
            previous.append(segment)
    overlaps[mindful] = crossing
print("words over words in 200 clips, with and without the check:", overlaps)
assert overlaps[True] == 0 and overlaps[False] > 200

# %% [markdown]
# **4. The strict inequality.** `segment_start < end` in the place of `<=` lets two
# words share a millisecond. Random clips hardly ever show it; the case by hand does.


# %%
def strictly(segment_time, previous_segments):
    """WRONG: a shared end does not count."""
    start, end = segment_time
    return any(start < e and end > s for s, e in previous_segments)


shared = [f((950, 1430), [(1430, 1600)]) for f in (is_overlapping, strictly)]
print("a shared end overlaps:", shared)
assert shared == [True, False]

# %% [markdown]
# **5. Listening in both directions.** A bidirectional GRU would score higher, and could
# not be used: what it says at a moment depends on what comes later. The test changes
# the future of a clip and compares the past.


# %%
class Looking(nn.Module):
    """WRONG for a device: a GRU that goes through the clip in both directions."""

    def __init__(self):
        self.conv = nn.Conv1d(101, 8, 15, stride=4)
        self.gru = nn.GRU(8, 8, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(16, 1)

    def forward(self, x):
        h, _ = self.gru(self.conv(x).relu().swapaxes(1, 2))
        return self.fc(h)[:, :, 0]


def future_matters(network, x):
    """How much the first half changes if the second half of the clip does."""
    changed = x.copy()
    changed[:, :, 2800:] = x[:, :, 2800:][:, :, ::-1]
    before, after = (probabilities_of(network, v)[0, :696] for v in (x, changed))
    return float(np.abs(before - after).max())


future = {
    "one direction": future_matters(network, test_X[most : most + 1]),
    "both directions": future_matters(Looking(), test_X[most : most + 1]),
}
print("the future changes the past by", {k: f"{v:.1e}" for k, v in future.items()})
assert future["one direction"] == 0 < future["both directions"]

# %% [markdown]
# **6. Padding leaks.** Clips of different lengths in one batch are filled up. In one
# direction, and without padding in the convolution, moments before the end cannot see
# what is filled in, in evaluation mode. In training mode batch norm can: its mean is
# taken over the filled-in moments as well.

# %%
short = test_X[:2, :, :2000]
filled = [np.pad(short, ((0, 0), (0, 0), (0, 900)), constant_values=v) for v in (0, 3)]
inside = (2000 - 15) // 4 + 1
leaks = {}
for mode in ("eval", "train"):
    outputs = []
    for X in filled:
        network.train(mode == "train")
        for layer in network.modules():
            if isinstance(layer, nn.Dropout):
                layer.eval()
        saved = {k: v.numpy().copy() for k, v in network.state_dict().items()}
        with dls.no_grad():
            outputs.append(network(dls.Tensor(X)).numpy()[:, :inside])
        network.load_state_dict(saved)
    leaks[mode] = float(np.abs(outputs[0] - outputs[1]).max())
network.eval()
print("what padding changes:", {k: f"{v:.1e}" for k, v in leaks.items()})
assert leaks["eval"] == 0 < leaks["train"]

# %% [markdown]
# **7. Loudness forgotten.** A clip 30 dB louder or quieter than those in training has
# another spectrogram. `match_loudness` brings any clip to -20 dBFS, so the loudness of
# the file does not matter; without it, it does.

# %%
louder = {"matched": [], "as it is": []}
for gain in (1.0, 0.03):
    sound = clips[0] * gain
    for name, prepared in (
        ("matched", preprocess_audio(sound[None], RATE)), ("as it is", sound),
    ):  # fmt: skip
        x = spectrogram_of(prepared)[None]
        louder[name].append(probabilities_of(network, x)[0])
changed = {name: float(np.abs(a - b).max()) for name, (a, b) in louder.items()}
print("a clip 30 dB quieter changes what it says by", changed)
assert changed["matched"] < 0.02 < changed["as it is"]

# %% [markdown]
# ## Recap
#
# - Labelled clips are made: backgrounds, words at random places, ones after the word.
# - 441,000 samples, 5,511 frames, 1,375 moments; 522,425 parameters, and 904 averages.
# - Many ones, F1 and words found, not accuracy: most moments have nothing in them.
# - Held-out *recordings*, not only held-out clips: clips are made of the same words.
# - One direction only; nothing may look ahead.
# - From few recordings: trim them, vary them, disturb them, and make near misses.
#
# ## Questions
#
# 1. Why hold out recordings, where every test clip is new anyway?
#    <details><summary>Answer</summary>
#    The clips of training and test would share the same words, by the same voice, with
#    the same noise. The network could know them by heart.
#    </details>
# 2. What does the stride of 4 cost, and what does it save?
#    <details><summary>Answer</summary>
#    The GRU has a quarter of the steps to go, which is most of the time. It says
#    something every 7 ms in the place of every 2.
#    </details>
# 3. Why is the threshold not chosen on the test clips?
#    <details><summary>Answer</summary>
#    Then the figure on them would be too good: the best of many thresholds fits their
#    chance, too.
#    </details>
# 4. Why is each clip of a batch disturbed by itself, and not all in the same way?
#    <details><summary>Answer</summary>
#    Batch norm subtracts what all clips of a batch share. With one disturbance for a
#    whole batch the loss fell to 0.05, and in evaluation mode, with running averages,
#    the network found a quarter of the very words it had been trained on.
#    </details>
# 5. Why does batch norm of a GRU's output need care with clips of different length?
#    <details><summary>Answer</summary>
#    In training its mean and variance include what was filled in. Fill up with a
#    typical background, or mask, or make all clips equally long, as here.
#    </details>
#
# ## Go further
#
# - Record your own voice, ten times "activate" and ten times other words, and train.
# - Set `COURSE_SIZE = True`. Is it better? On which clips?
# - Next: `c5w4-transformer-step-by-step`.

# %%
# The end: this run must have reached what is known of it.
assert np.mean(losses[-per_epoch:]) < losses[0] / (1.5 if lesson.fast else 4)
if not lesson.fast:
    assert result["found"] >= 85 and result["false"] <= 25 and f1 > 60
lesson.finish(
    {
        "f1": f1,
        "found": result["found"],
        "false": result["false"],
        "accuracy": accuracy,
        "threshold": threshold,
        "left_out": left_out,
        "losses": {i: losses[i] for i in range(0, len(losses), per_epoch)},
        "parameters": counted
        | {"trained": sum(p.size for p in network.parameters())},
        "dev_heard": dev_heard,
        "files": apart,
        "broken": {
            "places": places,
            "overlaps": overlaps,
            "future": future,
            "leaks": leaks,
            "loudness": changed,
        },
    }
)
