/* Fit: from any picture of a digit to a model input of 28×28. See fit.h.
 *
 * The definition is in Python: runtime/tinydigits/fitting.py, ink.py, pieces.py and resampling.py.
 * A function here has the name that it has there, and the reasons for each step are given there.
 * Here, comments say why no number overflows and no index leaves its array.
 *
 * All numbers are whole. A division of two of them rounds down, as in Python: wherever the
 * dividend can be negative, that is taken care of. Pixels are at most FIT_MOST_PIXELS = 2²⁸, and
 * so at most 255 · 2²⁸ < 2³⁶ is ever summed over a picture: int64_t or uint64_t holds it.
 */
#include "fit.h"

#include <stdbool.h>

#if defined(__GNUC__) || defined(_MSC_VER)
#define RESTRICT __restrict /* C++ has no `restrict`; with it, loops over rows are vectorised */
#else
#define RESTRICT
#endif

/* fitting.py */
#define SIDE FIT_MODEL_SIDE
#define BOX 20
#define WORK_SIDE 128
#define CLOSER 64
#define TOO_SMALL 8
#define STROKE 77
#define WIDTH 8
#define OFF_CENTRE 6
#define DARK_BORDER 16
/* ink.py */
#define MIN_CONTRAST 14
#define NOISE_FACTOR 5
#define FAINTEST 36
#define STRONGEST 24
#define STRONGEST_REDUCED 6
#define SAMPLE 64
#define SURE 16
static const int32_t WIDEST[2] = {10, 64};
static const int32_t REACH[2] = {5, 32};
#define LEAST_REACH 3
/* pieces.py */
#define LINED 24
#define GRID 64
static const int32_t LEVELS[2] = {80, 128};
#define SPECK 35
#define PART 180
#define HUGGING 6
#define NEAR 16
#define FAR 30
#define CURVED 40
#define SURROUNDED 8
#define STRAIGHT 60
#define LEAN 10
#define RULED 85
#define SLOPES (2 * LEAN + 1)

/* A picture that is decoded: what the caller gave, or a part of it, or a grey one in the
 * workspace. Nothing of it is copied; row_of gives one row after another. */
typedef struct {
    const uint8_t *pixels;
    size_t stride;
    int32_t height, width;
    int32_t channels; /* as stored: 1, 3 or 4 */
    int32_t bands;    /* that count: 1 where all are equal, else 3 */
    int32_t step;     /* from pixel to pixel in a row of row_of: bands, or 4 where all are opaque */
    int32_t ground;   /* 0 or 255: what transparent pixels are laid over */
    uint8_t *row;     /* [3 · width], unless there is one channel */
    uint32_t *columns; /* [step · width]: sums down the columns; `row` is the last of four */
} Picture;

/* A grey picture in the workspace: at most 255 px a side, but for what is added around it. */
typedef struct {
    uint8_t *levels;
    int32_t height, width;
    int32_t stride;
} Grey;

/* What is left of the workspace. It is passed by value: what a function takes of it is free again
 * when the function returns. */
typedef struct {
    uint8_t *free;
} Space;

static void *taken(Space *space, int32_t bytes)
{
    uintptr_t address = (uintptr_t)space->free;
    uint8_t *start = space->free + (4 - address % 4) % 4;
    space->free = start + bytes;
    return start;
}

static int32_t least_of(int32_t a, int32_t b) { return a < b ? a : b; }
static int32_t most_of(int32_t a, int32_t b) { return a > b ? a : b; }
static int32_t parts_of(int32_t length, int32_t side) { return (length + side - 1) / side; }
static int32_t longer_of(int32_t height, int32_t width) { return most_of(height, width); }

static void filled(uint8_t *to, int32_t count, uint8_t level)
{
    for (int32_t at = 0; at < count; at++)
        to[at] = level;
}

static void copied(uint8_t *RESTRICT to, const uint8_t *RESTRICT from, int32_t count)
{
    for (int32_t at = 0; at < count; at++)
        to[at] = from[at];
}

static void inverted(uint8_t *levels, int32_t count)
{
    for (int32_t at = 0; at < count; at++)
        levels[at] = (uint8_t)(255 - levels[at]);
}

/* Return row y as [width · step], flattened: in the picture itself where nothing is to be done. */
static const uint8_t *row_of(const Picture *picture, int32_t y)
{
    const uint8_t *from = picture->pixels + (size_t)y * picture->stride;
    int32_t channels = picture->channels, bands = picture->bands;
    if (channels == picture->step)
        return from;
    uint8_t *to = picture->row;
    for (int32_t x = 0; x < picture->width; x++) {
        /* At most 255 · 255 + 127, whatever the ground is. */
        uint32_t alpha = channels == 4 ? from[channels * x + 3] : 255;
        uint32_t under = (255 - alpha) * (uint32_t)picture->ground + 127;
        for (int32_t band = 0; band < bands; band++)
            to[bands * x + band] = (uint8_t)((from[channels * x + band] * alpha + under) / 255);
    }
    return to;
}

/* ---- resampling.py ---- */

/* Write the means of blocks of `count` pixels, from the sums of their columns: those of each band
 * lie together, `plane` bytes from those of the one before. */
static void means_of_sums(const Picture *picture, const uint32_t *columns, int32_t blocks,
                          int32_t across, uint32_t count, uint8_t *to, int32_t plane)
{
    /* A sum is below 256 · count. The reciprocal is too large by at most 1, and so the product by
     * less than 256 · count: as long as that is below 2³² ÷ count, it does not matter. */
    uint64_t reciprocal = ((uint64_t)1 << 32) / count + 1;
    int32_t step = picture->step;
    for (int32_t block = 0; block < blocks; block++, columns += across * step) {
        for (int32_t band = 0; band < picture->bands; band++) {
            uint32_t sum = count / 2;
            for (int32_t x = 0; x < across; x++)
                sum += columns[x * step + band];
            to[band * plane + block] = (uint8_t)(count < 4096 ? (sum * reciprocal) >> 32
                                                              : sum / count);
        }
    }
}

static void added(uint32_t *RESTRICT sums, const uint8_t *RESTRICT row, int32_t count)
{
    for (int32_t at = 0; at < count; at++)
        sums[at] += row[at];
}

/* Write every `step`th level and, where there are three bands, likewise the next one and the one
 * after that. */
static void parted(const uint8_t *levels, int32_t count, int32_t step, int32_t bands, uint8_t *to,
                   int32_t plane)
{
    if (bands == 1) {
        for (int32_t at = 0; at < count; at++)
            to[at] = levels[at * step];
        return;
    }
    uint8_t *RESTRICT first = to, *RESTRICT second = to + plane, *RESTRICT third = to + 2 * plane;
    for (int32_t at = 0; at < count; at++, levels += step) {
        first[at] = levels[0];
        second[at] = levels[1];
        third[at] = levels[2];
    }
}

#define NARROW 4 /* px: a block of so many a side, and its sum, is known to be small */

static void added_to(uint16_t *RESTRICT sums, const uint8_t *RESTRICT row, int32_t count)
{
    for (int32_t at = 0; at < count; at++)
        sums[at] = (uint16_t)(sums[at] + row[at]);
}

/* Write the means of whole blocks of side × side pixels, side at most NARROW: as in means_of_sums,
 * but for each place where a block could begin, since that many are counted at once. sums: twice
 * [width · step]. A sum is at most 16 · 255 + 8, and the reciprocal too large by at most 1: their
 * product is too large by less than 2¹⁶ ÷ 16, which does not matter. */
static void narrow_means(const Picture *picture, int32_t top, int32_t side, uint16_t *sums,
                         uint8_t *to, int32_t plane)
{
    int32_t step = picture->step, values = picture->width * step;
    int32_t places = values - (side - 1) * step;
    uint16_t *RESTRICT columns = sums, *RESTRICT means = sums + values;
    uint16_t half = (uint16_t)(side * side / 2);
    uint16_t reciprocal = (uint16_t)(65536 / (side * side) + 1);
    for (int32_t at = 0; at < values; at++)
        columns[at] = half;
    for (int32_t y = top; y < top + side; y++)
        added_to(columns, row_of(picture, y), values);
    const uint16_t *second = columns + step, *third = second + step, *fourth = third + step;
    half = (uint16_t)(half * (side - 1)); /* it was added in each column */
    for (int32_t at = 0; at < places && side == 2; at++) {
        uint16_t sum = (uint16_t)(columns[at] + second[at] - half);
        means[at] = (uint16_t)((uint32_t)sum * reciprocal >> 16);
    }
    for (int32_t at = 0; at < places && side == 3; at++) {
        uint16_t sum = (uint16_t)(columns[at] + second[at] + third[at] - half);
        means[at] = (uint16_t)((uint32_t)sum * reciprocal >> 16);
    }
    for (int32_t at = 0; at < places && side == 4; at++) {
        uint16_t sum = (uint16_t)(columns[at] + second[at] + third[at] + fourth[at] - half);
        means[at] = (uint16_t)((uint32_t)sum * reciprocal >> 16);
    }
    uint8_t *RESTRICT levels = (uint8_t *)columns; /* no longer needed: 2 · values bytes */
    for (int32_t at = 0; at < places; at++)
        levels[at] = (uint8_t)means[at];
    parted(levels, picture->width / side, side * step, picture->bands, to, plane);
}

