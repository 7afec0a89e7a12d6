/* Reads pictures from standard input and writes what fit_digit makes of each: an int that says
 * whether it took the picture, then the result. Each picture is seven int32_t (width, height,
 * channels, stride, how, invert, bytes) and its bytes.
 *
 * Picture and workspace have exactly the bytes that are asked for, so that AddressSanitizer sees
 * each access beyond them, and the workspace is at an odd address.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fit.h"

static uint8_t fixed[FIT_WORKSPACE(96, 80, 1)]; /* the size is a constant, as devices need it */

int main(void)
{
    int32_t header[7];
    if (sizeof fixed != fit_workspace(96, 80, 1))
        return 2;
    while (fread(header, sizeof header, 1, stdin) == 1) {
        size_t bytes = (size_t)header[6], space = 0;
        if (header[0] > 0 && header[1] > 0 && bytes)
            space = fit_workspace(header[0], header[1], header[2]);
        uint8_t *pixels = malloc(bytes), *workspace = malloc(space + 1);
        fit_result result;
        memset(&result, 0, sizeof result);
        if ((bytes && !pixels) || !workspace || fread(pixels, 1, bytes, stdin) != bytes)
            return 3;
        memset(workspace, 0xA5, space + 1);
        int taken = fit_digit(pixels, header[0], header[1], header[2], (size_t)header[3], header[4],
                              header[5], workspace + 1, &result);
        fwrite(&taken, sizeof taken, 1, stdout);
        fwrite(&result, sizeof result, 1, stdout);
        free(pixels);
        free(workspace);
    }
    return 0;
}
