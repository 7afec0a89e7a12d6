/* Reads streams from standard input and writes what digit_png.c makes of each: an int32_t that says
 * whether it took it as the blocks of RFC 1951, one with the bytes that it used, one that says
 * whether it took it as a stream of zlib, and FILTERED bytes. Each stream is an int32_t with its
 * size, and its bytes.
 *
 * The stream has exactly the bytes behind it that it may read, and the pixels have as many as are
 * asked for, so that AddressSanitizer sees each access beyond them.
 */
#include "digit_png.c"

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    int32_t size;
    while (fread(&size, sizeof size, 1, stdin) == 1) {
        uint8_t *stream = malloc((size_t)size + TAIL), *to = calloc(FILTERED, 1);
        if (!stream || !to || fread(stream, 1, (size_t)size, stdin) != (size_t)size)
            return 2;
        memset(stream + size, 0x5A, TAIL);
        code fixed[2];
        fixed->count[7] = 0;
        source from = {stream, stream + size, 0, 0};
        int32_t answer[3] = {inflate(&from, fixed, to), 0, 0};
        const uint8_t *end = from.next - from.count / 8;
        answer[0] = answer[0] && end <= from.end;
        answer[1] = answer[0] ? (int32_t)(end - stream) : 0;
        answer[2] = unpacked(stream, size, fixed, answer[0] ? (uint8_t[FILTERED]){0} : to);
        fwrite(answer, sizeof answer, 1, stdout);
        fwrite(to, FILTERED, 1, stdout);
        free(stream);
        free(to);
    }
    return 0;
}