/* Write [bands, ceil(height / side), ceil(width / side)]. `side` is at most 1/64 of the longer
 * side (1/128 of a picture's), so a block has at most 2²⁸ ÷ 64 pixels = 2²²: its sum is below 2³². */
static void block_means(const Picture *picture, int32_t side, uint8_t *to)
{
    int32_t step = picture->step, width = picture->width, values = width * step;
    int32_t blocks = width / side, cut = width % side; /* what is left at the right */
    int32_t row = blocks + (cut > 0), plane = parts_of(picture->height, side) * row;
    uint32_t *columns = picture->columns;
    for (int32_t top = 0; top < picture->height; top += side, to += row) {
        int32_t rows = least_of(side, picture->height - top);
        if (side == 1) {
            parted(row_of(picture, top), width, step, picture->bands, to, plane);
            continue;
        }
        bool narrow = side <= NARROW && rows == side && blocks > 0;
        if (narrow)
            narrow_means(picture, top, side, (uint16_t *)columns, to, plane);
        if (narrow && cut == 0)
            continue;
        int32_t from = narrow ? (width - cut) * step : 0;
        for (int32_t at = from; at < values; at++)
            columns[at] = 0;
        for (int32_t y = top; y < top + rows; y++)
            added(columns + from, row_of(picture, y) + from, values - from);
        if (!narrow)
            means_of_sums(picture, columns, blocks, side, (uint32_t)(rows * side), to, plane);
        if (cut > 0)
            means_of_sums(picture, columns + blocks * side * step, 1, cut,
                          (uint32_t)(rows * cut), to + blocks, plane);
    }
}

/* Write the higher of each level and that of another row, or of 255 minus it: flip is 0 or 255. */
static void raised(uint8_t *RESTRICT highest, const uint8_t *RESTRICT row, int32_t count,
                   uint8_t flip)
{
    for (int32_t at = 0; at < count; at++) {
        uint8_t level = row[at] ^ flip;
        highest[at] = highest[at] > level ? highest[at] : level;
    }
}

/* Write the highest level of each block or, where flip is 255, the lowest: 255 - block_maxima of
 * 255 - picture, [bands, ceil(height / side), ceil(width / side)]. lines: [2, width · step]. */
static void block_maxima(const Picture *picture, int32_t side, uint8_t flip, uint8_t *lines,
                         uint8_t *to)
{
    int32_t step = picture->step, values = picture->width * step;
    int32_t across = parts_of(picture->width, side);
    int32_t plane = parts_of(picture->height, side) * across;
    uint8_t *line = lines, *blocks = lines + values;
    for (int32_t top = 0; top < picture->height; top += side, to += across) {
        int32_t bottom = least_of(top + side, picture->height);
        filled(line, values, 0);
        for (int32_t y = top; y < bottom; y++)
            raised(line, row_of(picture, y), values, flip);
        copied(blocks, line, values);
        for (int32_t x = step; x < side * step && x < values; x += step)
            raised(blocks, line + x, values - x, 0);
        for (int32_t at = 0; at < values && flip; at++)
            blocks[at] ^= flip;
        parted(blocks, across, side * step, picture->bands, to, plane);
    }
}

static Picture as_picture(Grey grey, uint32_t *columns)
{
    Picture picture = {grey.levels, (size_t)grey.stride, grey.height, grey.width, 1, 1, 1, 0, 0, 0};
    picture.columns = columns;
    return picture;
}

static void luminance(const uint8_t *row, int32_t width, int32_t step, uint8_t *to);

static void weighed(uint32_t *RESTRICT sums, const uint8_t *RESTRICT row, int32_t count,
                    int32_t weight)
{
    for (int32_t at = 0; at < count; at++)
        sums[at] += (uint16_t)(row[at] * weight); /* weight: at most SIDE */
}

/* How much of 0 … 1, stretched to `parts` times its length, lies in the strip from `from` to `to`:
 * the weight of a row or column in area_means. */
static int32_t overlap(int32_t at, int32_t parts, int32_t from, int32_t to)
{
    return least_of((at + 1) * parts, to) - most_of(at * parts, from);
}

/* Scale to [height, width], both at most SIDE. With FIT_MOST_SIDE = 2²⁴, sides times parts are below
 * 2²⁹; a column sum, whose weights sum to the picture's height, is at most 255 · 2²⁴ < 2³². */
static void area_means(const Picture *picture, int32_t height, int32_t width, uint8_t *to)
{
    uint64_t count = (uint64_t)picture->height * (uint64_t)picture->width;
    uint32_t *columns = picture->columns;
    for (int32_t place = 0; place < height; place++) {
        int32_t from = place * picture->height, end = from + picture->height;
        for (int32_t x = 0; x < picture->width; x++)
            columns[x] = 0;
        for (int32_t y = from / height; y * height < end; y++) {
            const uint8_t *row = row_of(picture, y);
            if (picture->bands == 3) {
                luminance(row, picture->width, picture->step, picture->row);
                row = picture->row;
            }
            weighed(columns, row, picture->width, overlap(y, height, from, end));
        }
        for (int32_t across = 0; across < width; across++) {
            int32_t left = across * picture->width, right = left + picture->width;
            uint64_t sum = count / 2;
            for (int32_t x = left / width; x * width < right; x++)
                sum += (uint64_t)columns[x] * (uint32_t)overlap(x, width, left, right);
            if (count < (uint64_t)1 << 24) /* a mean of levels: 32 bits divide it faster */
                *to++ = (uint8_t)((uint32_t)sum / (uint32_t)count);
            else
                *to++ = (uint8_t)(sum / count);
        }
    }
}

/* Write the higher of each level and the one `step` further on; to and from do not overlap. */
static void raised_by_next(uint8_t *RESTRICT to, const uint8_t *RESTRICT from, int32_t count,
                           int32_t step)
{
    for (int32_t at = 0; at < count; at++)
        to[at] = from[at] > from[at + step] ? from[at] : from[at + step];
}

/* Rows that are added above and below, or columns, so that each window is whole. A window that
 * reaches over all of a picture need not reach further. */
static int32_t margin_of(int32_t length, int32_t reach) { return least_of(reach, length - 1); }

#define TOGETHER 4 /* lines that are dilated at once: they and their copies have 2 · 4 · 335 bytes */

/* Replace each level by the highest within `reach`, in a square. padded: [height + 2 · margin,
 * width], the picture in the rows from `margin` on; the result lies in the rows from 0 on. */
static void dilated(uint8_t *padded, int32_t height, int32_t width, int32_t reach, Space space)
{
    int32_t margin = margin_of(height, reach), window = 2 * margin + 1, step = 1;
    int32_t rows = height + 2 * margin;
    filled(padded, margin * width, 0);
    filled(padded + (margin + height) * width, margin * width, 0);
    while (step < window) { /* window by window twice as wide; the last of what is left */
        int32_t next = least_of(step, window - step);
        rows -= next;
        for (int32_t y = 0; y < rows; y += next) /* as many rows as do not overlap */
            raised(padded + y * width, padded + (y + next) * width,
                   least_of(next, rows - y) * width, 0);
        step += next;
    }
    margin = margin_of(width, reach), window = 2 * margin + 1;
    int32_t across = width + 2 * margin;
    uint8_t *line = (uint8_t *)taken(&space, TOGETHER * across);
    uint8_t *other = (uint8_t *)taken(&space, TOGETHER * across);
    for (int32_t y = 0; y < height && margin > 0; y += TOGETHER) {
        int32_t lines = least_of(TOGETHER, height - y), columns = lines * across;
        filled(line, columns, 0);
        for (int32_t at = 0; at < lines; at++)
            copied(line + at * across + margin, padded + (y + at) * width, width);
        for (step = 1; step < window;) {
            /* A level that takes of the next line is one of the last 2 · margin in its own. */
            int32_t next = least_of(step, window - step);
            columns -= next;
            step += next;
            raised_by_next(other, line, columns, next);
            uint8_t *swapped = line;
            line = other;
            other = swapped;
        }
        for (int32_t at = 0; at < lines; at++)
            copied(padded + (y + at) * width, line + at * across, width);
    }
}

/* Return the picture closed, or 255 - picture: [height, width] in the space, which thereby is
 * taken. It takes (height + 2 · reach) · width bytes. */
static uint8_t *closed(Grey grey, int32_t reach, bool invert, Space *space)
{
    int32_t height = grey.height, width = grey.width, margin = margin_of(height, reach);
    uint8_t *padded = (uint8_t *)taken(space, (height + 2 * margin) * width);
    for (int32_t y = 0; y < height; y++) {
        copied(padded + (margin + y) * width, grey.levels + y * grey.stride, width);
        if (invert)
            inverted(padded + (margin + y) * width, width);
    }
    dilated(padded, height, width, reach, *space);
    for (int32_t y = height - 1; y >= 0; y--) {
        if (margin > 0)
            copied(padded + (margin + y) * width, padded + y * width, width);
        inverted(padded + (margin + y) * width, width);
    }
    dilated(padded, height, width, reach, *space);
    inverted(padded, height * width);
    return padded;
}

/* ---- ink.py ---- */

