// The gates of one time step, forward and back: see backend/kernels/reference/recurrent.py. The products
// with the weights are cuBLAS's. `first` is the first row of the step among those of all steps.

KERNEL rnn_step(
    long long n, const Real* z_x, const Real* z_h, Real* h, Real* h_before, Real* output,
    long long first, long long width, long long relu
) {
    EACH(i, n) {
        Index at = (Index)first * (Index)width + i;
        Real z = z_x[at] + z_h[i];
        h_before[at] = h[i];
        output[at] = h[i] = relu ? (z > 0 || z != z ? z : Real(0)) : tanh(z);
    }
}

KERNEL rnn_step_back(
    long long n, const Real* d_output, const Real* dh, const Real* output, Real* dz,
    long long first, long long width, long long relu
) {
    EACH(i, n) {
        Index at = (Index)first * (Index)width + i;
        Real h = output[at], d = dh[i] + d_output[at];
        dz[at] = relu ? (h > 0 ? d : Real(0)) : d * (1 - h * h);
    }
}

// gates comes as W_ih x + b and goes as the gates u f c~ o; width: of c.
KERNEL lstm_step(
    long long n, Real* gates, const Real* z_h, Real* c, Real* c_before, Real* tanh_c, Real* shown,
    long long first, long long width
) {
    EACH(i, n) {
        Index w = width, row = i / w, j = i - row * w, at = ((Index)first + row) * w + j;
        Real* g = gates + ((Index)first + row) * 4 * w + j;
        const Real* z = z_h + row * 4 * w + j;
        Real update = sigmoid_of(g[0] + z[0]), forget = sigmoid_of(g[w] + z[w]);
        Real candidate = tanh(g[2 * w] + z[2 * w]), output = sigmoid_of(g[3 * w] + z[3 * w]);
        g[0] = update;
        g[w] = forget;
        g[2 * w] = candidate;
        g[3 * w] = output;
        c_before[at] = c[i];
        Real now = update * candidate + forget * c[i];
        c[i] = now;
        tanh_c[at] = now = tanh(now);
        shown[at] = output * now;
    }
}

// d: the gradient of output * tanh_c, of this step's rows; dc is brought to the step before.
KERNEL lstm_step_back(
    long long n, const Real* d_shown, Real* dc, const Real* gates, const Real* c_before,
    const Real* tanh_c, Real* dz, long long first, long long width
) {
    EACH(i, n) {
        Index w = width, row = i / w, j = i - row * w, at = ((Index)first + row) * w + j;
        const Real* g = gates + ((Index)first + row) * 4 * w + j;
        Real* z = dz + ((Index)first + row) * 4 * w + j;
        Real update = g[0], forget = g[w], candidate = g[2 * w], output = g[3 * w], t = tanh_c[at];
        Real d = d_shown[i], d_c = dc[i] + d * output * (1 - t * t);
        z[0] = d_c * candidate * update * (1 - update);
        z[w] = d_c * c_before[at] * forget * (1 - forget);
        z[2 * w] = d_c * update * (1 - candidate * candidate);
        z[3 * w] = d * t * output * (1 - output);
        dc[i] = d_c * forget;
    }
}

// gates comes as W_ih x + b_ih and goes as r z h~; z_h is W_hh h, `bias` b_hh or 0.
KERNEL gru_step(
    long long n, Real* gates, const Real* z_h, const Real* bias, Real* h, Real* h_n,
    Real* h_before, Real* output, long long first, long long width
) {
    EACH(i, n) {
        Index w = width, row = i / w, j = i - row * w, at = ((Index)first + row) * w + j;
        Real* g = gates + ((Index)first + row) * 3 * w + j;
        const Real* z = z_h + row * 3 * w + j;
        Real b_r = bias ? bias[j] : Real(0), b_z = bias ? bias[w + j] : Real(0);
        Real of_h = z[2 * w] + (bias ? bias[2 * w + j] : Real(0));
        Real reset = sigmoid_of(g[0] + z[0] + b_r), keep = sigmoid_of(g[w] + z[w] + b_z);
        Real candidate = tanh(g[2 * w] + reset * of_h);
        g[0] = reset;
        g[w] = keep;
        g[2 * w] = candidate;
        h_n[at] = of_h;
        h_before[at] = h[i];
        output[at] = h[i] = (1 - keep) * candidate + keep * h[i];
    }
}

// dh is brought to d * keep, to which the caller adds what went through W_hh.
KERNEL gru_step_back(
    long long n, const Real* d_output, Real* dh, const Real* gates, const Real* h_n,
    const Real* h_before, Real* d_of_x, Real* d_of_h, long long first, long long width
) {
    EACH(i, n) {
        Index w = width, row = i / w, j = i - row * w, at = ((Index)first + row) * w + j;
        Index z = ((Index)first + row) * 3 * w + j;
        Real reset = gates[z], keep = gates[z + w], candidate = gates[z + 2 * w];
        Real d = dh[i] + d_output[at];
        Real d_n = d * (1 - keep) * (1 - candidate * candidate);
        Real d_z = d * (h_before[at] - candidate) * keep * (1 - keep);
        Real d_r = d_n * h_n[at] * reset * (1 - reset);
        d_of_x[z] = d_of_h[z] = d_r;
        d_of_x[z + w] = d_of_h[z + w] = d_z;
        d_of_x[z + 2 * w] = d_n;
        d_of_h[z + 2 * w] = d_n * reset;
        dh[i] = d * keep;
    }
}
