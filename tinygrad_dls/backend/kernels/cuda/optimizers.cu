// One step of each optimizer for one parameter, in place: see backend/kernels/reference/optimizers.py and
// adams.py. What depends on the count of steps is computed by the optimizer, in double.

// The gradient of what shall become less.
__device__ Real downhill(Real w, Real g, double decay, long long maximize) {
    if (maximize) g = -g;
    return decay ? g + Real(decay) * w : g;
}

KERNEL sgd(
    long long n, Real* w, const Real* g, Real* velocity, double lr, double momentum,
    double dampening, double decay, long long nesterov, long long maximize, long long first
) {
    EACH(i, n) {
        Real d = downhill(w[i], g[i], decay, maximize);
        if (velocity) {
            Real v = first ? d : Real(momentum) * velocity[i] + Real(1.0 - dampening) * d;
            velocity[i] = v;
            d = nesterov ? d + Real(momentum) * v : v;
        }
        w[i] -= Real(lr) * d;
    }
}

KERNEL rmsprop(
    long long n, Real* w, const Real* g, Real* square, Real* mean, Real* velocity, double lr,
    double alpha, double eps, double decay, double momentum, long long maximize
) {
    EACH(i, n) {
        Real d = downhill(w[i], g[i], decay, maximize);
        Real s = square[i] * Real(alpha) + Real(1.0 - alpha) * d * d, spread = s;
        square[i] = s;
        if (mean) {
            Real m = mean[i] * Real(alpha) + Real(1.0 - alpha) * d;
            mean[i] = m;
            spread = s - m * m;
        }
        Real step = d / (sqrt(spread) + Real(eps));
        if (velocity) velocity[i] = step = Real(momentum) * velocity[i] + step;
        w[i] -= Real(lr) * step;
    }
}

KERNEL adagrad(
    long long n, Real* w, const Real* g, Real* total, double lr, double eps, double decay,
    long long maximize
) {
    EACH(i, n) {
        Real d = downhill(w[i], g[i], decay, maximize);
        Real s = total[i] + d * d;
        total[i] = s;
        w[i] -= Real(lr) * d / (sqrt(s) + Real(eps));
    }
}

KERNEL adadelta(
    long long n, Real* w, const Real* g, Real* square, Real* moved, double lr, double rho,
    double eps, double decay, long long maximize
) {
    EACH(i, n) {
        Real d = downhill(w[i], g[i], decay, maximize);
        Real s = square[i] * Real(rho) + Real(1.0 - rho) * d * d;
        Real step = d * sqrt(moved[i] + Real(eps)) / sqrt(s + Real(eps));
        square[i] = s;
        moved[i] = moved[i] * Real(rho) + Real(1.0 - rho) * step * step;
        w[i] -= Real(lr) * step;
    }
}

KERNEL lion(
    long long n, Real* w, const Real* g, Real* m, double lr, double beta1, double beta2,
    double decay, long long maximize
) {
    EACH(i, n) {
        Real d = maximize ? -g[i] : g[i];
        Real v = Real(beta1) * m[i] + Real(1.0 - beta1) * d;
        Real sign = v > 0 ? Real(1) : v < 0 ? Real(-1) : v;  // 0 of 0, NaN of NaN
        w[i] = w[i] * Real(1.0 - lr * decay) - Real(lr) * sign;
        m[i] = Real(beta2) * m[i] + Real(1.0 - beta2) * d;
    }
}

KERNEL blend(long long n, Real* average, const Real* x, double share) {
    EACH(i, n) average[i] += Real(share) * (x[i] - average[i]);
}

// --- Adam and its kin ----------------------------------------------------------------------------

// What all of them need: the options of the moments, and of the decay.
struct Moments {
    double lr, beta1, beta2, decay;
    long long decoupled, maximize;
};

// Bring m and v up to date, and decay the weight; the gradient that counts.
__device__ Real moments(Real& w, Real g, Real& m, Real& v, const Moments& o) {
    if (o.decay && o.decoupled) w *= Real(1.0 - o.lr * o.decay);
    g = downhill(w, g, o.decoupled ? 0.0 : o.decay, o.maximize);
    m = Real(o.beta1) * m + Real(1.0 - o.beta1) * g;
    v = Real(o.beta2) * v + Real(1.0 - o.beta2) * g * g;
    return g;
}

KERNEL adam(
    long long n, Real* ws, const Real* g, Real* ms, Real* vs, Real* largest, double lr,
    double beta1, double beta2, double eps, double decay, long long decoupled, long long maximize,
    double rate, double root
) {
    Moments options = {lr, beta1, beta2, decay, decoupled, maximize};
    EACH(i, n) {
        Real w = ws[i], m = ms[i], v = vs[i];
        moments(w, g[i], m, v, options);
        ms[i] = m;
        vs[i] = v;
        if (largest) {
            Real most = largest[i];
            largest[i] = v = v > most || v != v ? v : most;
        }
        ws[i] = w - Real(rate) * m / (sqrt(v) / Real(root) + Real(eps));
    }
}

KERNEL adamax(
    long long n, Real* ws, const Real* g, Real* ms, Real* us, double lr, double beta1,
    double beta2, double eps, double decay, long long maximize, double rate
) {
    EACH(i, n) {
        Real d = downhill(ws[i], g[i], decay, maximize);
        Real m = Real(beta1) * ms[i] + Real(1.0 - beta1) * d;
        Real u = Real(beta2) * us[i], size = fabs(d) + Real(eps);
        u = size > u || size != size ? size : u;
        ms[i] = m;
        us[i] = u;
        ws[i] -= Real(rate) * m / u;
    }
}

KERNEL nadam(
    long long n, Real* ws, const Real* g, Real* ms, Real* vs, double lr, double beta1,
    double beta2, double eps, double decay, long long decoupled, long long maximize, double of_g,
    double of_m, double root
) {
    Moments options = {lr, beta1, beta2, decay, decoupled, maximize};
    EACH(i, n) {
        Real w = ws[i], m = ms[i], v = vs[i];
        Real d = moments(w, g[i], m, v, options);
        ms[i] = m;
        vs[i] = v;
        ws[i] = w - (Real(of_g) * d + Real(of_m) * m) / (sqrt(v) / Real(root) + Real(eps));
    }
}

KERNEL radam(
    long long n, Real* ws, const Real* g, Real* ms, Real* vs, double lr, double beta1,
    double beta2, double eps, double decay, long long decoupled, long long maximize, double rate,
    double rectify
) {
    Moments options = {lr, beta1, beta2, decay, decoupled, maximize};
    EACH(i, n) {
        Real w = ws[i], m = ms[i], v = vs[i];
        moments(w, g[i], m, v, options);
        ms[i] = m;
        vs[i] = v;
        ws[i] = w - (rectify ? Real(rate * rectify) * m / (sqrt(v) + Real(eps)) : Real(rate) * m);
    }
}

// The direction u of a step of LAMB; its length is settled after the two norms are known.
KERNEL lamb(
    long long n, Real* w, const Real* g, Real* ms, Real* vs, Real* u, double lr, double beta1,
    double beta2, double eps, double decay, long long maximize, double correct1, double root
) {
    Moments options = {lr, beta1, beta2, 0.0, 0, maximize};
    EACH(i, n) {
        Real same = w[i], m = ms[i], v = vs[i];
        moments(same, g[i], m, v, options);
        ms[i] = m;
        vs[i] = v;
        u[i] = m / Real(correct1) / (sqrt(v) / Real(root) + Real(eps)) + Real(decay) * w[i];
    }
}