/* Return the level that has at least `place` of the counted pixels at or above it. */
static int32_t level_from_top(const uint32_t *counts, int32_t place)
{
    int32_t level = 255;
    uint32_t above = counts[255];
    while (above < (uint32_t)place && level > 0)
        above += counts[--level];
    return level;
}

static uint32_t *no_counts(Space *space)
{
    uint32_t *counts = (uint32_t *)taken(space, 256 * 4);
    for (int32_t level = 0; level < 256; level++)
        counts[level] = 0;
    return counts;
}

/* Count the levels of at most 255 × 255 pixels: a uint16_t holds all of them. Four counts at once,
 * since equal neighbours would otherwise wait for each other. */
static uint32_t *counts_of(const uint8_t *levels, int32_t size, Space *space)
{
    uint32_t *counts = no_counts(space);
    Space own = *space;
    uint16_t *parts = (uint16_t *)taken(&own, 4 * 256 * 2);
    for (int32_t at = 0; at < 4 * 256; at++)
        parts[at] = 0;
    int32_t at = 0;
    for (; at + 4 <= size; at += 4) {
        parts[levels[at]]++;
        parts[256 + levels[at + 1]]++;
        parts[512 + levels[at + 2]]++;
        parts[768 + levels[at + 3]]++;
    }
    for (; at < size; at++)
        parts[levels[at]]++;
    for (int32_t level = 0; level < 256; level++)
        counts[level] = (uint32_t)parts[level] + parts[256 + level] + parts[512 + level]
                        + parts[768 + level];
    return counts;
}

/* Return the upper median of `count` levels, `step` bytes from one to the next. */
static int32_t median(const uint8_t *levels, int32_t count, int32_t step, Space space)
{
    uint32_t *counts = no_counts(&space);
    for (int32_t at = 0; at < count; at++)
        counts[levels[at * step]]++;
    return level_from_top(counts, count - count / 2);
}

/* Write how much brighter each line along an axis is than the middle, or 0 where the light has no
 * even slope. Line `at` begins at levels[at · down] and has
 * `count` levels, `across` from one to the next. Return whether any is not 0. */
static bool slope_of(const uint8_t *levels, int32_t lines, int32_t down, int32_t count,
                     int32_t across, int16_t *slope, Space space)
{
    int32_t first = median(levels, count, across, space);
    int32_t middle = median(levels + lines / 2 * down, count, across, space);
    int32_t last = median(levels + (lines - 1) * down, count, across, space);
    int32_t rise = last - first, length = lines - 1, bend = 2 * middle - first - last;
    bool even = lines > 2 && (bend < 0 ? -bend : bend) * 2 <= (rise < 0 ? -rise : rise);
    for (int32_t at = 0; at < lines; at++) {
        /* At least -length · 255: whole multiples of the divisor make it positive. */
        int32_t product = (2 * at - length) * rise;
        slope[at] = (int16_t)(even ? (product + 2 * length * 255) / (2 * length) - 255 : 0);
    }
    return even && rise != 0;
}

/* Subtract an even slope of the light. */
static void levelled(Grey grey, Space space)
{
    int32_t height = grey.height, width = grey.width;
    int16_t *down = (int16_t *)taken(&space, 2 * height);
    int16_t *across = (int16_t *)taken(&space, 2 * width);
    bool falls = slope_of(grey.levels, height, grey.stride, width, 1, down, space);
    bool leans = slope_of(grey.levels, width, 1, height, grey.stride, across, space);
    if (!falls && !leans)
        return;
    for (int32_t y = 0; y < height; y++) {
        uint8_t *RESTRICT row = grey.levels + y * grey.stride;
        for (int32_t x = 0; x < width; x++) {
            int16_t level = (int16_t)(row[x] - (int16_t)(down[y] + across[x]));
            level = level < 0 ? 0 : level;
            row[x] = (uint8_t)(level > 255 ? 255 : level);
        }
    }
}

/* Give the middle of the shortest interval of levels that holds a third of the pixels, and its
 * width. One pointer goes after the other: `held` pixels have a level from `first` to below `end`. */
static void paper(const uint32_t *counts, uint32_t size, int32_t *middle, int32_t *spread)
{
    uint32_t wanted = (size + 2) / 3, held = 0;
    int32_t end = 0, shortest = 257;
    for (int32_t first = 0; first < 256; first++) {
        while (end < 256 && held < wanted)
            held += counts[end++];
        if (held < wanted)
            break; /* nor do later intervals hold so many; the first one did */
        if (end - first < shortest) {
            shortest = end - first;
            *middle = (first + end - 1) / 2;
            *spread = end - 1 - first;
        }
        held -= counts[first]; /* end > first, since wanted is at least 1 */
    }
}

/* Replace each level by how far it is below the paper: a closing is never below the picture. */
static void below_paper(Grey grey, int32_t reach, Space space)
{
    const uint8_t *RESTRICT closing = closed(grey, reach, false, &space);
    uint8_t *RESTRICT levels = grey.levels;
    for (int32_t at = 0; at < grey.height * grey.width; at++)
        levels[at] = (uint8_t)(closing[at] - levels[at]);
}

/* Turn a grey picture, as it lies in the workspace, into its ink. Return the lowest level above 0
 * that can occur, or 0 where there is no ink. */
static int32_t find_ink(Grey grey, bool dark, bool reduced, Space space)
{
    int32_t size = grey.height * grey.width;
    int32_t longer = longer_of(grey.height, grey.width);
    int32_t reach = most_of(LEAST_REACH, longer * REACH[0] / REACH[1]);
    if (!dark)
        inverted(grey.levels, size);
    levelled(grey, space);
    below_paper(grey, reach, space);
    uint32_t *counts = counts_of(grey.levels, size, &space);
    int32_t offset = 0, spread = 0;
    paper(counts, (uint32_t)size, &offset, &spread);
    int32_t noise = spread * 800 / 86;
    int32_t enough = most_of(1, least_of(reduced ? STRONGEST_REDUCED : STRONGEST, size / 64));
    int32_t strongest = level_from_top(counts, enough) - offset;
    if (strongest * 8 < most_of(MIN_CONTRAST * 8, NOISE_FACTOR * noise))
        return 0;
    int32_t faintest = most_of(FAINTEST, 3 * noise * 255 / (8 * strongest));
    uint8_t *table = (uint8_t *)taken(&space, 256);
    for (int32_t depth = 0; depth < 256; depth++) {
        int32_t level = depth > offset ? least_of((depth - offset) * 255 / strongest, 255) : 0;
        table[depth] = (uint8_t)(level < faintest ? 0 : level);
    }
    for (int32_t at = 0; at < size; at++)
        grey.levels[at] = table[grey.levels[at]];
    return faintest;
}

typedef struct {
    int32_t red, green, blue;
    int64_t energy;
} Mix;

/* Weigh the moments of the colours' departures. A sample has at most 127 × 127 px, a product is at
 * most 255², and a weight at most 2: the energy is at most 90 · 36 · 2³⁰. */
static Mix mix_of(int32_t red, int32_t green, int32_t blue, const int64_t *moments)
{
    Mix mix = {red, green, blue, 0};
    const int32_t weights[3] = {red, green, blue};
    for (int32_t a = 0; a < 3; a++)
        for (int32_t b = 0; b < 3; b++)
            mix.energy += weights[a] * moments[3 * a + b] * weights[b];
    mix.energy *= 90 / (red * red + green * green + blue * blue); /* a whole number */
    return mix;
}

static int32_t product_of(const uint8_t *one, const uint8_t *two, int32_t count)
{
    int32_t sum = 0; /* at most 31 · 31 · 255² */
    for (int32_t at = 0; at < count; at++)
        sum += (int16_t)one[at] * (int16_t)two[at];
    return sum;
}

/* Sum the products of how colours depart from those around them, over every `step`th pixel. That
 * is Σ(a - a')(b - b') = Σab - a'Σb - b'Σa + count · a'b', below 2²⁸. colours: [3, height, width].
 * A sample has at most 127 × 127 px, a cell of it 31 × 31. */
static void moments_of(const uint8_t *colours, int32_t height, int32_t width, int64_t *moments,
                       Space space)
{
    int32_t step = most_of(1, longer_of(height, width) / SAMPLE);
    int32_t rows = parts_of(height, step), columns = parts_of(width, step);
    int32_t side = most_of(1, longer_of(rows, columns) / 4);
    uint8_t *cell = (uint8_t *)taken(&space, 3 * side * side);
    for (int32_t at = 0; at < 9; at++)
        moments[at] = 0;
    for (int32_t top = 0; top < rows; top += side) {
        for (int32_t left = 0; left < columns; left += side) {
            int32_t bottom = least_of(top + side, rows), right = least_of(left + side, columns);
            int32_t count = (bottom - top) * (right - left), sums[3], around[3];
            for (int32_t band = 0; band < 3; band++) {
                uint8_t *to = cell + band * count;
                for (int32_t y = top; y < bottom; y++, to += right - left)
                    parted(colours + (band * height + y * step) * width + left * step,
                           right - left, step, 1, to, 0);
                sums[band] = 0;
                for (int32_t at = 0; at < count; at++)
                    sums[band] += cell[band * count + at];
                around[band] = (sums[band] + count / 2) / count;
            }
            for (int32_t a = 0; a < 3; a++) {
                for (int32_t b = 0; b <= a; b++) {
                    int32_t product = product_of(cell + a * count, cell + b * count, count)
                                      - around[a] * sums[b] - around[b] * sums[a]
                                      + count * around[a] * around[b];
                    moments[3 * a + b] += product;
                    moments[3 * b + a] += a == b ? 0 : product;
                }
            }
        }
    }
}

