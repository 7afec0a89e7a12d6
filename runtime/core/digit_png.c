/* Grey PNG files of 28×28 with one IDAT chunk, as data sets hold them by the thousand. C99 with the
 * file calls of POSIX; where there is no POSIX, files cannot be read, and bytes are still decoded.
 *
 * It takes a stream if and only if zlib does (RFC 1950 and 1951), and for the same bytes. A source
 * has TAIL bytes behind its end, so that bits beyond the end can be read: they are refused later. */

#if !defined(_WIN32)
#if !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#endif
#include <stdint.h>
#include <string.h>

#if defined(__cplusplus)
extern "C" {
#endif
int png_unfilter(const uint8_t *filtered, int32_t height, int32_t count, int32_t step, uint8_t *to);
int digit_png_decode(const uint8_t *data, int32_t size, uint8_t *pixels);
void digit_png_read(const char *names, int32_t count, int regular, uint8_t *pixels, uint8_t *taken,
                    volatile int64_t *at, int64_t first);
#if defined(__cplusplus)
}
#endif

#define SIDE 28
#define FILTERED (SIDE * (SIDE + 1)) /* bytes: each row begins with the number of its filter */
#define HEAD 41                      /* bytes before the stream: signature, IHDR, length, IDAT */
#define TAIL 16                      /* bytes behind it: a check sum, and IEND */
#define MOST 4096                    /* bytes of a file; 880 hold a picture that is only stored */

#define LONGEST 15 /* bits of a code */
#define LOOKED_UP 9 /* bits of the codes that one look decodes */
#define SYMBOLS 288

/* A prefix code. An entry of `table` is symbol << 4 | bits, or 0 for a longer code and for none. */
typedef struct {
    uint16_t table[1 << LOOKED_UP];
    uint16_t count[LONGEST + 1]; /* of the symbols with so many bits */
    uint16_t symbol[SYMBOLS];    /* in the order of their codes */
} code;

/* The rest of a stream: the lowest `count` bits, at most 63, come before those at `next`. TAIL bytes
 * lie behind `end`. */
typedef struct {
    const uint8_t *next, *end;
    uint64_t bits;
    int count;
} source;

/* Provide 56 bits or more. Return 0 where some that were used lie beyond the end: that is so where
 * `next` is more than 8 bytes behind it, since `count` is less than 64. So 8 bytes at `next`, and
 * `next` itself, are within the TAIL bytes. */
static inline int refill(source *from)
{
    const uint8_t *next = from->next;
    if (next > from->end + 8)
        return 0;
    from->bits |= ((uint64_t)next[0] | (uint64_t)next[1] << 8 | (uint64_t)next[2] << 16 |
                   (uint64_t)next[3] << 24 | (uint64_t)next[4] << 32 | (uint64_t)next[5] << 40 |
                   (uint64_t)next[6] << 48 | (uint64_t)next[7] << 56)
                  << from->count;
    from->next += (63 - from->count) >> 3;
    from->count |= 56;
    return 1;
}

/* Take bits, at most as many as refill provides between two calls. */
static inline uint32_t take(source *from, int bits)
{
    uint32_t taken = (uint32_t)from->bits & ((1U << bits) - 1);
    from->bits >>= bits;
    from->count -= bits;
    return taken;
}

/* Make a code from the number of bits of each of `symbols` symbols, LONGEST at most. Return 0 if it
 * has more codes than there can be, or fewer. With may_lack, a single code of one bit is allowed,
 * and so is none. */
