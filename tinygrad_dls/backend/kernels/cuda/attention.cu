// The softmax of attention, in place: see backend/kernels/reference/attention.py.

// scores (rows, n), rows = all queries of all heads; `length` queries in a head. Exactly one of
// the masks is there, or none: `seen` true where a key may be seen, `added` to the scores; their
// rows repeat after `period`.
KERNEL masked_softmax(
    long long rows, long long n, long long inner, long long team, Real* scores,
    const unsigned char* seen, const Real* added, long long period, long long length,
    double scale, long long causal
) {
    ROWS(row, rows, team) {
        Real* mine = scores + row * n;
        Index shared = period ? row % (Index)period * (Index)n : 0;
        Index keys = causal && row % (Index)length + 1 < n ? row % (Index)length + 1 : (Index)n;
        Real top = -infinity(), total = 0;
        for (Index j = RANK(team); j < n; j += team) {
            Real s = mine[j] * Real(scale);
            if (added) s += added[shared + j];
            if (j >= keys || (seen && !seen[shared + j])) s = -infinity();
            mine[j] = s;
            top = Larger()(top, s);
        }
        top = largest_of_team(top, team);
        if (top == -infinity()) top = 0;  // nothing is seen: all weights are 0
        for (Index j = RANK(team); j < n; j += team) {
            Real e = exp(mine[j] - top);
            mine[j] = e;
            total += e;
        }
        total = sum_of_team(total, team);
        if (total == 0) total = 1;
        for (Index j = RANK(team); j < n; j += team) mine[j] /= total;
    }
}
