"""A double of MPI's communicator: ranks are threads of this process.

It does what the package asks of mpi4py, and adds in the dtype of the arrays, in the order of ranks.
`run(size, function)` calls `function(world)` on each rank, and returns the results by rank.
"""

import threading
import traceback
from collections import defaultdict

import numpy as np

from tinygrad_dls.distributed.world import World


class Aborted(BaseException):
    """Another rank ended the job."""


class Job:
    """What the ranks of a job share."""

    def __init__(self, size):
        self.size, self.lock = size, threading.RLock()
        self.calls = defaultdict(dict)  # (communicator, number) -> rank -> (kind, array, out)
        self.letters = defaultdict(list)  # (communicator, from, to, tag) -> arrays
        self.aborted = False


class Comm:
    """One rank's end of a communicator."""

    def __init__(self, job, rank, name=()):
        self.job, self.rank, self.name, self.count, self.dups = job, rank, name, 0, 0

    def Get_rank(self):
        return self.rank

    def Get_size(self):
        return self.job.size

    def Dup(self):
        self.dups += 1
        return Comm(self.job, self.rank, (*self.name, self.dups))

    def Iallreduce(self, _, array, op=None):
        return self._call("sum", array, array)

    def Iallgather(self, row, rows):
        return self._call("gather", row, rows)

    def Ibcast(self, array, root=0):
        return self._call(("bcast", root), array, array)

    def _call(self, kind, sent, out):
        self.count += 1
        key = (self.name, self.count)
        with self.job.lock:
            self.job.calls[key][self.rank] = (kind, np.array(sent), out)
        return Request(self.job, key, self.rank)

    def Isend(self, letter, dest, tag):
        with self.job.lock:
            self.job.letters[self.name, self.rank, dest, tag].append(np.array(letter))

    def Iprobe(self, source, tag):
        return bool(self.job.letters[self.name, source, self.rank, tag])

    def Recv(self, letter, source, tag):
        letter[...] = self.job.letters[self.name, source, self.rank, tag].pop(0)

    def Abort(self, code):
        self.job.aborted = True


class Request:
    """Done once every rank has made its call of the same number."""

    def __init__(self, job, key, rank):
        self.job, self.key, self.rank, self.done = job, key, rank, False

    def Test(self):
        if self.job.aborted:
            raise Aborted
        calls = self.job.calls[self.key]
        if self.done or len(calls) < self.job.size:
            return self.done
        kinds = {kind for kind, _, _ in calls.values()}
        assert len(kinds) == 1, f"ranks call different things: {kinds}"
        kind, _, out = calls[self.rank]
        sent = [calls[r][1] for r in range(self.job.size)]
        if kind == "sum":
            total = sent[0].copy()
            for array in sent[1:]:
                total = (total + array).astype(total.dtype)
            out[...] = total
        elif kind == "gather":
            out.reshape(self.job.size, -1)[...] = np.stack([a.reshape(-1) for a in sent])
        else:
            assert sent[kind[1]].nbytes >= out.nbytes
            out[...] = sent[kind[1]]
        self.done = True
        return True


def run(size, function, patience=600.0, errors=False):
    """Call function(world) on `size` ranks; raise the first error, or return errors as results."""
    job, results = Job(size), [None] * size

    def one(rank):
        try:
            results[rank] = function(World(Comm(job, rank), patience))
        except Aborted:
            pass
        except Exception as error:
            results[rank] = error
            if not errors:
                traceback.print_exc()
                job.aborted = True

    threads = [threading.Thread(target=one, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(900)  # kernels may have to be compiled
    assert not any(thread.is_alive() for thread in threads)
    if not errors:
        for result in results:
            if isinstance(result, Exception):
                raise result
    return results