static int make_code(code *to, const uint8_t *bits, int symbols, int may_lack)
{
    uint16_t place[LONGEST + 2] = {0};
    int left = 1, longest = 0;
    memset(to->count, 0, sizeof to->count);
    for (int symbol = 0; symbol < symbols; symbol++)
        to->count[bits[symbol]]++;
    to->count[0] = 0;
    for (int length = 1; length <= LONGEST; length++) {
        left = 2 * left - to->count[length];
        if (left < 0)
            return 0;
        longest = to->count[length] ? length : longest;
        place[length + 1] = (uint16_t)(place[length] + to->count[length]);
    }
    if (left > 0 && !(may_lack && longest <= 1))
        return 0;
    for (int symbol = 0; symbol < symbols; symbol++)
        if (bits[symbol])
            to->symbol[place[bits[symbol]]++] = (uint16_t)symbol;
    /* The codes of each length, in order, with their first bit lowest. There are no more than
     * 1 << length, so that `reversed` is below that. */
    const uint16_t *symbol = to->symbol;
    uint32_t reversed = 0;
    to->table[0] = 0;
    for (int length = 1; length <= LOOKED_UP; length++) {
        uint32_t half = 1U << (length - 1);
        memcpy(to->table + half, to->table, half * sizeof *to->table);
        for (int each = 0; each < to->count[length]; each++) {
            uint32_t bit = half;
            to->table[reversed] = (uint16_t)(*symbol++ << 4 | length);
            while (reversed & bit)
                bit >>= 1;
            reversed = bit ? (reversed & (bit - 1)) | bit : 0;
        }
    }
    return 1;
}

/* Decode a symbol, with at most LONGEST bits. Return -1 where there is no such code. */
static inline int decode(const code *of, source *from)
{
    uint32_t entry = of->table[from->bits & ((1 << LOOKED_UP) - 1)];
    if (entry) {
        take(from, entry & 15);
        return (int)(entry >> 4);
    }
    /* first: the first code of a length; place: that of its symbol */
    int value = 0, first = 0, place = 0;
    for (int length = 1; length <= LONGEST; length++) {
        value |= (int)take(from, 1);
        int count = of->count[length];
        if (value < first + count)
            return of->symbol[place + value - first];
        place += count;
        first = (first + count) << 1;
        value <<= 1;
    }
    return -1;
}

/* Read the two codes of a block: of literals and lengths, and of distances. */
static int read_codes(source *from, code *literals, code *distances)
{
    static const uint8_t ORDER[19] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                      11, 4,  12, 3, 13, 2, 14, 1, 15};
    uint8_t bits[SYMBOLS + 32] = {0};
    int first = (int)take(from, 5) + 257, all = first + (int)take(from, 5) + 1;
    int listed = (int)take(from, 4) + 4;
    if (first > 286 || all - first > 30)
        return 0;
    for (int at = 0; at < listed; at++) { /* at most 19 */
        if (from->count < 3 && !refill(from))
            return 0;
        bits[ORDER[at]] = (uint8_t)take(from, 3);
    }
    if (!make_code(literals, bits, 19, 0))
        return 0;
    memset(bits, 0, 19);
    for (int at = 0; at < all;) {
        if (from->count < LONGEST + 7 && !refill(from))
            return 0;
        int symbol = decode(literals, from), repeated = 1;
        uint8_t each = (uint8_t)symbol;
        if (symbol < 0)
            return 0;
        if (symbol == 16 && at == 0)
            return 0;
        if (symbol >= 16) {
            each = symbol == 16 ? bits[at - 1] : 0;
            repeated = symbol == 18 ? 11 + (int)take(from, 7)
                                    : 3 + (int)take(from, symbol == 16 ? 2 : 3);
        }
        if (repeated > all - at)
            return 0;
        for (; repeated > 0; repeated--)
            bits[at++] = each;
    }
    return make_code(literals, bits, first, 1) &&
           make_code(distances, bits + first, all - first, 1);
}

/* Make the two codes of blocks that bring none, if they are not made yet. */
static void fixed_codes(code *literals, code *distances)
{
    if (literals->count[7])
        return;
    uint8_t bits[SYMBOLS];
    for (int at = 0; at < SYMBOLS; at++)
        bits[at] = at < 144 ? 8 : at < 256 ? 9 : at < 280 ? 7 : 8;
    make_code(literals, bits, SYMBOLS, 0);
    memset(bits, 5, 32);
    make_code(distances, bits, 32, 0);
}

