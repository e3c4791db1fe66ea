// Normalization: see backend/kernels/reference/normalization.py. Means first, then squared deviations from
// them: no digits are lost to a large mean.

// Rows with statistics of their own: layer norm, and group norm. Element j of row (b, g), b one of
// the examples, lies at b * example + g * group + j / run * jump + j % run; its weight is number
// g * channels + (last ? j % run : j / places).
struct Row {
    Index groups, example, group, run, jump, channels, places, last;
};

__device__ Row row_of(const long long* numbers) {
    Row r = {(Index)numbers[0], (Index)numbers[1], (Index)numbers[2], (Index)numbers[3],
             (Index)numbers[4], (Index)numbers[5], (Index)numbers[6], (Index)numbers[7]};
    return r;
}
__device__ Index first_of(const Row& r, Index row) {
    return row / r.groups * r.example + row % r.groups * r.group;
}
__device__ Index place_of(const Row& r, Index j) { return j / r.run * r.jump + j % r.run; }
__device__ Index channel_of(const Row& r, Index row, Index j) {
    return row % r.groups * r.channels + (r.last ? j % r.run : j / r.places);
}

KERNEL normalize_rows(
    long long rows, long long n, long long inner, long long team, const Real* x,
    const Real* weight, const Real* bias, Real* y, Real* mean, Real* var,
    const long long* geometry, double eps, long long centered
) {
    const Row r = row_of(geometry);
    const Real share = Real(1.0 / (n > 1 ? n : 1));
    ROWS(row, rows, team) {
        const Real* mine = x + first_of(r, row);
        Real* made = y + first_of(r, row);
        Real middle = 0, square = 0;
        if (centered) {
            for (Index j = RANK(team); j < n; j += team) middle += mine[place_of(r, j)];
            middle = sum_of_team(middle, team) * share;
        }
        for (Index j = RANK(team); j < n; j += team) {
            Real d = mine[place_of(r, j)] - middle;
            square += d * d;
        }
        square = sum_of_team(square, team) * share;
        if (RANK(team) == 0) {
            mean[row] = middle;
            var[row] = square;
        }
        Real scale = Real(1) / sqrt(square + Real(eps));
        for (Index j = RANK(team); j < n; j += team) {
            Index at = place_of(r, j), c = channel_of(r, row, j);
            Real v = (mine[at] - middle) * scale;
            if (weight) v *= weight[c];
            if (bias) v += bias[c];
            made[at] = v;
        }
    }
}

// dx, and dy * (x - mean) * scale, of which the gradient of the weight is the sum; 0: not wanted.
KERNEL normalize_rows_backward(
    long long rows, long long n, long long inner, long long team, const Real* dy, const Real* x,
    const Real* weight, const Real* mean, const Real* var, Real* dx, Real* dy_n,
    const long long* geometry, double eps, long long centered
) {
    const Row r = row_of(geometry);
    const Real share = Real(1.0 / (n > 1 ? n : 1));
    ROWS(row, rows, team) {
        Index first = first_of(r, row);
        Real middle = mean[row], scale = Real(1) / sqrt(var[row] + Real(eps));
        Real sum = 0, product = 0;
        for (Index j = RANK(team); j < n; j += team) {
            Index at = first + place_of(r, j);
            Real normal = (x[at] - middle) * scale;
            Real g = weight ? dy[at] * weight[channel_of(r, row, j)] : dy[at];
            sum += g;
            product += g * normal;
            if (dy_n) dy_n[at] = dy[at] * normal;
        }
        if (!dx) continue;
        sum = centered ? sum_of_team(sum, team) * share : Real(0);
        product = sum_of_team(product, team) * share;
        for (Index j = RANK(team); j < n; j += team) {
            Index at = first + place_of(r, j);
            Real normal = (x[at] - middle) * scale;
            Real g = weight ? dy[at] * weight[channel_of(r, row, j)] : dy[at];
            dx[at] = (g - normal * product - sum) * scale;
        }
    }
}

// --- statistics of columns: batch norm ------------------------------------------------------------
//
// x is (m, c, places) or, channels-last, (m * places, c) with places 1: channel of i is
// i / places % c. Sums are taken part by part, for enough threads, and joined afterwards.