/* Mix the channels so that ink and paper differ most: [3, height, width] → [height, width]. */
static void grey_of(const uint8_t *colours, int32_t height, int32_t width, uint8_t *RESTRICT to,
                    Space space)
{
    int64_t moments[9];
    moments_of(colours, height, width, moments, space);
    Mix best = mix_of(1, 1, 1, moments);
    for (int32_t red = -2; red <= 2; red++) {
        for (int32_t green = -2; green <= 2; green++) {
            for (int32_t blue = -2; blue <= 2; blue++) {
                /* Each direction once. Weights of 0 and ±2 alone have a common divisor. */
                int32_t sum = red + green + blue;
                int32_t first = red != 0 ? red : green != 0 ? green : blue;
                if (sum < 0 || (sum == 0 && first < 0) || !((red | green | blue) & 1))
                    continue;
                Mix mix = mix_of(red, green, blue, moments);
                if (mix.energy > best.energy)
                    best = mix;
            }
        }
    }
    int32_t total = 0, lowest = 0;
    int32_t weights[3] = {best.red, best.green, best.blue};
    for (int32_t band = 0; band < 3; band++) {
        total += weights[band] < 0 ? -weights[band] : weights[band];
        lowest += 255 * least_of(weights[band], 0);
    }
    if (total == 1) { /* twice one weight, which is 1, is the same, and its reciprocal is below 2¹⁶ */
        total = 2;
        for (int32_t band = 0; band < 3; band++)
            weights[band] *= 2;
    }
    /* Divides at most 255 · 6 + 3 by at most 6. The reciprocal is too large by at most 1, and so the
     * product by less than 2¹⁶ ÷ 6, which does not matter. */
    uint16_t reciprocal = (uint16_t)(65536 / total + 1);
    int16_t more = (int16_t)(total / 2 - lowest), red = (int16_t)weights[0];
    int16_t green = (int16_t)weights[1], blue = (int16_t)weights[2];
    int32_t size = height * width;
    const uint8_t *reds = colours, *greens = colours + size, *blues = colours + 2 * size;
    for (int32_t at = 0; at < size; at++) {
        uint16_t mixed = (uint16_t)(reds[at] * red + greens[at] * green + blues[at] * blue + more);
        to[at] = (uint8_t)((uint32_t)mixed * reciprocal >> 16);
    }
}

/* Count the outermost ring of pixels within `ring` pixels of the border. Return how many. */
static int32_t count_border(Grey grey, int32_t ring, uint32_t *counts)
{
    int32_t height = grey.height - 2 * ring, width = grey.width - 2 * ring;
    const uint8_t *first = grey.levels + ring * grey.stride + ring;
    for (int32_t x = 0; x < width; x++) {
        counts[first[x]]++;
        counts[first[(height - 1) * grey.stride + x]]++;
    }
    for (int32_t y = 1; y < height - 1; y++) {
        counts[first[y * grey.stride]]++;
        counts[first[y * grey.stride + width - 1]]++;
    }
    return 2 * width + 2 * most_of(height - 2, 0);
}

/* Tell whether a square of the width of WIDEST lies in the mask: `window` columns next to each
 * other with as many cells of it, one above the other. A mask has at most 64 rows. */
static bool has_square(const uint8_t *mask, int32_t height, int32_t width, Space space)
{
    int32_t reach = longer_of(height, width) * WIDEST[0] / WIDEST[1];
    uint8_t window = (uint8_t)(2 * most_of(LEAST_REACH, reach) + 1);
    uint8_t *RESTRICT above = (uint8_t *)taken(&space, width);
    filled(above, width, 0);
    for (int32_t y = 0; y < height; y++) {
        const uint8_t *RESTRICT row = mask + y * width; /* 0 or 255 */
        uint8_t highest = 0;
        for (int32_t x = 0; x < width; x++) {
            above[x] = (uint8_t)((above[x] + 1) & row[x]);
            highest = highest > above[x] ? highest : above[x];
        }
        int32_t columns = 0;
        for (int32_t x = 0; highest >= window && x < width; x++) {
            columns = above[x] >= window ? columns + 1 : 0;
            if (columns == window)
                return true;
        }
    }
    return false;
}

/* Sum the squares of how much darker thin marks are than their surroundings, or how much brighter:
 * at most 64 · 64 · 255², below 2²⁸. */
static uint32_t marks_of(Grey small, int32_t reach, bool bright, Space space)
{
    const uint8_t *closing = closed(small, reach, bright, &space);
    uint32_t sum = 0;
    for (int32_t at = 0; at < small.height * small.width; at++) {
        int32_t level = bright ? 255 - small.levels[at] : small.levels[at];
        sum += (uint32_t)((closing[at] - level) * (closing[at] - level));
    }
    return sum;
}

/* Decide whether the ink is darker than the paper. `grey` has no rows between its rows. */
static bool ink_is_dark(Grey grey, Space space)
{
    int32_t side = parts_of(longer_of(grey.height, grey.width), SAMPLE);
    Grey small = grey;
    if (side > 1) {
        int32_t height = parts_of(grey.height, side), width = parts_of(grey.width, side);
        uint8_t *levels = (uint8_t *)taken(&space, height * width);
        Space own = space;
        Picture picture = as_picture(grey, (uint32_t *)taken(&own, grey.width * 4));
        block_means(&picture, side, levels);
        small.levels = levels;
        small.height = height;
        small.width = small.stride = width;
    }
    int32_t size = small.height * small.width; /* at most 64 · 64 */
    int32_t narrower = least_of(small.height, small.width);
    int32_t ring = most_of(1, (6 * narrower + 50) / 100);
    uint32_t *counts = no_counts(&space);
    int32_t around = count_border(small, 0, counts);
    if (narrower - 2 * ring > 1)
        around += count_border(small, ring, counts);
    int32_t middle = level_from_top(counts, around - around / 2); /* the upper median */

    uint32_t below = 0, above = 0; /* times SURE, they stay below 2³² */
    counts = counts_of(small.levels, size, &space);
    for (int32_t level = 0; level < 256; level++) {
        uint32_t square = (uint32_t)((level - middle) * (level - middle));
        *(level < middle ? &below : &above) += counts[level] * square;
    }
    bool dark = below > above;
    uint32_t more = dark ? below : above, less = dark ? above : below;
    if (more >= SURE * less) {
        int32_t place = most_of(1, size / 20); /* from the top, or for dark ink from the bottom */
        int32_t full = level_from_top(counts, dark ? size + 1 - place : place);
        full = most_of(0, dark ? middle - full : full - middle);
        uint8_t *RESTRICT mask = (uint8_t *)taken(&space, size);
        const uint8_t *RESTRICT levels = small.levels;
        uint8_t lowest = (uint8_t)most_of(0, middle - full / 2);
        uint8_t highest = (uint8_t)least_of(255, middle + full / 2);
        for (int32_t at = 0; at < size; at++) /* twice the departure is above full */
            mask[at] = (dark ? levels[at] < lowest : levels[at] > highest) ? 255 : 0;
        if (!has_square(mask, small.height, small.width, space))
            return dark;
    }
    int32_t reach = most_of(1, longer_of(small.height, small.width) / 32);
    return marks_of(small, reach, false, space) > marks_of(small, reach, true, space);
}

/* ---- pieces.py ---- */

#define NONE 0xFFFF /* no run; there are at most 64 · 32 */

enum { TOP = 1, LEFT = 2, BOTTOM = 4, RIGHT = 8 };                 /* sides */
enum { IS_HUGGING = 1, IS_NEAR = 2, IS_FAR = 4 };                  /* around the main piece */

typedef struct {
    uint8_t row, first, last; /* `last` is the last column + 1: at most 64 */
    uint16_t link; /* the run above that it is connected with; then its piece; then the next run */
} Run;

typedef struct {
    uint16_t cells, runs; /* `runs` is the first of them */
    uint8_t top, left, bottom, right;
    uint8_t is_frame;
} Piece;

/* The pieces of a grid: list [pieces], and the runs that they are made of. */
typedef struct {
    int32_t height, width; /* of the grid */
    Run *runs;
    Piece *list;
    int32_t pieces;
} Pieces;

static int32_t height_of(const Piece *piece) { return piece->bottom - piece->top; }
static int32_t width_of(const Piece *piece) { return piece->right - piece->left; }
static int32_t extent_of(const Piece *piece)
{
    return longer_of(height_of(piece), width_of(piece));
}

static int32_t sides_of(const Piece *piece, const Pieces *all)
{
    return (piece->top == 0 ? TOP : 0) | (piece->left == 0 ? LEFT : 0)
           | (piece->bottom == all->height ? BOTTOM : 0) | (piece->right == all->width ? RIGHT : 0);
}

