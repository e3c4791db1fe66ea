// Max pooling and resampling: see backend/kernels/reference/pooling.py and resampling.py.
//
// Images are (planes, s0, s1, s2, inner): inner is 1, or the channels where they lie last. Windows
// along axis a: `starts` and `counts` of axis 0, then of axis 1, then of axis 2.

struct Pool {
    Index size[3], out[3], step[3], width[3], starts[3];
};

__device__ Pool pool_of(const long long* numbers) {
    Pool p;
    Index first = 0;
    for (int a = 0; a < 3; a++) {
        p.size[a] = numbers[a];
        p.out[a] = numbers[3 + a];
        p.step[a] = numbers[6 + a];
        p.width[a] = numbers[9 + a];
        p.starts[a] = first;
        first += p.out[a];
    }
    return p;
}

template <class Number> __device__ void max_pool_of(
    long long n, const Real* x, Real* y, Number* numbers, const long long* geometry,
    const long long* starts, const long long* counts, long long inner
) {
    const Pool p = pool_of(geometry);
    EACH(i, n) {
        Index rest = i / (Index)inner, channel = i % (Index)inner;
        Index w2 = rest % p.out[2], w1 = rest / p.out[2] % p.out[1];
        Index w0 = rest / p.out[2] / p.out[1] % p.out[0];
        Index plane = rest / p.out[2] / p.out[1] / p.out[0];
        Index a0 = p.starts[0] + w0, a1 = p.starts[1] + w1, a2 = p.starts[2] + w2;
        Real best = 0;
        Index number = 0;
        for (Index k0 = 0; k0 < counts[a0]; k0++)
            for (Index k1 = 0; k1 < counts[a1]; k1++)
                for (Index k2 = 0; k2 < counts[a2]; k2++) {
                    Index at = plane * p.size[0] + (Index)starts[a0] + k0 * p.step[0];
                    at = at * p.size[1] + (Index)starts[a1] + k1 * p.step[1];
                    at = at * p.size[2] + (Index)starts[a2] + k2 * p.step[2];
                    Real v = x[at * (Index)inner + channel];
                    if ((k0 | k1 | k2) == 0 || v > best || v != v) {
                        best = v;
                        number = (k0 * p.width[1] + k1) * p.width[2] + k2;
                    }
                }
        y[i] = best;
        numbers[i] = (Number)number;
    }
}

template <class Number> __device__ void max_pool_backward_of(
    long long n, const Real* dy, const Number* numbers, Real* dx, const long long* geometry,
    const long long* starts, long long inner
) {
    const Pool p = pool_of(geometry);
    EACH(i, n) {
        Index rest = i / (Index)inner, channel = i % (Index)inner, number = numbers[i];
        Index at = rest / p.out[2] / p.out[1] / p.out[0];  // the plane
        Index w[3] = {rest / p.out[2] / p.out[1] % p.out[0], rest / p.out[2] % p.out[1],
                      rest % p.out[2]};
        Index k[3] = {number / p.width[2] / p.width[1], number / p.width[2] % p.width[1],
                      number % p.width[2]};
        for (int a = 0; a < 3; a++)
            at = at * p.size[a] + (Index)starts[p.starts[a] + w[a]] + k[a] * p.step[a];
        atomicAdd(&dx[at * (Index)inner + channel], dy[i]);
    }
}

KERNEL max_pool_byte(
    long long n, const Real* x, Real* y, unsigned char* numbers, const long long* geometry,
    const long long* starts, const long long* counts, long long inner
) {
    max_pool_of(n, x, y, numbers, geometry, starts, counts, inner);
}

KERNEL max_pool_int(
    long long n, const Real* x, Real* y, int* numbers, const long long* geometry,
    const long long* starts, const long long* counts, long long inner
) {
    max_pool_of(n, x, y, numbers, geometry, starts, counts, inner);
}

// Windows that overlap add to one place in any order; those that do not add only once.
KERNEL max_pool_backward_byte(
    long long n, const Real* dy, const unsigned char* numbers, Real* dx, const long long* geometry,
    const long long* starts, long long inner
) {
    max_pool_backward_of(n, dy, numbers, dx, geometry, starts, inner);
}

KERNEL max_pool_backward_int(
    long long n, const Real* dy, const int* numbers, Real* dx, const long long* geometry,
    const long long* starts, long long inner
) {
    max_pool_backward_of(n, dy, numbers, dx, geometry, starts, inner);
}

// y[o, i, k] = sum over taps t of output i: weights[t] x[o, places[t], k]; x (outer, size, inner).
KERNEL resample_axis(
    long long n, const Real* x, Real* y, const long long* first, const long long* places,
    const double* weights, long long size, long long outputs, long long inner
) {
    EACH(i, n) {
        Index k = i % (Index)inner, rest = i / (Index)inner;
        Index output = rest % (Index)outputs, o = rest / (Index)outputs;
        Real sum = 0;
        for (Index t = first[output]; t < first[output + 1]; t++)
            sum += Real(weights[t]) * x[(o * (Index)size + (Index)places[t]) * (Index)inner + k];
        y[i] = sum;
    }
}
