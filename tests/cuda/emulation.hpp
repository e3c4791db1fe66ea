// Enough of CUDA to run a kernel on the host: the threads of a block are fibers, resumed one after
// the other until each waits at a barrier or is done. Blocks run one after the other.
//
// `backwards` resumes them in the other order: a kernel that lacks a barrier then gives something
// else. Threads that wait at different barriers, or at one that others never reach, are an error.
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <vector>
#include <ucontext.h>

#define __global__
#define __device__
#define __shared__ static

using std::copysign; using std::erf; using std::erfc; using std::exp; using std::expm1;
using std::fabs; using std::log; using std::log1p; using std::sqrt; using std::tanh;

struct Triple { unsigned x = 1, y = 1, z = 1; };
static Triple gridDim, blockDim, blockIdx, threadIdx;

namespace emulation {

enum State { READY, AT_WARP, AT_BLOCK, DONE };
constexpr size_t STACK = 65536;

struct Fiber {
    ucontext_t context;
    State state = DONE;
    std::vector<char> stack = std::vector<char>(STACK);
};

static std::vector<Fiber*> fibers;
static ucontext_t scheduler;
static unsigned here;
static const std::function<void()>* body;
static double slots[1024];
static const char* error = nullptr;

static void run() {
    for (;;) {
        (*body)();
        fibers[here]->state = DONE;
        swapcontext(&fibers[here]->context, &scheduler);
    }
}

static void wait(State at) {
    unsigned me = here;
    fibers[me]->state = at;
    swapcontext(&fibers[me]->context, &scheduler);
}

static bool free_those(unsigned first, unsigned last, State at) {
    unsigned waiting = 0, done = 0;
    for (unsigned t = first; t < last; t++) {
        waiting += fibers[t]->state == at;
        done += fibers[t]->state == DONE;
    }
    if (!waiting || waiting + done < last - first) return false;
    if (done) error = "some threads are done while others wait for them at a barrier";
    for (unsigned t = first; t < last; t++)
        if (fibers[t]->state == at) fibers[t]->state = READY;
    return true;
}

static bool run_block(unsigned threads, bool backwards) {
    while (fibers.size() < threads) {
        Fiber* fiber = new Fiber;
        getcontext(&fiber->context);
        fiber->context.uc_stack.ss_sp = fiber->stack.data();
        fiber->context.uc_stack.ss_size = STACK;
        fiber->context.uc_link = nullptr;
        makecontext(&fiber->context, run, 0);
        fibers.push_back(fiber);
    }
    for (unsigned t = 0; t < threads; t++) fibers[t]->state = READY;
    for (;;) {
        for (unsigned i = 0; i < threads; i++) {
            here = backwards ? threads - 1 - i : i;
            if (fibers[here]->state != READY) continue;
            threadIdx.x = here;
            swapcontext(&scheduler, &fibers[here]->context);
        }
        unsigned done = 0;
        bool freed = false;
        for (unsigned t = 0; t < threads; t++) done += fibers[t]->state == DONE;
        if (done == threads) return true;
        for (unsigned t = 0; t < threads; t += 32)
            freed |= free_those(t, t + 32 < threads ? t + 32 : threads, AT_WARP);
        freed |= free_those(0, threads, AT_BLOCK);
        if (!freed) error = "threads wait for each other at different barriers";
        if (error) return false;
    }
}

static const char* launch(
    unsigned grid, unsigned block, bool backwards, const std::function<void()>& kernel
) {
    gridDim.x = grid;
    blockDim.x = block;
    body = &kernel;
    error = nullptr;
    for (unsigned b = 0; b < grid; b++) {
        blockIdx.x = backwards ? grid - 1 - b : b;
        if (!run_block(block, backwards)) break;
    }
    return error;
}

}  // namespace emulation

static void __syncthreads() { emulation::wait(emulation::AT_BLOCK); }

template <class T> T __shfl_xor_sync(unsigned, T value, int other) {
    unsigned me = threadIdx.x;
    std::memcpy(&emulation::slots[me], &value, sizeof(T));
    emulation::wait(emulation::AT_WARP);
    T got;
    std::memcpy(&got, &emulation::slots[me ^ other], sizeof(T));
    emulation::wait(emulation::AT_WARP);
    return got;
}

static double __longlong_as_double(long long bits) {
    double value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

template <class T> T atomicAdd(T* at, T value) {
    T before = *at;
    *at += value;
    return before;
}