static bool is_central(const Piece *piece, const Pieces *all)
{
    int32_t down = all->height / 4, across = all->width / 4;
    for (int32_t at = piece->runs; at != NONE; at = all->runs[at].link) {
        const Run *run = &all->runs[at];
        if (down <= run->row && run->row < all->height - down && run->last > across
            && run->first < all->width - across)
            return true;
    }
    return false;
}

/* Return 0² + 1² + … + (count - 1)², for count up to 64. */
static int32_t squares(int32_t count) { return (count - 1) * count * (2 * count - 1) / 6; }

/* At most 4096 cells with places below 64: sums are below 2²⁴, products of two below 2⁴⁸; spreads
 * are below 2²⁴, and 60 times the product of two is below 2⁵⁴. */
static bool is_straight(const Piece *piece, const Pieces *all)
{
    int64_t x = 0, y = 0, xx = 0, yy = 0, xy = 0, cells = piece->cells;
    for (int32_t at = piece->runs; at != NONE; at = all->runs[at].link) {
        int32_t row = all->runs[at].row, first = all->runs[at].first, last = all->runs[at].last;
        int32_t count = last - first, across = count * (first + last - 1) / 2;
        x += across;
        y += count * row;
        xy += row * across;
        yy += count * row * row;
        xx += squares(last) - squares(first);
    }
    int64_t spread_x = xx - x * x / cells, spread_y = yy - y * y / cells;
    int64_t together = cells * xy - x * y;
    together = (together < 0 ? -together : together) / cells;
    int64_t flatness = spread_x * spread_y - together * together;
    return STRAIGHT * flatness <= (spread_x + spread_y) * (spread_x + spread_y);
}

static void mark(const Piece *piece, const Pieces *all, uint8_t *marks)
{
    for (int32_t at = piece->runs; at != NONE; at = all->runs[at].link) {
        const Run *run = &all->runs[at];
        filled(marks + run->row * all->width + run->first, run->last - run->first, 1);
    }
}

static bool meets(const Piece *piece, const Pieces *all, const uint8_t *marks, int32_t distance)
{
    for (int32_t at = piece->runs; at != NONE; at = all->runs[at].link) {
        const Run *run = &all->runs[at];
        for (int32_t column = run->first; column < run->last; column++)
            if (marks[run->row * all->width + column] & distance)
                return true;
    }
    return false;
}

/* Find the runs of a grid, row by row. Return how many: at most (width + 1) ÷ 2 a row. */
static int32_t runs_of(const uint8_t *grid, int32_t height, int32_t width, Run *runs)
{
    int32_t count = 0;
    for (int32_t row = 0; row < height; row++) {
        const uint8_t *cells = grid + row * width;
        for (int32_t column = 0; column < width; column++) {
            if (!cells[column])
                continue;
            Run *run = &runs[count];
            run->row = (uint8_t)row;
            run->first = (uint8_t)column;
            while (column < width && cells[column])
                column++;
            run->last = (uint8_t)column;
            run->link = (uint16_t)count++;
        }
    }
    return count;
}

static int32_t root(Run *runs, int32_t run)
{
    while (runs[run].link != run) {
        runs[run].link = runs[runs[run].link].link;
        run = runs[run].link;
    }
    return run;
}

/* Connect runs that touch. The first run of a piece is its root, so pieces come in the order of
 * their first runs.
 *
 * Runs (6 bytes) and pieces (10) take at most 4 bytes for each of (height + 1) · (width + 1) cells.
 * No other run has the cell to the right of a run: each run takes 2 cells. Pieces do not touch: no run
 * has the cells below the last run of a piece and to the right of these, and each piece takes 2 cells
 * more. There are at least as many runs as pieces: of each 4 cells come at most 6 + 10 bytes. */
static Pieces pieces_of(const uint8_t *grid, int32_t height, int32_t width, Space *space)
{
    Pieces all = {height, width, 0, 0, 0};
    all.runs = (Run *)taken(space, 0);
    Run *runs = all.runs;
    int32_t count = runs_of(grid, height, width, runs), above = 0, pieces = 0;
    taken(space, count * (int32_t)sizeof(Run));
    for (int32_t at = 0; at < count; at++) {
        const Run *run = &runs[at];
        while (runs[above].row < run->row - 1) /* ends at `at`, if not before */
            above++;
        for (int32_t other = above;
             runs[other].row == run->row - 1 && runs[other].first <= run->last; other++) {
            if (runs[other].last >= run->first) {
                int32_t one = root(runs, other), two = root(runs, at);
                runs[most_of(one, two)].link = (uint16_t)least_of(one, two);
            }
        }
        while (runs[above].row == run->row - 1 && runs[above].last < run->first)
            above++;
    }
    for (int32_t at = 0; at < count; at++)
        pieces += runs[at].link == at;
    all.list = (Piece *)taken(space, pieces * (int32_t)sizeof(Piece));
    for (int32_t at = 0; at < count; at++) { /* link: from the run above to the piece */
        Run *run = &runs[at];
        if (run->link == at) {
            Piece piece = {0, NONE, run->row, run->first, run->row, run->last, 0};
            all.list[all.pieces] = piece;
            run->link = (uint16_t)all.pieces++;
        } else {
            run->link = runs[run->link].link; /* an earlier run: its link is a piece already */
        }
        Piece *piece = &all.list[run->link];
        piece->cells = (uint16_t)(piece->cells + run->last - run->first);
        piece->left = (uint8_t)least_of(piece->left, run->first);
        piece->right = (uint8_t)most_of(piece->right, run->last);
        piece->bottom = (uint8_t)(run->row + 1);
    }
    for (int32_t at = count - 1; at >= 0; at--) { /* link: from the piece to its next run */
        Piece *piece = &all.list[runs[at].link];
        runs[at].link = piece->runs;
        piece->runs = (uint16_t)at;
    }
    return all;
}

static bool is_wall(const uint8_t *wall, int32_t length)
{
    int32_t sum = 0;
    for (int32_t at = 0; at < length; at++)
        sum += wall[at];
    return 10 * sum >= 9 * length;
}

/* Tell whether a piece is a box around another one that may be a digit. */
static bool frames(const Piece *piece, const Pieces *all)
{
    int32_t height = height_of(piece), width = width_of(piece);
    if (height < 3 || width < 3)
        return false; /* nothing lies within */
    int32_t depth = 2 + extent_of(piece) / 16;
    uint8_t walls[4][GRID];
    filled(walls[0], 4 * GRID, 0);
    for (int32_t at = piece->runs; at != NONE; at = all->runs[at].link) {
        const Run *run = &all->runs[at];
        int32_t row = run->row - piece->top, count = run->last - run->first;
        if (row < depth)
            filled(walls[0] + run->first - piece->left, count, 1);
        if (row >= height - depth)
            filled(walls[1] + run->first - piece->left, count, 1);
        if (run->first - piece->left < depth)
            walls[2][row] = 1;
        if (piece->right - run->last < depth)
            walls[3][row] = 1;
    }
    if (!(is_wall(walls[0], width) && is_wall(walls[1], width) && is_wall(walls[2], height)
          && is_wall(walls[3], height)))
        return false;
    for (int32_t at = 0; at < all->pieces; at++) {
        const Piece *other = &all->list[at];
        if (other->top > piece->top && other->left > piece->left && other->bottom < piece->bottom
            && other->right < piece->right && 4 * extent_of(other) >= extent_of(piece)
            && 10 * other->cells >= piece->cells)
            return true;
    }
    return false;
}

/* Tell whether a piece is the table around a sheet, and another one may be a digit on it. */
static bool surrounds(const Piece *piece, const Pieces *all)
{
    int32_t sides = sides_of(piece, all), count = 0;
    for (int32_t side = TOP; side <= RIGHT; side <<= 1)
        count += (sides & side) != 0;
    if (count < 3 || is_central(piece, all))
        return false;
    for (int32_t at = 0; at < all->pieces; at++)
        if (SURROUNDED * extent_of(&all->list[at]) >= longer_of(all->height, all->width)
            && !sides_of(&all->list[at], all))
            return true;
    return false;
}

/* Return how much speaks for a piece as the digit. */
static int32_t weight_of(const Piece *piece, const Pieces *all)
{
    int32_t weight = piece->cells * 100;
    if (sides_of(piece, all))
        weight = weight * (is_central(piece, all) ? 40 : 10) / 100;
    if (2 * width_of(piece) > height_of(piece) && is_straight(piece, all))
        weight = weight * 3 / 10;
    return weight;
}

/* Mark what lies within a share of the main piece's extent of it, by the bits of IS_…. */
static void mark_around(const Piece *main, const Pieces *all, uint8_t *around, Space space)
{
    static const uint8_t shares[3] = {HUGGING, NEAR, FAR};
    int32_t height = all->height, width = all->width, size = height * width;
    int32_t furthest = most_of(1, FAR * extent_of(main) / 100);
    uint8_t *padded = (uint8_t *)taken(&space, size + 2 * margin_of(height, furthest) * width);
    filled(around, size, 0);
    for (int32_t at = 0; at < 3; at++) {
        int32_t reach = most_of(1, shares[at] * extent_of(main) / 100);
        uint8_t *marks = padded + margin_of(height, reach) * width;
        filled(marks, size, 0);
        mark(main, all, marks);
        dilated(padded, height, width, reach, space);
        for (int32_t cell = 0; cell < size; cell++)
            around[cell] = (uint8_t)(around[cell] | padded[cell] << at);
    }
}

