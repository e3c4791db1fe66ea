// What convolutions need beside matrix products: see backend/kernels/reference/convolution.py.
//
// Images are channels-last, x (n, s0, s1, s2, c), y (n, o0, o1, o2, o). Columns lie as (groups, n o0
// o1 o2, taps, c / groups): one matrix for each group. Output place p and tap k of the window meet
// at place p stride + k dilation - before of x.

struct Slide {
    Index size[3], out[3], window[3], stride[3], before[3], dilation[3];
    Index taps, places;  // in a window; in an image that comes out
};

__device__ Slide slide_of(const long long* numbers) {
    Slide s;
    s.taps = s.places = 1;
    for (int a = 0; a < 3; a++) {
        s.size[a] = numbers[a];
        s.out[a] = numbers[3 + a];
        s.window[a] = numbers[6 + a];
        s.stride[a] = numbers[9 + a];
        s.before[a] = numbers[12 + a];
        s.dilation[a] = numbers[15 + a];
        s.taps *= s.window[a];
        s.places *= s.out[a];
    }
    return s;
}

// The three coordinates of number i.
__device__ void coordinates(Index i, const Index* sizes, Index* at) {
    at[2] = i % sizes[2];
    at[1] = i / sizes[2] % sizes[1];
    at[0] = i / sizes[2] / sizes[1];
}

// Where in an image output place p and tap k meet, or -1: in the padding.
__device__ Index met(const Slide& s, const Index* p, const Index* k) {
    Index at = 0;
    for (int a = 0; a < 3; a++) {
        Index i = p[a] * s.stride[a] + k[a] * s.dilation[a] - s.before[a];
        if (i < 0 || i >= s.size[a]) return -1;
        at = at * s.size[a] + i;
    }
    return at;
}

// The output place that meets place i of an image with tap k, or -1.
__device__ Index met_back(const Slide& s, const Index* i, const Index* k) {
    Index at = 0;
    for (int a = 0; a < 3; a++) {
        Index p = i[a] + s.before[a] - k[a] * s.dilation[a];
        if (p < 0 || p % s.stride[a] || p / s.stride[a] >= s.out[a]) return -1;
        at = at * s.out[a] + p / s.stride[a];
    }
    return at;
}

// n: elements of the columns; channels: of one group.
KERNEL columns_of(
    long long n, const Real* x, Real* columns, const long long* geometry, long long images,
    long long groups, long long channels
) {
    const Slide s = slide_of(geometry);
    const Index image = s.size[0] * s.size[1] * s.size[2];
    EACH(i, n) {
        Index c = i % (Index)channels, rest = i / (Index)channels, p[3], k[3];
        coordinates(rest % s.taps, s.window, k);
        rest /= s.taps;
        coordinates(rest % s.places, s.out, p);
        rest /= s.places;
        Index b = rest % (Index)images, g = rest / (Index)images, at = met(s, p, k);
        columns[i] = at < 0 ? Real(0)
            : x[((b * image + at) * (Index)groups + g) * (Index)channels + c];
    }
}

// Each x gets the sum of all columns that were taken from it, in a fixed order, and its bias.
KERNEL from_columns(
    long long n, const Real* columns, const Real* bias, Real* x, const long long* geometry,
    long long images, long long groups, long long channels
) {
    const Slide s = slide_of(geometry);
    const Index image = s.size[0] * s.size[1] * s.size[2];
    EACH(i, n) {
        Index c = i % (Index)channels, g = i / (Index)channels % (Index)groups;
        Index rest = i / ((Index)channels * (Index)groups), at[3], k[3];
        coordinates(rest % image, s.size, at);
        Index b = rest / image;
        Real sum = bias ? bias[g * (Index)channels + c] : Real(0);
        for (Index tap = 0; tap < s.taps; tap++) {
            coordinates(tap, s.window, k);
            Index p = met_back(s, at, k);
            if (p >= 0)
                sum += columns[(((g * (Index)images + b) * s.places + p) * s.taps + tap)
                               * (Index)channels + c];
        }
        x[i] = sum;
    }
}

// --- depthwise: one input channel to each group, `multiplier` outputs; weight (taps, o) -------------

KERNEL depthwise(
    long long n, const Real* x, const Real* weight, const Real* bias, Real* y,
    const long long* geometry, long long outputs, long long multiplier
) {
    const Slide s = slide_of(geometry);
    const Index image = s.size[0] * s.size[1] * s.size[2], channels = outputs / multiplier;
    EACH(i, n) {
        Index o = i % (Index)outputs, rest = i / (Index)outputs, p[3], k[3];
        coordinates(rest % s.places, s.out, p);
        Index b = rest / s.places;
        Real sum = bias ? bias[o] : Real(0);
        for (Index tap = 0; tap < s.taps; tap++) {
            coordinates(tap, s.window, k);
            Index at = met(s, p, k);
            if (at >= 0)
                sum += weight[tap * (Index)outputs + o]
                       * x[(b * image + at) * channels + o / (Index)multiplier];
        }
        y[i] = sum;
    }
}

KERNEL depthwise_back(
    long long n, const Real* dy, const Real* weight, const Real* bias, Real* dx,
    const long long* geometry, long long outputs, long long multiplier
) {
    const Slide s = slide_of(geometry);
    const Index image = s.size[0] * s.size[1] * s.size[2], channels = outputs / multiplier;
    EACH(i, n) {
        Index c = i % channels, rest = i / channels, at[3], k[3];
        coordinates(rest % image, s.size, at);
        Index b = rest / image;
        Real sum = bias ? bias[c] : Real(0);
        for (Index tap = 0; tap < s.taps; tap++) {
            coordinates(tap, s.window, k);
            Index p = met_back(s, at, k);
            if (p < 0) continue;
            for (Index m = 0; m < multiplier; m++) {
                Index o = c * (Index)multiplier + m;
                sum += weight[tap * (Index)outputs + o] * dy[(b * s.places + p) * outputs + o];
            }
        }
        dx[i] = sum;
    }
}

// Sums for the gradient of the weight, (chunks, taps, o): chunk j takes every chunks-th place.
KERNEL depthwise_weight(
    long long n, const Real* x, const Real* dy, Real* sums, const long long* geometry,
    long long images, long long chunks, long long outputs, long long multiplier
) {
    const Slide s = slide_of(geometry);
    const Index image = s.size[0] * s.size[1] * s.size[2], channels = outputs / multiplier;
    EACH(i, n) {
        Index o = i % (Index)outputs, rest = i / (Index)outputs, p[3], k[3];
        coordinates(rest % s.taps, s.window, k);
        Real sum = 0;
        for (Index row = rest / s.taps; row < images * s.places; row += chunks) {
            coordinates(row % s.places, s.out, p);
            Index at = met(s, p, k);
            if (at >= 0)
                sum += x[(row / s.places * image + at) * channels + o / (Index)multiplier]
                       * dy[row * (Index)outputs + o];
        }
        sums[i] = sum;
    }
}
