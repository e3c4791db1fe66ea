"""A program for mpiexec: each way in which a job can end. `python ends.py HOW FOLDER`."""

import os
import signal
import sys
import time

import numpy as np

import tinygrad_dls as dls
from tinygrad_dls import data, distributed, nn, optim

how, folder = sys.argv[1:]
world = distributed.init(patience=2.0 if how in ("hang", "catch") else 60.0)
rng = np.random.default_rng(0)
X = rng.standard_normal((64, 4)).astype("float32")
Y = (X[:, 0] > 0).astype("int64")
DATA = data.TensorDataset(X, Y)
distributed.manual_seed(3)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2))
opt = optim.Adam(model.parameters(), lr=0.05)
loader = data.DataLoader(DATA, 8, sampler=distributed.DistributedSampler(DATA))


def at_the_end(epoch, history):
    if world.rank == 1 and epoch == 2:
        if how == "raise":
            raise ValueError("my own mistake")
        if how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if how in ("hang", "catch"):
            time.sleep(600)
        if how == "leave":
            sys.exit(0)


try:
    history = dls.fit(model, nn.CrossEntropyLoss(), opt, loader, epochs=4, progress=False, every=3,
                      callbacks=[at_the_end], checkpoint=folder, distributed=True)
except dls.RankError:
    if how == "catch":
        sys.exit()  # MPI would wait at its end for the rank that sleeps
    raise
# All ranks have the same weights; the digits show whether two runs are the same to the bit.
weights = np.concatenate([p.numpy().reshape(-1) for p in model.parameters()])
same = world.all_gather(weights.tobytes())
assert same == [same[0]] * world.size
if world.rank == 0:
    print(history["loss"][-1].hex(), weights.astype("f8").sum().hex(), world.size)