static bool belongs(const Piece *piece, const Piece *main, const Pieces *all,
                    const uint8_t *around)
{
    if (piece == main)
        return true;
    bool large = piece->cells * 1000 >= PART * main->cells;
    if (sides_of(piece, all) & ~sides_of(main, all))
        return large && is_central(piece, all) && !is_straight(piece, all)
               && meets(piece, all, around, IS_NEAR);
    if (large) {
        bool stray = 5 * extent_of(piece) > 4 * extent_of(main) && is_straight(piece, all);
        bool upright = 3 * width_of(piece) <= height_of(piece);
        return meets(piece, all, around, !stray ? IS_FAR : upright ? IS_NEAR : IS_HUGGING);
    }
    return piece->cells * 1000 >= SPECK * main->cells && meets(piece, all, around, IS_NEAR);
}

/* Tell whether a piece is more likely a digit than the straight line is. */
static bool is_curved(const Piece *piece, const Piece *line, const Pieces *all)
{
    return 100 * piece->cells >= CURVED * line->cells && 2 * height_of(piece) >= width_of(piece)
           && !sides_of(piece, all) && !is_straight(piece, all);
}

static bool is_other(const Piece *piece, const Piece *main, const Pieces *all)
{
    if (2 * height_of(piece) < height_of(main) || 4 * piece->cells < main->cells
        || sides_of(piece, all))
        return false;
    bool leans = 2 * width_of(piece) > height_of(piece)
                 || 3 * extent_of(piece) > 4 * height_of(main);
    return !(leans && is_straight(piece, all));
}

typedef struct {
    uint8_t *kept; /* [height, width]: 1 where a cell belongs to the digit */
    int32_t sides; /* of the main piece */
    bool several;
} Choice;

/* Choose the main piece and those that belong to it. The grid has at least one cell, and is used up:
 * in its place comes what lies around the main piece. */
static Choice chosen(uint8_t *grid, int32_t height, int32_t width, uint8_t *kept, Space space)
{
    Pieces all = pieces_of(grid, height, width, &space);
    const Piece *main = 0;
    int32_t most = 0, others = 0;
    for (int32_t at = 0; at < all.pieces; at++)
        all.list[at].is_frame = frames(&all.list[at], &all) || surrounds(&all.list[at], &all);
    for (int32_t at = 0; at < all.pieces; at++) {
        const Piece *piece = &all.list[at];
        if (piece->is_frame) /* the innermost piece is none */
            continue;
        int32_t weight = weight_of(piece, &all);
        if (!main || weight > most) {
            main = piece;
            most = weight;
        }
        others++;
    }
    Choice choice = {kept, sides_of(main, &all), false};
    filled(kept, height * width, 0);
    if (others == 1) {
        mark(main, &all, kept);
        return choice;
    }
    uint8_t *around = grid;
    mark_around(main, &all, around, space);
    if (is_straight(main, &all)) {
        const Piece *curved = 0;
        for (int32_t at = 0; at < all.pieces; at++) {
            const Piece *piece = &all.list[at];
            if (piece->is_frame || !is_curved(piece, main, &all)
                || meets(piece, &all, around, IS_FAR))
                continue;
            int32_t weight = weight_of(piece, &all);
            if (!curved || weight > most) {
                curved = piece;
                most = weight;
            }
        }
        if (curved) {
            main = curved;
            choice.sides = 0;
            mark_around(main, &all, around, space);
        }
    }
    for (int32_t at = 0; at < all.pieces; at++) {
        const Piece *piece = &all.list[at];
        if (piece->is_frame)
            continue;
        if (belongs(piece, main, &all, around))
            mark(piece, &all, kept);
        else
            choice.several = choice.several || is_other(piece, main, &all);
    }
    return choice;
}

/* Tell whether opposite borders are touched. */
static bool spans(int32_t sides)
{
    return (sides & (TOP | BOTTOM)) == (TOP | BOTTOM) || (sides & (LEFT | RIGHT)) == (LEFT | RIGHT);
}

/* A grid as it lies, or turned: cell (row, column) is at row · down + column · across. */
typedef struct {
    int32_t height, width, down, across;
} View;

/* Mark the cells that are not in runs of `least` or more down a column. */
static void mark_thin(const uint8_t *grid, View view, int32_t least, uint8_t *thin)
{
    for (int32_t column = 0; column < view.width; column++) {
        for (int32_t row = 0, end; row < view.height; row = end + 1) {
            for (end = row; end < view.height && grid[end * view.down + column * view.across];)
                end++;
            for (int32_t at = row; at < end; at++)
                thin[at * view.down + column * view.across] = end - row < least;
            if (end < view.height)
                thin[end * view.down + column * view.across] = 0;
        }
    }
}

/* Return how many rows a line lies below its middle at a column: at most LEAN / 2 either way.
 * `slope` counts from -LEAN; the dividend is made positive by whole multiples of the divisor. */
static int32_t fall(int32_t slope, int32_t column, int32_t width)
{
    int32_t product = (slope - LEAN) * (2 * column - width);
    return (product + 2 * width * LEAN) / (2 * width) - LEAN;
}

/* Add `by` for each slope to the line that passes through the place: [SLOPES, height + 4 · LEAN]. A
 * line passes through each column once, so no count is above 64. */
static void count_place(uint8_t *counts, View view, int32_t row, int32_t column, int32_t by)
{
    for (int32_t slope = 0; slope < SLOPES; slope++) {
        int32_t at = row + 2 * LEAN - fall(slope, column, view.width);
        uint8_t *count = counts + slope * (view.height + 4 * LEAN) + at;
        *count = (uint8_t)(*count + by);
    }
}

/* Count the columns that have a cell on each line, or right below it. */
static void count_cells(const uint8_t *cells, View view, uint8_t *counts)
{
    filled(counts, SLOPES * (view.height + 4 * LEAN), 0);
    for (int32_t row = 0; row < view.height; row++) {
        for (int32_t column = 0; column < view.width; column++) {
            int32_t cell = row * view.down + column * view.across;
            if (cells[cell] || (row + 1 < view.height && cells[cell + view.down]))
                count_place(counts, view, row, column, 1);
        }
    }
}

/* Remove a cell, and count it no longer: neither at its place nor, as the one right below, at that
 * above it. */
static void remove_cell(uint8_t *cells, View view, int32_t row, int32_t column, uint8_t *counts)
{
    int32_t cell = row * view.down + column * view.across;
    cells[cell] = 0;
    if (row + 1 == view.height || !cells[cell + view.down])
        count_place(counts, view, row, column, -1);
    if (row > 0 && !cells[cell - view.down])
        count_place(counts, view, row - 1, column, -1);
}

/* Mark the lines of one view in `found`. */
static void mark_lines(const uint8_t *grid, View view, uint8_t *found, Space space)
{
    int32_t size = SLOPES * (view.height + 4 * LEAN), cells = view.height * view.width;
    uint8_t *thin = (uint8_t *)taken(&space, cells);
    uint8_t *inked = (uint8_t *)taken(&space, size), *counts = (uint8_t *)taken(&space, size);
    mark_thin(grid, view, least_of(view.height, view.width) >= 40 ? 4 : 2, thin);
    count_cells(grid, view, inked);
    count_cells(thin, view, counts);
    for (;;) { /* each time, at least one cell is thin no longer */
        int32_t best = -1;
        for (int32_t at = 0; at < size; at++)
            if (inked[at] * 100 >= RULED * view.width && counts[at] * 2 >= view.width
                && counts[at] > (best < 0 ? 0 : counts[best]))
                best = at;
        if (best < 0)
            return;
        int32_t slope = best / (view.height + 4 * LEAN), at = best % (view.height + 4 * LEAN);
        for (int32_t column = 0; column < view.width; column++) {
            int32_t middle = at - 2 * LEAN + fall(slope, column, view.width);
            for (int32_t row = most_of(0, middle - 1);
                 row <= least_of(middle + 2, view.height - 1); row++) {
                int32_t cell = row * view.down + column * view.across;
                if (!thin[cell])
                    continue;
                found[cell] = 1;
                remove_cell(thin, view, row, column, counts);
            }
        }
    }
}

/* Remove ruled lines and sheet edges. Return whether there were any, and other ink too. */
static bool without_lines(uint8_t *grid, int32_t height, int32_t width, Space space)
{
    View upright = {height, width, width, 1}, turned = {width, height, 1, width};
    uint8_t *found = (uint8_t *)taken(&space, height * width);
    filled(found, height * width, 0);
    mark_lines(grid, upright, found, space);
    mark_lines(grid, turned, found, space);
    int32_t lines = 0, rest = 0;
    for (int32_t cell = 0; cell < height * width; cell++) {
        lines += found[cell];
        grid[cell] = (uint8_t)(grid[cell] & ~found[cell]);
        rest += grid[cell];
    }
    return lines > 0 && rest > 0;
}

