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

#else

#define LOAD(k) sum_##k = sums[k];
#define ADD(k) sum_##k += (int8_t)pgm_read_byte(weight + k) * factor;
#define STORE(k) sums[k] = sum_##k;

#endif
