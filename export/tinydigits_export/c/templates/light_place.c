/* Computes the maps at one place from what is seen there. `skipped`: values beyond the border before
 * the first; `inputs`: all values that a sum adds up, with those beyond the border. */
NOINLINE static void convolve_$group(uint8_t skipped, uint16_t inputs, uint8_t groups,
                                     const int8_t *weight, const int32_t *bias, uint8_t *found) {
    uint8_t k;
    seen.gap = (uint8_t)(seen.gap * GROUP);
    weight += skipped * GROUP;
    for (; groups; groups--) {
        sum_t sums[GROUP];
        for (k = 0; k < GROUP; k++) sums[k] = (sum_t)pgm_read_dword(bias + k);
        add_up_$group(&seen, weight, sums);
        for (k = 0; k < GROUP; k++) {
            const sum_t sum = sums[k];
            *found++ = (uint8_t)(sum < 0 ? 0 : sum >= 65536 ? 255 : sum >> 8);
        }
        weight += inputs * GROUP;
        bias += GROUP;
    }
}
