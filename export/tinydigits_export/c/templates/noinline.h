#ifdef __GNUC__
#define NOINLINE __attribute__((noinline)) /* their registers need not be saved all at once */
#else
#define NOINLINE
#endif
