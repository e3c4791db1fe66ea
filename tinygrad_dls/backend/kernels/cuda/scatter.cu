// Adding rows to a table, as the gradient of an embedding does: see backend/kernels/reference/scatter.py.

// flat[i] = flat[i] * length + place[i]: counts a place through one more axis. A negative place
// counts from the end; one out of range sets the flag, and flat is negative from then on.
KERNEL place(
    long long n, long long* flat, const long long* places, long long length, long long first,
    int* flag
) {
    EACH(i, n) {
        long long p = places[i], before = first ? 0 : flat[i];
        if (p < 0) p += length;
        bool known = p >= 0 && p < length;
        if (!known) *flag = 1;
        flat[i] = known && before >= 0 ? before * length + p : -1;
    }
}

// table[places[r], j] += values[r, j]. Additions to one place happen in any order, so sums of
// floats may differ in their last bits from run to run.
KERNEL add_rows(
    long long n, Real* table, const long long* places, const Real* values, long long width
) {
    EACH(i, n) {
        Index r = i / (Index)width;
        long long p = places[r];
        if (p >= 0) atomicAdd(&table[(Index)p * (Index)width + (i - r * (Index)width)], values[i]);
    }
}

// The same in a fixed order: `order` sorts the places, and one thread adds all rows of a place.
KERNEL add_rows_in_order(
    long long n, Real* table, const long long* places, const long long* order, const Real* values,
    long long width, long long rows
) {
    EACH(i, n) {
        Index k = i / (Index)width, j = i - k * (Index)width;
        long long p = places[order[k]];
        if (p < 0 || (k > 0 && places[order[k - 1]] == p)) continue;  // another thread's place
        Real sum = 0;
        for (; k < (Index)rows && places[order[k]] == p; k++)
            sum += values[(Index)order[k] * (Index)width + j];
        table[(Index)p * (Index)width + j] = sum;
    }
}