/* Set all ink to 0 that is not the digit's. Return whether other pieces look like digits too. */
static bool digit_of(Grey ink, int32_t faintest, Space space)
{
    int32_t side = parts_of(longer_of(ink.height, ink.width), GRID);
    int32_t height = parts_of(ink.height, side), width = parts_of(ink.width, side);
    int32_t size = height * width;
    uint8_t *cells = (uint8_t *)taken(&space, size), *grid = (uint8_t *)taken(&space, size);
    uint8_t *kept = (uint8_t *)taken(&space, size), *lines = (uint8_t *)taken(&space, 2 * width * side);
    Picture picture = as_picture(ink, 0);
    block_maxima(&picture, side, 0, lines, cells);

    int32_t levels[3] = {faintest, 0, 0}, count = 1, least = faintest;
    for (int32_t at = 0; at < 2; at++)
        if (LEVELS[at] > faintest)
            levels[count++] = LEVELS[at];
    for (int32_t cell = 0; cell < size; cell++)
        grid[cell] = cells[cell] >= faintest;
    Choice choice = chosen(grid, height, width, kept, space);
    if (longer_of(height, width) >= LINED && spans(choice.sides)) {
        uint8_t *fewer = (uint8_t *)taken(&space, size);
        for (int32_t attempt = 1; attempt < 2 * count; attempt++) {
            bool by_shape = attempt >= count;
            int32_t level = levels[attempt % count];
            for (int32_t cell = 0; cell < size; cell++)
                grid[cell] = cells[cell] >= level;
            if (by_shape && !without_lines(grid, height, width, space))
                continue;
            Choice other = chosen(grid, height, width, fewer, space);
            if (by_shape ? spans(other.sides) : other.sides != 0)
                continue;
            choice = other;
            least = level;
            break;
        }
    }
    uint8_t *whole = lines, weakest = (uint8_t)least;
    for (int32_t y = 0; y < ink.height; y++) {
        const uint8_t *row = choice.kept + y / side * width;
        for (int32_t x = 0; x < side && y % side == 0; x++)
            for (int32_t cell = 0; cell < width; cell++)
                whole[cell * side + x] = row[cell] ? 255 : 0;
        uint8_t *RESTRICT ink_row = ink.levels + y * ink.stride;
        for (int32_t x = 0; x < ink.width; x++)
            ink_row[x] = (uint8_t)((ink_row[x] >= weakest ? ink_row[x] : 0) & whole[x]);
    }
    return choice.several;
}

/* ---- fitting.py ---- */

/* Lay transparency over black or white, and tell whether all channels are equal. */
static void flatten(Picture *picture)
{
    bool opaque = picture->channels == 4;
    for (int32_t y = 0; y < picture->height && opaque; y++) {
        const uint8_t *row = picture->pixels + (size_t)y * picture->stride;
        uint8_t all = 255;
        for (int32_t x = 0; x < picture->width; x++)
            all &= row[4 * x + 3];
        opaque = all == 255;
    }
    if (picture->channels == 4 && !opaque) {
        uint64_t visible = 0, colours = 0; /* below 3 · 255² · 2²⁸ */
        for (int32_t y = 0; y < picture->height; y++) {
            const uint8_t *row = picture->pixels + (size_t)y * picture->stride;
            for (int32_t x = 0; x < picture->width; x++, row += 4) {
                visible += row[3];
                colours += (uint32_t)(row[0] + row[1] + row[2]) * row[3];
            }
        }
        picture->ground = colours < 128 * 3 * visible ? 255 : 0;
    }
    picture->bands = picture->channels > 1 ? 3 : 1;
    picture->step = opaque ? 4 : picture->bands;
    for (int32_t y = 0; y < picture->height && picture->bands == 3; y++) {
        const uint8_t *row = row_of(picture, y);
        int32_t differ = 0, step = picture->step;
        for (int32_t x = 0; x < picture->width; x++)
            differ |= (row[step * x] ^ row[step * x + 1]) | (row[step * x + 1] ^ row[step * x + 2]);
        if (differ)
            return;
    }
    picture->bands = picture->step = 1;
}

/* to may be the row itself: a pixel is read before it is written over. */
static void luminance(const uint8_t *row, int32_t width, int32_t step, uint8_t *to)
{
    for (int32_t x = 0; x < width; x++, row += step)
        to[x] = (uint8_t)((row[0] * 77 + row[1] * 150 + row[2] * 29 + 128) >> 8);
}

static void untouched(fit_result *result)
{
    uint8_t low = 255, high = 0;
    for (int32_t at = 0; at < SIDE * SIDE; at++) {
        uint8_t level = result->pixels[at];
        low = level < low ? level : low;
        high = level > high ? level : high;
    }
    result->doubt = high - low < MIN_CONTRAST ? FIT_BLANK : FIT_CLEAR;
}

static void copy_pixels(const Picture *picture, fit_result *result)
{
    for (int32_t y = 0; y < SIDE; y++) {
        const uint8_t *row = row_of(picture, y);
        if (picture->bands == 3)
            luminance(row, SIDE, picture->step, result->pixels + y * SIDE);
        else
            copied(result->pixels + y * SIDE, row, SIDE);
    }
}

/* Tell whether pixels of 28×28 already are a model input. */
static bool is_model_input(const uint8_t *pixels)
{
    int32_t total = 0, down = 0, across = 0, around = 0;
    int32_t left = SIDE, top = SIDE, right = 0, bottom = 0;
    for (int32_t y = 0; y < SIDE; y++) {
        for (int32_t x = 0; x < SIDE; x++) {
            int32_t level = pixels[y * SIDE + x];
            if (level == 0)
                continue;
            total += level;
            down += level * y;
            across += level * x;
            if (y == 0 || y == SIDE - 1 || x == 0 || x == SIDE - 1)
                around += level;
            left = least_of(left, x);
            top = least_of(top, y);
            right = most_of(right, x + 1);
            bottom = most_of(bottom, y + 1);
        }
    }
    int32_t off_down = 10 * down - 5 * SIDE * total, off_across = 10 * across - 5 * SIDE * total;
    int32_t most = OFF_CENTRE * total;
    return total == 0
           || (right - left <= BOX && bottom - top <= BOX && -most < off_down && off_down < most
               && -most < off_across && off_across < most
               && around < DARK_BORDER * (4 * SIDE - 4));
}

/* Scale to 28×28, as most notebooks do. */
static void resized(const Picture *picture, int invert, Space space, fit_result *result)
{
    area_means(picture, SIDE, SIDE, result->pixels);
    if (invert == FIT_DETECT) {
        Grey grey = {result->pixels, SIDE, SIDE, SIDE};
        invert = ink_is_dark(grey, space) ? FIT_YES : FIT_NO;
    }
    if (invert == FIT_YES)
        inverted(result->pixels, SIDE * SIDE);
    untouched(result);
    result->inverted = (uint8_t)invert;
}

/* Make the grey picture of blocks of shrink × shrink pixels: their means, or their extremes where
 * the mean would hide the ink. The colours take 3 · height · width bytes. */
static void reduce(const Picture *picture, int32_t shrink, bool extremes, bool dark, Grey grey,
                   Space space)
{
    uint8_t *levels = grey.levels;
    if (picture->bands == 3)
        levels = (uint8_t *)taken(&space, 3 * grey.height * grey.width);
    if (extremes) /* the column sums are not needed meanwhile */
        block_maxima(picture, shrink, dark ? 255 : 0, (uint8_t *)picture->columns, levels);
    else
        block_means(picture, shrink, levels);
    if (picture->bands == 3)
        grey_of(levels, grey.height, grey.width, grey.levels, space);
}

/* Look for ink that the mean of a block hides. Return as find_ink does. */
static int32_t tiny_ink(const Picture *picture, int32_t shrink, int invert, Grey grey, bool *dark,
                        Space space)
{
    int32_t faintest = 0;
    *dark = invert != FIT_NO;
    for (;;) {
        reduce(picture, shrink, true, *dark, grey, space);
        faintest = find_ink(grey, *dark, true, space);
        if (faintest || invert != FIT_DETECT || !*dark)
            return faintest;
        *dark = false;
    }
}

/* Give left, top, right, bottom of all ink, right and bottom exclusive. There is some. */
static void ink_box(Grey levels, int32_t *box, Space space)
{
    uint8_t *columns = (uint8_t *)taken(&space, levels.width);
    filled(columns, levels.width, 0);
    box[1] = -1;
    for (int32_t y = 0; y < levels.height; y++) {
        const uint8_t *RESTRICT row = levels.levels + y * levels.stride;
        uint8_t any = 0;
        for (int32_t x = 0; x < levels.width; x++) {
            columns[x] |= row[x];
            any |= row[x];
        }
        if (any) {
            box[1] = box[1] < 0 ? y : box[1];
            box[3] = y + 1;
        }
    }
    for (box[0] = 0; !columns[box[0]];)
        box[0]++;
    for (box[2] = levels.width; !columns[box[2] - 1];)
        box[2]--;
}

/* Count the pixels of strokes, and those of them that have strokes on all four sides. A row has at
 * most 255 pixels: its counts are bytes, of which a vector holds many. */
