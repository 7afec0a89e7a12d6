NOINLINE static void ${layer}_row(uint8_t y) {
    const int8_t *weight = PLACES + y * QUARTER * FEATURES;
    uint8_t x, k;
    for (x = 0; x < QUARTER; x++) {
        uint8_t maps[FEATURES];
        $layer(around(state.$before[0], QUARTER, $read, y, x), maps);
        for (k = 0; k < FEATURES; k++) {
            state.features[k] += PRODUCT((int8_t)pgm_read_byte(weight), maps[k]);
            weight++;
        }
    }
}

/* Each row of maps is computed as soon as the row below it is there, or nothing is below it. */
