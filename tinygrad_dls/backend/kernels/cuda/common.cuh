// What all kernels share. `Real` is float or double, `Index` int or long long: see compile.py.
//
// Conventions: every count comes as long long, every other number as double, every array as a
// pointer (0 where there is none). A kernel works for any grid: its loops step by the whole grid.

#define KERNEL extern "C" __global__ void

// for each of n elements, all threads of the grid side by side
#define EACH(i, n)                                                             \
    for (Index i = (Index)blockIdx.x * blockDim.x + threadIdx.x; i < (Index)(n); \
         i += (Index)gridDim.x * blockDim.x)

// for each row, a team of 1, 32 or all threads of a block to each; `rank` is one's place in the team
#define ROWS(row, rows, team)                                                        \
    for (Index row = ((Index)blockIdx.x * blockDim.x + threadIdx.x) / (Index)(team); \
         row < (Index)(rows); row += (Index)gridDim.x * blockDim.x / (Index)(team))
#define RANK(team) ((Index)(threadIdx.x % (unsigned)(team)))

// NVRTC has no names for these.
__device__ Real infinity() { return __longlong_as_double(0x7ff0000000000000ll); }
__device__ Real not_a_number() { return __longlong_as_double(0x7ff8000000000000ll); }

struct Add {
    __device__ Real operator()(Real a, Real b) const { return a + b; }
};
struct Larger {
    __device__ Real operator()(Real a, Real b) const { return a > b ? a : b; }
};

// The values of all threads of a team joined; each of them gets the result, the same to the bit.
template <class Join> __device__ Real joined(Real v, long long team, Join join) {
    if (team == 1) return v;
    for (int d = 16; d > 0; d /= 2) v = join(v, __shfl_xor_sync(0xffffffffu, v, d));
    if (team == 32) return v;
    __shared__ Real parts[32];
    __syncthreads();  // the call before has been read
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = v;
    __syncthreads();
    v = parts[0];
    for (int w = 1; w < team / 32; w++) v = join(v, parts[w]);
    return v;
}
__device__ Real sum_of_team(Real v, long long team) { return joined(v, team, Add()); }
__device__ Real largest_of_team(Real v, long long team) { return joined(v, team, Larger()); }

// Element j of a row lies at start + j * inner: rows of `n` side by side (inner 1), or columns.
__device__ Index start_of_row(Index row, long long n, long long inner) {
    return inner == 1 ? row * (Index)n : row / (Index)inner * (Index)(n * inner) + row % (Index)inner;
}

__device__ Real sigmoid_of(Real x) { return Real(1) / (Real(1) + exp(-x)); }

// log(1 + exp(x)), without overflow
__device__ Real softplus_of(Real x) { return (x > 0 ? x : Real(0)) + log1p(exp(-fabs(x))); }