// Of each part, `rows` rows of x (m, c, places): mean and sum of squared deviations, (parts, c).
KERNEL moments_of_parts(
    long long n, const Real* x, Real* means, Real* squares, long long m, long long c,
    long long places, long long rows
) {
    EACH(i, n) {
        Index channel = i % (Index)c, first = i / (Index)c * (Index)rows;
        Index last = first + rows < m ? first + (Index)rows : (Index)m;
        Real middle = 0, square = 0;
        for (Index b = first; b < last; b++)
            for (Index s = 0; s < places; s++) middle += x[(b * c + channel) * places + s];
        middle /= Real((last - first) * places);
        for (Index b = first; b < last; b++)
            for (Index s = 0; s < places; s++) {
                Real d = x[(b * c + channel) * places + s] - middle;
                square += d * d;
            }
        means[i] = middle;
        squares[i] = square;
    }
}

// Parts joined to the whole: mean and mean squared deviation of each channel (Chan et al. 1983).
KERNEL join_moments(
    long long c, const Real* means, const Real* squares, Real* mean, Real* var, long long parts,
    long long m, long long places, long long rows
) {
    EACH(i, c) {
        double count = 0, middle = 0, square = 0;
        for (Index part = 0; part < parts; part++) {
            long long left = m - part * rows;
            double more = (double)((left < rows ? left : rows) * places);
            double away = (double)means[part * (Index)c + i] - middle;
            square += (double)squares[part * (Index)c + i] + away * away * count * more / (count + more);
            count += more;
            middle += away * more / count;
        }
        mean[i] = Real(middle);
        var[i] = Real(square / count);
    }
}

KERNEL normalize_columns(
    long long n, const Real* x, const Real* weight, const Real* bias, const Real* mean,
    const Real* var, Real* y, long long c, long long places, double eps
) {
    EACH(i, n) {
        Index channel = i / (Index)places % (Index)c;
        Real v = (x[i] - mean[channel]) / sqrt(var[channel] + Real(eps));
        if (weight) v *= weight[channel];
        if (bias) v += bias[channel];
        y[i] = v;
    }
}

// Of each part: the sums of dy and of dy * (x - mean) * scale, (2, parts, c).
KERNEL gradients_of_parts(
    long long n, const Real* dy, const Real* x, const Real* mean, const Real* var, Real* sums,
    long long m, long long c, long long places, long long rows, double eps
) {
    EACH(i, n) {
        Index channel = i % (Index)c, first = i / (Index)c * (Index)rows;
        Index last = first + rows < m ? first + (Index)rows : (Index)m;
        Real middle = mean[channel], scale = Real(1) / sqrt(var[channel] + Real(eps));
        Real sum = 0, product = 0;
        for (Index b = first; b < last; b++)
            for (Index s = 0; s < places; s++) {
                Index at = (b * c + channel) * places + s;
                sum += dy[at];
                product += dy[at] * (x[at] - middle) * scale;
            }
        sums[i] = sum;
        sums[n + i] = product;
    }
}

// sums (2, c): those of the whole.
KERNEL normalize_columns_backward(
    long long n, const Real* dy, const Real* x, const Real* weight, const Real* mean,
    const Real* var, const Real* sums, Real* dx, long long c, long long places, double share,
    double eps, long long centered
) {
    EACH(i, n) {
        Index channel = i / (Index)places % (Index)c;
        Real scale = Real(1) / sqrt(var[channel] + Real(eps));
        Real normal = (x[i] - mean[channel]) * scale;
        Real d = dy[i] - normal * (sums[c + channel] * Real(share));
        if (centered) d -= sums[channel] * Real(share);
        dx[i] = (weight ? d * weight[channel] : d) * scale;
    }
}

KERNEL scale_shift(
    long long n, const Real* x, const Real* scale, const Real* shift, Real* y, long long c,
    long long places
) {
    EACH(i, n) {
        Index channel = i / (Index)places % (Index)c;
        y[i] = x[i] * scale[channel] + shift[channel];
    }
}
