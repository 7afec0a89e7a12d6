// Ink: from a picture to a map of how much ink each pixel holds. After runtime/tinydigits/ink.py,
// function by function; there it is said why each step is as it is.
//
// grey (the mix of channels that shows the ink) → polarity → ground → ink → the digit's own ink

const MIN_CONTRAST = 14; // of 255: ink that stands out less than this is no ink
const NOISE_FACTOR = 5; // ink stands out this many times the paper's noise
const INK_LEVEL = 0.14; // of the strongest ink: weaker is paper grain or the ringing of JPEG
const STRONGEST = 24; // pixels: the level of this many is the level of full ink
const GROUND_SIDE = 48; // px, about: the resolution at which the ground is judged
const GROUND_HALF = 7; // px of those: dark areas wider than twice this are shadow

/** bands: of one byte plane or three. → { levels: floats from 0 to 1, dark }; null: no ink.
 * `dark`: whether the ink is darker than its ground; null to find out. */
function findInk({ width, height, bands }, dark) {
  const isGrey = bands.length === 1;
  const data = isGrey ? Float32Array.from(bands[0]) : separated(width, height, bands);
  const grey = { width, height, data };
  dark ??= inkIsDark(grey);
  if (!dark) grey.data = grey.data.map((level) => -level);
  const paper = ground(grey).data;
  const ink = grey.data.map((level, at) => (paper.length > 1 ? paper[at] : paper[0]) - level);
  const full = strongest(ink);
  const some = sampled({ width, height, data: ink }, 2, 2).data.map(Math.abs);
  const noise = quantile(some, Math.trunc(some.length / 4), 1 / 8) / 0.3186;
  if (full < Math.max(MIN_CONTRAST, NOISE_FACTOR * noise)) return null;
  const least = Math.fround(Math.max(INK_LEVEL, (3 * noise) / full));
  const factor = Math.fround(1 / full);
  for (let at = 0; at < ink.length; at++) {
    const level = Math.min(1, Math.max(0, Math.fround(ink[at] * factor)));
    ink[at] = level < least ? 0 : level;
  }
  return { levels: { width, height, data: ink }, dark };
}

/** Floats from three byte planes: the mix of channels in which ink and paper differ most, the first
 * principal component of how colours depart from those around them. */
function separated(width, height, bands) {
  const [down, across] = [height, width].map((side) => Math.max(1, Math.trunc(side / 64)));
  const departures = bands.map((data) => {
    const small = sampled({ width, height, data }, down, across);
    const around = shrunkBlur(small).data;
    return Float32Array.from(small.data, (level, at) => level - around[at]);
  });
  let mix = principal(departures);
  if (mix[0] + mix[1] + mix[2] < 0) mix = mix.map((part) => -part);
  const total = Math.max(mix.reduce((sum, part) => sum + Math.abs(part), 0), 1e-6);
  const [red, green, blue] = mix.map((part) => Math.fround(part / total));
  return Float32Array.from(
    bands[0], (level, at) => level * red + bands[1][at] * green + bands[2][at] * blue,
  );
}

/** The direction in which three series vary most: the last eigenvector of their products, by
 * Jacobi's rotations (1846). */
function principal(series) {
  const product = (a, b) => a.reduce((sum, value, at) => sum + value * b[at], 0);
  const matrix = series.map((a) => series.map((b) => product(a, b)));
  const vectors = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
  for (let sweep = 0; sweep < 12; sweep++) {
    for (const [p, q] of [[0, 1], [0, 2], [1, 2]]) rotate(matrix, vectors, p, q);
  }
  const values = [0, 1, 2].map((at) => matrix[at][at]);
  const most = values.lastIndexOf(Math.max(...values));
  return vectors.map((row) => row[most]);
}

/** Brings what lies off the diagonal at p, q to 0. */
function rotate(matrix, vectors, p, q) {
  if (matrix[p][q] === 0) return;
  const angle = Math.atan2(2 * matrix[p][q], matrix[q][q] - matrix[p][p]) / 2;
  const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
  const turn = (row) => {
    [row[p], row[q]] = [cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]];
  };
  matrix.forEach(turn);
  vectors.forEach(turn);
  for (let at = 0; at < 3; at++) {
    const [a, b] = [matrix[p][at], matrix[q][at]];
    [matrix[p][at], matrix[q][at]] = [cosine * a - sine * b, sine * a + cosine * b];
  }
}