/* Unpack a block behind `done` bytes of `to`. Return how many there are then, or -1. */
static int unpack(source *rest, const code *literals, const code *distances, uint8_t *to, int done)
{
    source from = *rest; /* which stays in registers: `to` might be where `rest` is */
    for (;;) {
        /* The most bits of a length and a distance: 15 + 5 + 15 + 13 */
        if (from.count < 48 && !refill(&from))
            return -1;
        int symbol = decode(literals, &from);
        if (symbol == 256) {
            *rest = from;
            return done;
        }
        if (symbol < 0 || symbol > 285 || done == FILTERED)
            return -1;
        if (symbol < 256) {
            to[done++] = (uint8_t)symbol;
            continue;
        }
        /* 257 is a length of 3, and 285 one of 258. From 265 on, each four have one bit more. */
        int more = symbol < 265 || symbol == 285 ? 0 : (symbol - 261) >> 2;
        int length = symbol < 265 ? symbol - 254 : (4 + ((symbol - 261) & 3)) << more;
        if (symbol >= 265)
            length = symbol == 285 ? 258 : length + 3;
        length += (int)take(&from, more);
        /* 0 is a distance of 1. From 4 on, each two have one bit more. */
        symbol = decode(distances, &from);
        if (symbol < 0 || symbol > 29)
            return -1;
        more = symbol < 4 ? 0 : (symbol >> 1) - 1;
        int distance = symbol < 4 ? symbol + 1 : ((2 + (symbol & 1)) << more) + 1;
        distance += (int)take(&from, more);
        if (distance > done || length > FILTERED - done)
            return -1;
        if (distance == 1) {
            memset(to + done, to[done - 1], (size_t)length);
            done += length;
        } else {
            for (; length > 0; length--, done++)
                to[done] = to[done - distance];
        }
    }
}

/* Unpack a stored block behind `done` bytes of `to`. Return how many there are then, or -1. */
static int copy(source *from, uint8_t *to, int done)
{
    take(from, from->count & 7);
    if (!refill(from))
        return -1;
    int length = (int)take(from, 16);
    if (length != (int)(~take(from, 16) & 0xFFFF))
        return -1;
    const uint8_t *stored = from->next - from->count / 8;
    if (stored > from->end || length > from->end - stored || length > FILTERED - done)
        return -1;
    memcpy(to + done, stored, (size_t)length);
    from->next = stored + length;
    from->bits = 0;
    from->count = 0;
    return done + length;
}

/* Unpack all blocks to FILTERED bytes. Return 0 where there are more or fewer, or a block is none.
 * fixed: space for the codes of blocks that bring none, which begins with 0. */
static int inflate(source *from, code fixed[2], uint8_t *to)
{
    code own[2];
    uint32_t last;
    int done = 0;
    do {
        if (!refill(from))
            return 0;
        last = take(from, 1);
        uint32_t kind = take(from, 2);
        if (kind == 0) {
            done = copy(from, to, done);
        } else if (kind == 1) {
            fixed_codes(fixed, fixed + 1);
            done = unpack(from, fixed, fixed + 1, to, done);
        } else if (kind == 2 && read_codes(from, own, own + 1)) {
            done = unpack(from, own, own + 1, to, done);
        } else {
            return 0;
        }
    } while (!last && done >= 0);
    return done == FILTERED;
}

