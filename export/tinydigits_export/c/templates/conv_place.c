/* Computes the maps at place x of a row from that row and those above and below. Each of the three
 * begins at the left neighbour of x, or at x if it has none; a row outside the image is null. */
NOINLINE static void convolve_$group(const uint8_t *const rows[3], uint8_t x, uint8_t width,
                                     uint8_t maps, uint8_t groups, const int8_t *weight,
                                     const int32_t *bias, uint8_t *found) {
    seen_t seen;
    uint8_t r, k;
    seen.rows = 0;
    seen.gap = (uint8_t)(x == 0 || x + 1 == width ? maps * GROUP : 0);
    for (r = 0; r < 3; r++) {
        if (!rows[r]) continue;
        seen.row[seen.rows].values = rows[r];
        seen.row[seen.rows].count = (uint8_t)(seen.gap ? 2 * maps : 3 * maps);
        seen.rows++;
    }
    if (!rows[0]) weight += 3 * maps * GROUP;
    if (x == 0) weight += maps * GROUP;
    for (; groups; groups--) {
        sum_t sums[GROUP];
        for (k = 0; k < GROUP; k++) sums[k] = (sum_t)pgm_read_dword(bias + k);
        add_up_$group(&seen, weight, sums);
        for (k = 0; k < GROUP; k++) {
            const sum_t sum = sums[k];
            *found++ = (uint8_t)(sum < 0 ? 0 : sum >= 65536 ? 255 : sum >> 8);
        }
        weight += 9 * maps * GROUP;
        bias += GROUP;
    }
}
