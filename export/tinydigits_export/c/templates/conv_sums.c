#define GROUP $group

#ifdef FAST_AVR

/* The place of each sum: low register, high register, and the offset of its third byte. */
#define EACH(DO) \
    $registers

NOINLINE static void add_up_$group(const seen_t *part, const int8_t *weight, sum_t *sums) {
    __asm__ __volatile__(
        EACH(LOAD)
        "   ld r23, X+     \n" /* the number of rows; r23 counts down */
        "   ld r22, X+     \n" /* the weights to skip between rows */
        "   movw r24, r26  \n" /* the entry of the next row */
        "1: movw r26, r24  \n"
        "   ld r18, X+     \n" /* the number of values; r18 counts down */
        "   ld r19, X+     \n"
        "   ld r17, X+     \n"
        "   movw r24, r26  \n"
        "   mov r26, r19   \n"
        "   mov r27, r17   \n"
        "2: ld r16, X+     \n" /* a value; a 0 takes 9 cycles */
        "   tst r16        \n"
        "   brne 3f        \n"
        "   adiw r30, %[group] \n"
        "   dec r18        \n"
        "   brne 2b        \n"
        "   rjmp 4f        \n"
        "3:                \n"
        EACH(ADD)
        "   dec r18        \n"
        "   breq 4f        \n"
        "   rjmp 2b        \n"
        "4: clr r1         \n"
        "   add r30, r22   \n"
        "   adc r31, r1    \n"
        "   dec r23        \n"
        "   breq .+2       \n"
        "   rjmp 1b        \n"
        EACH(STORE)
        : "+x"(part), "+z"(weight)
        : "y"(sums), [group] "I"(GROUP)
        : "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
          "r16", "r17", "r18", "r19", "r20", "r21", "r22", "r23", "r24", "r25", "memory");
}

#undef EACH

#else

#define EACH(DO) $each

NOINLINE static void add_up_$group(const seen_t *part, const int8_t *weight, sum_t *sums) {
    uint8_t rows;
    EACH(LOAD)
    for (rows = 0; rows < part->rows; rows++) {
        const uint8_t *value = part->row[rows].values;
        const uint8_t *const end = value + part->row[rows].count;
        do {
            const int32_t factor = *value++;
            if (factor) { /* most values of a map are 0 */
                EACH(ADD)
            }
            weight += GROUP;
        } while (value != end);
        weight += part->gap;
    }
    EACH(STORE)
}

#undef EACH

#endif

$convolve
#undef GROUP
