// Random numbers from a counter: element i of stream `seed` is a hash of (seed, i), the same to
// the bit on every device: see backend/kernels/reference/random.py.

__device__ unsigned long long bits_of(Index i, long long seed) {
    unsigned long long h = (unsigned long long)(i + 1) * 0x9E3779B97F4A7C15ull
                           + (unsigned long long)seed;
    h = (h ^ (h >> 30)) * 0xBF58476D1CE4E5B9ull;
    h = (h ^ (h >> 27)) * 0x94D049BB133111EBull;
    return h ^ (h >> 31);
}

KERNEL random_bits(long long n, unsigned long long* bits, long long seed) {
    EACH(i, n) bits[i] = bits_of(i, seed);
}

KERNEL uniform(long long n, double* u, long long seed, double low, double step) {
    EACH(i, n) u[i] = (double)(bits_of(i, seed) >> 11) * step + low;
}

KERNEL dropout(
    long long n, const Real* x, Real* y, long long seed, long long threshold, double scale
) {
    EACH(i, n)
        y[i] = x[i] * (bits_of(i, seed) >= (unsigned long long)threshold ? Real(scale) : Real(0));
}
