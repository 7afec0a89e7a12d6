/* 255 * sigmoid(x) at x = 0, 1/4, 1/2, ... 8. */
static const uint8_t SIGMOID[33] PROGMEM = {
$sigmoid
};

/* 0 to 255: interpolated between two entries of the table; beyond 8 or -8, the last entry. */
static uint8_t probability_of(int32_t logit) {
    const int32_t size = (logit < 0 ? -logit : logit) >> ($fraction - 10);
    const uint16_t x = size < 8192 ? (uint16_t)size : 8191; /* 1024 to the one */
    const uint8_t *const entry = SIGMOID + (x >> 8);
    const uint8_t from = pgm_read_byte(entry), to = pgm_read_byte(entry + 1);
    const uint8_t result = (uint8_t)(from + (((uint16_t)(to - from) * (x & 255)) >> 8));
    return logit < 0 ? (uint8_t)(255 - result) : result;
}
