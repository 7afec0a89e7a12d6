NOINLINE static void ${layer}_row(uint8_t y) {
    uint8_t x;
    for (x = 0; x < QUARTER; x++) {
        const uint8_t skipped = around(state.$before[0], QUARTER, $read, y, x);
        $layer(skipped, state.$layer[y % 3] + x * $maps);
    }
    if (y) ${next}_row((uint8_t)(y - 1));
    if (y == QUARTER - 1) ${next}_row(y);
}

