#ifdef __GNUC__
#define NOINLINE __attribute__((noinline)) /* so that their registers are not saved all at once */
#else
#define NOINLINE
#endif
