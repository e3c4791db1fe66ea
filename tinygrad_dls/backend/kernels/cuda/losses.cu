// Softmax and the losses from logits: see backend/kernels/reference/losses.py. One team of threads to a
// row; a row is read again from the cache for each pass. The largest logit is subtracted first.

KERNEL softmax(
    long long rows, long long n, long long inner, long long team, const Real* z, Real* y
) {
    ROWS(row, rows, team) {
        Index first = start_of_row(row, n, inner);
        Real top = -infinity(), total = 0;
        for (Index j = RANK(team); j < n; j += team) top = Larger()(top, z[first + j * inner]);
        top = largest_of_team(top, team);
        for (Index j = RANK(team); j < n; j += team) {
            Real e = exp(z[first + j * inner] - top);
            y[first + j * inner] = e;
            total += e;
        }
        total = sum_of_team(total, team);
        for (Index j = RANK(team); j < n; j += team) y[first + j * inner] /= total;
    }
}

KERNEL softmax_backward(
    long long rows, long long n, long long inner, long long team, const Real* dy, const Real* y,
    Real* dz
) {
    ROWS(row, rows, team) {
        Index first = start_of_row(row, n, inner);
        Real mean = 0;
        for (Index j = RANK(team); j < n; j += team)
            mean += dy[first + j * inner] * y[first + j * inner];
        mean = sum_of_team(mean, team);
        for (Index j = RANK(team); j < n; j += team) {
            Index i = first + j * inner;
            dz[i] = y[i] * (dy[i] - mean);
        }
    }
}

KERNEL log_softmax(
    long long rows, long long n, long long inner, long long team, const Real* z, Real* y
) {
    ROWS(row, rows, team) {
        Index first = start_of_row(row, n, inner);
        Real top = -infinity(), total = 0;
        for (Index j = RANK(team); j < n; j += team) top = Larger()(top, z[first + j * inner]);
        top = largest_of_team(top, team);
        for (Index j = RANK(team); j < n; j += team) total += exp(z[first + j * inner] - top);
        Real whole = log(sum_of_team(total, team));
        for (Index j = RANK(team); j < n; j += team)
            y[first + j * inner] = z[first + j * inner] - top - whole;
    }
}

KERNEL log_softmax_backward(
    long long rows, long long n, long long inner, long long team, const Real* dy, const Real* y,
    Real* dz
) {
    ROWS(row, rows, team) {
        Index first = start_of_row(row, n, inner);
        Real total = 0;
        for (Index j = RANK(team); j < n; j += team) total += dy[first + j * inner];
        total = sum_of_team(total, team);
        for (Index j = RANK(team); j < n; j += team) {
            Index i = first + j * inner;
            dz[i] = dy[i] - exp(y[i]) * total;
        }
    }
}

// A label out of range sets the flag and makes its loss NaN.
KERNEL cross_entropy(
    long long rows, long long n, long long inner, long long team, const Real* z,
    const long long* labels, Real* losses, Real* tops, Real* exp_sums, double smoothing, int* flag
) {
    Real part = smoothing;
    ROWS(row, rows, team) {
        const Real* mine = z + row * n;
        Real top = -infinity(), total = 0, sum = 0;
        for (Index j = RANK(team); j < n; j += team) top = Larger()(top, mine[j]);
        top = largest_of_team(top, team);
        for (Index j = RANK(team); j < n; j += team) {
            total += exp(mine[j] - top);
            sum += mine[j] - top;
        }
        total = sum_of_team(total, team);
        sum = sum_of_team(sum, team);
        if (RANK(team) == 0) {
            long long label = labels[row];
            bool known = label >= 0 && label < n;
            Real hit = known ? mine[label] : not_a_number();
            if (!known) *flag = 1;
            Real loss = log(total) + (top - hit);
            losses[row] = part ? loss + part * ((hit - top) - sum / Real(n)) : loss;
            tops[row] = top;
            exp_sums[row] = total;
        }
    }
}

// `d` has one element for each row, or one for all.
KERNEL cross_entropy_backward(
    long long count, const Real* d, const Real* z, const long long* labels, const Real* tops,
    const Real* exp_sums, Real* dz, long long n, double smoothing, long long one
) {
    Real part = smoothing, each = part / Real(n);
    EACH(i, count) {
        Index row = i / (Index)n;
        bool hit = labels[row] == i - row * (Index)n;
        Real p = exp(z[i] - tops[row]) / exp_sums[row] - each;
        dz[i] = (hit ? p - (1 - part) : p) * (one ? d[0] : d[row]);
    }
}

KERNEL binary_cross_entropy(long long n, const Real* z, const Real* t, Real* losses) {
    EACH(i, n) losses[i] = (z[i] > 0 ? z[i] : Real(0)) - z[i] * t[i] + log1p(exp(-fabs(z[i])));
}

KERNEL binary_cross_entropy_backward(
    long long n, const Real* d, const Real* z, const Real* t, Real* dz, long long one
) {
    EACH(i, n) dz[i] = (one ? d[0] : d[i]) * (sigmoid_of(z[i]) - t[i]);
}