/** A channel averaged over about a quarter of the picture. */
function shrunkBlur(plane) {
  return resized(resized(plane, 4, 4, KERNELS.box), plane.width, plane.height, KERNELS.bilinear);
}

/** Ink is what departs furthest from the ground: darker than it, or brighter? The ground is what is
 * seen on the border and on a ring further in, where the border may be a paper edge. */
function inkIsDark(plane) {
  const step = Math.max(1, Math.trunc(Math.min(plane.width, plane.height) / 64));
  const grey = sampled(plane, step, step);
  const { width, height } = grey;
  const depth = Math.max(1, round(0.06 * Math.min(width, height)));
  const levels = border(grey);
  if (Math.min(width, height) - 2 * depth > 1) {
    levels.push(...border(cropped(grey, [depth, depth, width - depth, height - depth])));
  }
  const middle = median(levels);
  let [darker, brighter] = [0, 0];
  for (const level of grey.data) {
    const departure = level - middle;
    if (departure < 0) darker += departure * departure;
    else brighter += departure * departure;
  }
  return darker > brighter;
}

/** The outermost ring of pixels. */
function border({ width, height, data }) {
  const levels = [...data.subarray(0, width), ...data.subarray((height - 1) * width)];
  for (let row = 1; row < height - 1; row++) {
    levels.push(data[row * width], data[(row + 1) * width - 1]);
  }
  return levels;
}

/** What the paper's level would be without the dark strokes on it; a plane of one pixel where it is
 * even: grey-level closing at low resolution, after an even slope is taken out. */
function ground(grey) {
  const { width, height } = grey;
  const small = reduced(grey, Math.max(1, round(Math.max(width, height) / GROUND_SIDE)));
  const incline = slope(small);
  const level = { ...small, data: small.data.map((value, at) => value - incline[at]) };
  const raised = widest(level, GROUND_HALF);
  const lowered = widest({ ...raised, data: raised.data.map((value) => -value) }, GROUND_HALF);
  const closed = { ...small, data: incline.map((value, at) => value - lowered.data[at]) };
  if (Math.max(...closed.data) - Math.min(...closed.data) < 1) {
    const mean = closed.data.reduce((sum, value) => sum + value, 0) / closed.data.length;
    return { width: 1, height: 1, data: Float32Array.of(mean) };
  }
  return resized(closed, width, height, KERNELS.bilinear);
}

/** The plane through 0 that rises as the levels do from border to border. */
function slope({ width, height, data }) {
  const column = (at) => Float32Array.from({ length: height }, (_, row) => data[row * width + at]);
  const first = data.subarray(0, width);
  const last = data.subarray((height - 1) * width);
  const fall = (median(last) - median(first)) / Math.max(height - 1, 1);
  const tilt = (median(column(width - 1)) - median(column(0))) / Math.max(width - 1, 1);
  return data.map((_, at) => {
    const row = Math.trunc(at / width);
    return (row - (height - 1) / 2) * fall + (at - row * width - (width - 1) / 2) * tilt;
  });
}

function median(levels) {
  return Float32Array.from(levels).sort()[Math.trunc(levels.length / 2)];
}

/** The level that STRONGEST pixels reach, or one in 64 where there are few pixels; 0 where it is
 * below MIN_CONTRAST. */
function strongest(ink) {
  const bright = ink.filter((level) => level >= MIN_CONTRAST).sort();
  const enough = Math.max(1, Math.min(STRONGEST, Math.trunc(ink.length / 64)));
  return bright.length >= enough ? bright[bright.length - enough] : 0;
}

/** The value with `place` values below it, to `finest`; values beyond 255 · finest count as that. */
function quantile(values, place, finest) {
  const counts = new Uint32Array(256);
  for (const value of values) counts[Math.min(255, Math.trunc(value / finest))]++;
  let [level, below] = [0, counts[0]];
  while (below <= place && level < 255) below += counts[++level];
  return level * finest;
}