static void count_strokes(Grey levels, int32_t *area, int32_t *inside)
{
    *area = *inside = 0;
    for (int32_t y = 0; y < levels.height; y++) {
        const uint8_t *row = levels.levels + y * levels.stride;
        uint8_t count = 0;
        for (int32_t x = 0; x < levels.width; x++)
            count = (uint8_t)(count + (row[x] >= STROKE));
        *area += count;
        if (y == 0 || y == levels.height - 1)
            continue;
        const uint8_t *above = row - levels.stride, *below = row + levels.stride;
        count = 0;
        for (int32_t x = 1; x < levels.width - 1; x++)
            count = (uint8_t)(count + ((row[x] >= STROKE) & (row[x - 1] >= STROKE)
                                       & (row[x + 1] >= STROKE) & (above[x] >= STROKE)
                                       & (below[x] >= STROKE)));
        *inside += count;
    }
}

/* Thicken hair-thin strokes to MNIST's width. The result lies in the space, and there its rows are
 * height + 4 · reach of width + 2 · reach bytes, with reach at most (longer + 8) ÷ 16. */
static Grey thickened(Grey levels, Space *space)
{
    int32_t area, inside, longer = longer_of(levels.height, levels.width);
    count_strokes(levels, &area, &inside);
    int32_t outline = most_of(area - inside, 1);
    int32_t missing = longer * outline - 2 * WIDTH * area; /* in 1/(WIDTH · outline) px */
    if (missing < WIDTH * outline || area == 0)
        return levels;
    int32_t reach = (missing + WIDTH * outline) / (2 * WIDTH * outline);
    Grey thick = {0, levels.height + 2 * reach, levels.width + 2 * reach, levels.width + 2 * reach};
    int32_t size = (thick.height + 2 * reach) * thick.width;
    thick.levels = (uint8_t *)taken(space, size);
    filled(thick.levels, size, 0);
    for (int32_t y = 0; y < levels.height; y++)
        copied(thick.levels + (2 * reach + y) * thick.width + reach,
               levels.levels + y * levels.stride, levels.width);
    dilated(thick.levels, thick.height, thick.width, reach, *space);
    return thick;
}

/* Scale the longer side to 20 px, and the strongest ink, but for one pixel in 20, to 255. */
static Grey scaled(Grey levels, Space *space)
{
    int32_t longer = longer_of(levels.height, levels.width);
    int32_t height = most_of(1, (2 * levels.height * BOX + longer) / (2 * longer));
    int32_t width = most_of(1, (2 * levels.width * BOX + longer) / (2 * longer));
    int32_t size = height * width; /* at most 20 · 20 */
    Grey small = {(uint8_t *)taken(space, size), height, width, width};
    Space own = *space;
    Picture picture = as_picture(levels, (uint32_t *)taken(&own, levels.width * 4));
    area_means(&picture, height, width, small.levels);
    own = *space;
    uint32_t *counts = no_counts(&own);
    for (int32_t at = 0; at < size; at++)
        counts[small.levels[at]]++;
    int32_t strongest = most_of(1, level_from_top(counts, most_of(1, size / 20)));
    for (int32_t at = 0; at < size; at++)
        small.levels[at] = (uint8_t)least_of(small.levels[at] * 255 / strongest, 255);
    return small;
}

/* Place the digit in 28×28 with its centre of mass on pixel 14, to the nearest pixel. */
static void centred(Grey small, uint8_t *pixels)
{
    int32_t total = 0, down = 0, across = 0; /* at most 255 · 20 · 20 · 19 */
    for (int32_t y = 0; y < small.height; y++) {
        for (int32_t x = 0; x < small.width; x++) {
            int32_t level = small.levels[y * small.stride + x];
            total += level;
            down += level * y;
            across += level * x;
        }
    }
    total = most_of(total, 1);
    /* What is below 0 becomes 0, so it does not matter how its division rounds. */
    int32_t top = (2 * (SIDE / 2 * total - down) + total) / (2 * total);
    int32_t left = (2 * (SIDE / 2 * total - across) + total) / (2 * total);
    top = least_of(most_of(top, 0), SIDE - small.height);
    left = least_of(most_of(left, 0), SIDE - small.width);
    filled(pixels, SIDE * SIDE, 0);
    for (int32_t y = 0; y < small.height; y++)
        copied(pixels + (top + y) * SIDE + left, small.levels + y * small.stride, small.width);
}

/* Find the digit, scale it into 20×20 and centre it.
 *
 * A small digit in a reduced picture is fitted again from its surroundings. In Python, _placed
 * calls itself for that; here it is the next round of the loop, on the part of the picture. What
 * one round found is the result if the next one finds nothing. Rounds come to an end, since the
 * part is at most 3/4 of the picture.
 *
 * A reduced picture has at most 192 px a side, and a part that is not reduced has at most 255. */
static void placed(Picture picture, int invert, Space space, fit_result *result)
{
    int32_t across = 0, down = 0; /* where the part lies in the picture */
    bool several = false, dark;
    for (;;) {
        Space own = space;
        int32_t longer = longer_of(picture.height, picture.width);
        int32_t shrink = longer >= 2 * WORK_SIDE ? longer / WORK_SIDE : 1;
        Grey grey = {0, parts_of(picture.height, shrink), parts_of(picture.width, shrink), 0};
        grey.stride = grey.width;
        grey.levels = (uint8_t *)taken(&own, grey.height * grey.width);
        reduce(&picture, shrink, false, false, grey, own);
        dark = invert == FIT_DETECT ? ink_is_dark(grey, own) : invert == FIT_YES;
        int32_t faintest = find_ink(grey, dark, shrink > 1, own);
        if (!faintest && shrink > 1)
            faintest = tiny_ink(&picture, shrink, invert, grey, &dark, own);
        if (!faintest)
            return;
        several = digit_of(grey, faintest, own) || several;
        int32_t box[4] = {0, 0, 0, 0};
        ink_box(grey, box, own);
        int32_t whole[4] = {box[0] * shrink, box[1] * shrink,
                            least_of(picture.width, box[2] * shrink),
                            least_of(picture.height, box[3] * shrink)};
        Grey digit = {grey.levels + box[1] * grey.stride + box[0], box[3] - box[1], box[2] - box[0],
                      grey.stride};
        int32_t extent = longer_of(digit.height, digit.width);
        centred(scaled(thickened(digit, &own), &own), result->pixels);
        result->doubt = several ? FIT_SEVERAL : extent < TOO_SMALL ? FIT_TOO_SMALL : FIT_CLEAR;
        result->inverted = dark ? FIT_YES : FIT_NO;
        for (int32_t at = 0; at < 4; at++)
            result->box[at] = whole[at] + (at % 2 ? down : across);
        if (shrink == 1 || extent >= CLOSER)
            return;
        int32_t margin = longer_of(whole[2] - whole[0], whole[3] - whole[1]) / 4 + 1;
        int32_t left = most_of(0, whole[0] - margin), top = most_of(0, whole[1] - margin);
        picture.width = least_of(picture.width, whole[2] + margin) - left;
        picture.height = least_of(picture.height, whole[3] + margin) - top;
        picture.pixels += (size_t)top * picture.stride + (size_t)left * (size_t)picture.channels;
        across += left;
        down += top;
        invert = dark ? FIT_YES : FIT_NO;
    }
}

size_t fit_workspace(int32_t width, int32_t height, int32_t channels)
{
    return FIT_WORKSPACE(width, height, channels);
}

int fit_digit(const uint8_t *pixels, int32_t width, int32_t height, int32_t channels,
              size_t stride, int how, int invert, void *workspace, fit_result *result)
{
    if (width < 1 || height < 1 || width > FIT_MOST_SIDE || height > FIT_MOST_SIDE
        || (int64_t)width * height > FIT_MOST_PIXELS)
        return 0;
    if ((channels != 1 && channels != 3 && channels != 4)
        || stride < (size_t)width * (size_t)channels)
        return 0;
    if (how < FIT_AUTO || how > FIT_NONE || invert < FIT_NO || invert > FIT_DETECT)
        return 0;
    bool ready = width == SIDE && height == SIDE;
    if (how == FIT_NONE && !ready)
        return 0;
    Space space = {(uint8_t *)workspace};
    Picture picture = {pixels, stride, height, width, channels, 1, 1, 0, 0, 0};
    picture.columns = (uint32_t *)taken(&space, 0);
    picture.row = space.free + (size_t)width * (channels > 1 ? 12 : 0);
    space.free += (size_t)width * (channels > 1 ? 16 : 4);
    flatten(&picture);

    filled(result->pixels, SIDE * SIDE, 0);
    for (int32_t at = 0; at < 4; at++)
        result->box[at] = 0;
    result->doubt = FIT_BLANK;
    result->inverted = FIT_DETECT;
    if (how == FIT_AUTO && invert != FIT_YES && ready && channels != 4 && picture.bands == 1) {
        copy_pixels(&picture, result);
        if (is_model_input(result->pixels)) {
            untouched(result);
            return 1;
        }
        filled(result->pixels, SIDE * SIDE, 0);
    }
    if (how == FIT_NONE) {
        copy_pixels(&picture, result);
        if (invert == FIT_YES)
            inverted(result->pixels, SIDE * SIDE);
        untouched(result);
    } else if (how == FIT_RESIZE) {
        resized(&picture, invert, space, result);
    } else {
        result->inverted = (uint8_t)invert;
        placed(picture, invert, space, result);
    }
    return 1;
}
