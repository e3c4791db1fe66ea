// Element-wise non-linear functions and their slopes: see backend/kernels/reference/activations.py.

KERNEL sigmoid(long long n, const Real* x, Real* y) {
    EACH(i, n) y[i] = sigmoid_of(x[i]);
}

KERNEL sigmoid_backward(long long n, const Real* dy, const Real* y, Real* dx) {
    EACH(i, n) dx[i] = dy[i] * y[i] * (1 - y[i]);
}

KERNEL tanh_backward(long long n, const Real* dy, const Real* y, Real* dx) {
    EACH(i, n) dx[i] = dy[i] * (1 - y[i] * y[i]);
}

KERNEL relu_backward(long long n, const Real* dy, const Real* y, Real* dx) {
    EACH(i, n) dx[i] = y[i] > 0 ? dy[i] : Real(0);
}

KERNEL leaky_relu(long long n, const Real* x, Real* y, double slope) {
    EACH(i, n) y[i] = x[i] > 0 ? x[i] : Real(slope) * x[i];
}

KERNEL leaky_relu_backward(long long n, const Real* dy, const Real* x, Real* dx, double slope) {
    EACH(i, n) dx[i] = x[i] > 0 ? dy[i] : Real(slope) * dy[i];
}

KERNEL hardtanh_backward(
    long long n, const Real* dy, const Real* x, Real* dx, double low, double high
) {
    EACH(i, n) dx[i] = x[i] > Real(low) && x[i] < Real(high) ? dy[i] : Real(0);
}

KERNEL elu(long long n, const Real* x, Real* y, double alpha, double scale, double inner) {
    EACH(i, n)
        y[i] = x[i] > 0 ? Real(scale) * x[i] : Real(scale) * Real(alpha) * expm1(Real(inner) * x[i]);
}

KERNEL elu_backward(
    long long n, const Real* dy, const Real* x, Real* dx, double alpha, double scale, double inner
) {
    EACH(i, n)
        dx[i] = dy[i] * (x[i] > 0 ? Real(scale)
                                  : Real(scale) * Real(alpha) * Real(inner) * exp(Real(inner) * x[i]));
}

KERNEL softplus(long long n, const Real* x, Real* y, double beta, double threshold) {
    EACH(i, n) {
        Real z = Real(beta) * x[i];
        y[i] = z > Real(threshold) ? x[i] : softplus_of(z) / Real(beta);
    }
}

KERNEL softplus_backward(
    long long n, const Real* dy, const Real* x, Real* dx, double beta, double threshold
) {
    EACH(i, n) {
        Real z = Real(beta) * x[i];
        dx[i] = z > Real(threshold) ? dy[i] : dy[i] * sigmoid_of(z);
    }
}

KERNEL silu(long long n, const Real* x, Real* y) {
    EACH(i, n) y[i] = x[i] * sigmoid_of(x[i]);
}

KERNEL silu_backward(long long n, const Real* dy, const Real* x, Real* dx) {
    EACH(i, n) {
        Real s = sigmoid_of(x[i]);
        dx[i] = dy[i] * (s * (1 + x[i] * (1 - s)));
    }
}

KERNEL mish(long long n, const Real* x, Real* y) {
    EACH(i, n) y[i] = x[i] * tanh(softplus_of(x[i]));
}

KERNEL mish_backward(long long n, const Real* dy, const Real* x, Real* dx) {
    EACH(i, n) {
        Real t = tanh(softplus_of(x[i]));
        dx[i] = dy[i] * (t + x[i] * sigmoid_of(x[i]) * (1 - t * t));
    }
}

// The share of the standard normal distribution that lies below x; with a tanh, nearly.
__device__ Real share_below(Real x) { return Real(0.5) * erfc(Real(-0.7071067811865476) * x); }
__device__ Real share_by_tanh(Real x) {
    return sigmoid_of(Real(1.5957691216057308) * x * (1 + Real(0.044715) * (x * x)));
}

KERNEL gelu(long long n, const Real* x, Real* y) {
    EACH(i, n) y[i] = x[i] * share_below(x[i]);
}

KERNEL gelu_backward(long long n, const Real* dy, const Real* x, Real* dx) {
    EACH(i, n) {
        Real v = x[i];
        Real slope = Real(0.3989422804014327) * exp(Real(-0.5) * (v * v));
        dx[i] = dy[i] * (share_below(v) + v * slope);
    }
}

KERNEL gelu_tanh(long long n, const Real* x, Real* y) {
    EACH(i, n) y[i] = x[i] * share_by_tanh(x[i]);
}

KERNEL gelu_tanh_backward(long long n, const Real* dy, const Real* x, Real* dx) {
    EACH(i, n) {
        Real v = x[i], p = share_by_tanh(v);
        Real slope = p * (1 - p) * (Real(1.5957691216057308) * (1 + Real(0.134145) * (v * v)));
        dx[i] = dy[i] * (p + v * slope);
    }
}

KERNEL error_function(long long n, const Real* x, Real* y) {
    EACH(i, n) y[i] = erf(x[i]);
}

KERNEL error_function_complement(long long n, const Real* x, Real* y) {
    EACH(i, n) y[i] = erfc(x[i]);
}
