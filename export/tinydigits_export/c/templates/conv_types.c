#ifdef __AVR__
#include <avr/pgmspace.h>
typedef __int24 sum_t; /* the bounds above fit */
#else
#define PROGMEM
#define pgm_read_byte(address) (*(address))
#define pgm_read_word(address) (*(address))
#define pgm_read_dword(address) (*(address))
typedef int32_t sum_t;
#endif

$noinline
