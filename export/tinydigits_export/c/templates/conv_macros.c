#if defined(__riscv) && !defined(__riscv_mul)

/* Without a multiplier: a * b is the square of (a + b) / 2 less that of (a - b) / 2. Both squares are
 * cut off to whole numbers; what that takes off is the same in both. */
#define SQUARE(n) (uint16_t)((n) * (n) / 4)
#define SQUARES_8(n)                                                                               \
    SQUARE(n), SQUARE(n + 1), SQUARE(n + 2), SQUARE(n + 3), SQUARE(n + 4), SQUARE(n + 5),          \
        SQUARE(n + 6), SQUARE(n + 7)
#define SQUARES_64(n)                                                                              \
    SQUARES_8(n), SQUARES_8(n + 8), SQUARES_8(n + 16), SQUARES_8(n + 24), SQUARES_8(n + 32),       \
        SQUARES_8(n + 40), SQUARES_8(n + 48), SQUARES_8(n + 56)
static const uint16_t SQUARES[512] = { /* of -128 to 383 */
    SQUARES_64(-128), SQUARES_64(-64), SQUARES_64(0), SQUARES_64(64), SQUARES_64(128),
    SQUARES_64(192), SQUARES_64(256), SQUARES_64(320)
};
#define PRODUCT(weight, value) product(SQUARES + 128 + (value), weight)
static inline int32_t product(const uint16_t *squares, int32_t weight) {
    return squares[weight] - squares[-weight];
}

#else

#define PRODUCT(weight, value) ((value) * (weight)) /* 16 bits hold it */

#endif

#if defined(__AVR_HAVE_MUL__) && defined(__AVR_HAVE_LPMX__)
#define FAST_AVR

/* The same as the C below, for AVRs that multiply. The lower two bytes of every sum are in registers.
 * The third is in memory: it is only needed when two bytes overflow, which is rare. Meanwhile `high`
 * has a sign of its own, which LOAD takes from the third byte and STORE carries back. */
#define LOAD(low, high, third)                                                                     \
    "ldd " #low ", Y+" #third "-2 \n ldd " #high ", Y+" #third "-1 \n"                             \
    "ldd r19, Y+" #third " \n sbrc " #high ", 7 \n inc r19 \n std Y+" #third ", r19 \n"
/* low:high += weight (r17) * value (r16). After an overflow, bit 7 of `high` tells its direction. */
#define ADD(low, high, third)                                                                      \
    "lpm r17, Z+ \n mulsu r17, r16 \n add " #low ", r0 \n adc " #high ", r1 \n brvc .+10 \n"       \
    "ldd r19, Y+" #third " \n inc r19 \n sbrs " #high ", 7 \n subi r19, 2 \n"                      \
    "std Y+" #third ", r19 \n"
#define STORE(low, high, third)                                                                    \
    "std Y+" #third "-2, " #low " \n std Y+" #third "-1, " #high " \n"                             \
    "ldd r19, Y+" #third " \n sbrc " #high ", 7 \n dec r19 \n std Y+" #third ", r19 \n"

#elif defined(SQUARES_64) /* the sums would not fit in the registers beside what a product needs */

#define LOAD(k)
#define ADD(k) sums[k] += PRODUCT((int8_t)pgm_read_byte(weight + k), factor);
#define STORE(k)

#else

#define LOAD(k) int32_t sum_##k = sums[k];
#define ADD(k) sum_##k += PRODUCT((int8_t)pgm_read_byte(weight + k), factor);
#define STORE(k) sums[k] = sum_##k;

#endif