/* Return whether a stream of zlib holds FILTERED bytes, which are written. */
static int unpacked(const uint8_t *stream, int32_t size, code fixed[2], uint8_t *to)
{
    source from = {stream, stream + size, 0, 0};
    uint32_t sum = 1, weighed = FILTERED, head, check;
    if (!refill(&from))
        return 0;
    head = take(&from, 8) << 8;
    head |= take(&from, 8);
    /* Method 8, a window of at most 32 KiB, no dictionary, and a check of these. */
    if ((head >> 8 & 15) != 8 || head >> 12 > 7 || (head & 32) || head % 31)
        return 0;
    if (!inflate(&from, fixed, to))
        return 0;
    for (int at = 0; at < FILTERED; at++) { /* Adler-32: less than 2^28 */
        sum += to[at];
        weighed += (uint32_t)(FILTERED - at) * to[at];
    }
    take(&from, from.count & 7);
    if (!refill(&from))
        return 0;
    check = take(&from, 8) << 24;
    check |= take(&from, 8) << 16;
    check |= take(&from, 8) << 8;
    check |= take(&from, 8);
    return check == (weighed % 65521 << 16 | sum % 65521) &&
           from.next - from.count / 8 <= from.end;
}

static int decoded(const uint8_t *data, int32_t size, code fixed[2], uint8_t *pixels)
{
    static const uint8_t BEGIN[33] = {
        0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n', 0, 0, 0, 13,   'I',  'H',  'D',  'R', 0,
        0,    0,   28,  0,   0,    0,    28,   8,    0, 0, 0, 0, 0x57, 0x66, 0x80, 0x48};
    static const uint8_t END[12] = {0, 0, 0, 0, 'I', 'E', 'N', 'D', 0xAE, 'B', '`', 0x82};
    static const uint8_t IDAT[4] = {'I', 'D', 'A', 'T'};
    uint8_t filtered[FILTERED];
    int32_t length = size - HEAD - TAIL;
    if (size > MOST || length < 0 || memcmp(data, BEGIN, sizeof BEGIN) || data[33] || data[34] ||
        data[35] << 8 != (length & 0xFF00) || data[36] != (length & 0xFF) ||
        memcmp(data + 37, IDAT, sizeof IDAT) || memcmp(data + size - sizeof END, END, sizeof END))
        return 0;
    return unpacked(data + HEAD, length, fixed, filtered) &&
           png_unfilter(filtered, SIDE, SIDE, 1, pixels);
}

/* Decode a file. Return 0 for any other file, and for a damaged one. */
int digit_png_decode(const uint8_t *data, int32_t size, uint8_t *pixels)
{
    code fixed[2];
    fixed->count[7] = 0;
    return decoded(data, size, fixed, pixels);
}

#if !defined(_WIN32)

/* Read a regular file of at most MOST bytes. Return its size, or 0 for anything else. */
static int32_t read_file(const char *name, int regular, uint8_t *to)
{
    struct stat status;
    /* To open a FIFO would disturb its writer. */
    if (!regular && (stat(name, &status) || !S_ISREG(status.st_mode)))
        return 0;
    int file = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ssize_t size = 0;
    if (file < 0)
        return 0;
    if (!fstat(file, &status) && S_ISREG(status.st_mode) && status.st_size <= MOST)
        size = read(file, to, MOST + 1);
    close(file);
    return size > 0 && size == status.st_size ? (int32_t)size : 0;
}

/* Read the files of `count` names, each of which ends with a NUL. pixels: [count, 28, 28]; taken:
 * [count], all 0; a 1 is written for each picture that is decoded. It stops early where so many
 * files were others that few of the rest will be digits. at: NULL, or where the number of the picture that
 * is being read is written: `first` + its place, and -1 at the end. */
void digit_png_read(const char *names, int32_t count, int regular, uint8_t *pixels, uint8_t *taken,
                    volatile int64_t *at, int64_t first)
{
    uint8_t data[MOST + 1];
    code fixed[2];
    int32_t others = 8;
    fixed->count[7] = 0;
    errno = 0;
    for (int32_t place = 0; place < count && others > 0 && errno != EINTR; place++) {
        if (at)
            *at = first + place;
        int32_t size = read_file(names, regular, data);
        taken[place] = (uint8_t)decoded(data, size, fixed, pixels + (size_t)place * SIDE * SIDE);
        others += taken[place] ? 1 : -1;
        names += strlen(names) + 1;
    }
    if (at)
        *at = -1;
}

#endif
