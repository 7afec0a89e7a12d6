// Fit: from any picture of a digit to the 28×28 that the networks know. After
// runtime/tinydigits/fit.py, function by function, and held to the same golden pictures.
//
// flattened (alpha) → ink (ink.js) → the digit's own (pieces.js) → a closer look at a small digit
// → thin strokes thickened → 20×20 → centred

const SIDE = 28; // px: width and height of a model input
const BOX = 20; // px: the square that the ink is scaled into
const WORK_SIDE = 192; // px: larger pictures are first reduced to this
const CLOSER = 64; // px: a digit smaller than this in a reduced picture is looked at again
const MARGIN = 0.25; // of the digit's longer side: how much ground a closer look takes in
const THIN = 2.2; // px of 20: thinner strokes are thickened to it
const OFF_CENTRE = 0.6; // px: no MNIST digit's centre of mass is further from pixel 14
const DARK_BORDER = 16; // of 255: mean of the outermost pixels

/** A picture → { pixels: Uint8Array(784), ink bright; blank; inverted; box: [left, top, right,
 * bottom] of the ink, right and bottom exclusive }; the last two null where nobody looked.
 *
 * `how`: "auto", "mnist", "resize" or "none", as the model was trained. Throws an Error with "none"
 * where the picture is not 28×28. */
function fit(picture, how = "auto") {
  const ready = picture.width === SIDE && picture.height === SIDE;
  if (how === "none" && !ready) {
    throw new Error(`${picture.width}×${picture.height} pixels, and this model takes 28×28 only`);
  }
  const input = how === "auto" && ready ? modelInput(picture) : null;
  if (input) return input;
  if (how === "none") return untouched(luminance(flattened(picture)).data);
  if (how === "resize") return resizedOnly(luminance(flattened(picture)));
  return placed(flattened(picture), null);
}

/** A 28×28 picture that already is a model input: grey, with a dark border, its ink within the
 * square and its centre of mass in the middle, as in all of MNIST. Null of any other. */
function modelInput({ bands }) {
  if (bands.length !== 1) return null;
  const pixels = bands[0];
  let [total, down, across, around] = [0, 0, 0, 0];
  pixels.forEach((level, at) => {
    const [row, column] = [Math.trunc(at / SIDE), at % SIDE];
    total += level;
    down += level * row;
    across += level * column;
    if (row % (SIDE - 1) === 0 || column % (SIDE - 1) === 0) around += level;
  });
  if (total > 0) {
    const [left, top, right, bottom] = inkBox({ width: SIDE, height: SIDE, data: pixels });
    const asInMnist = right - left <= BOX && bottom - top <= BOX
      && Math.abs(down / total - SIDE / 2) < OFF_CENTRE
      && Math.abs(across / total - SIDE / 2) < OFF_CENTRE
      && around < DARK_BORDER * (4 * SIDE - 4);
    if (!asInMnist) return null;
  }
  return untouched(pixels);
}

function untouched(pixels) {
  return { pixels, blank: contrast(pixels) < MIN_CONTRAST, inverted: null, box: null };
}

function contrast(pixels) {
  return Math.max(...pixels) - Math.min(...pixels);
}

/** What most notebooks do, for models that were trained so. */
function resizedOnly(grey) {
  const pixels = resized(grey, SIDE, SIDE, KERNELS.box).data;
  const dark = findInk({ width: SIDE, height: SIDE, bands: [pixels] }, null)?.dark ?? false;
  return {
    pixels: dark ? pixels.map((level) => 255 - level) : pixels,
    blank: contrast(pixels) < MIN_CONTRAST, inverted: dark, box: null,
  };
}

function placed(picture, dark) {
  const [work, shrink] = atWorkSize(picture);
  const ink = findInk(work, dark);
  if (!ink) return { pixels: new Uint8Array(SIDE * SIDE), blank: true, inverted: dark, box: null };
  const levels = digitOnly(ink.levels);
  const box = inkBox(levels);
  const whole = scaledBox(box, shrink, picture);
  const size = Math.max(box[2] - box[0], box[3] - box[1]);
  if (shrink > 1.5 && size < CLOSER) {
    // The reduction that found the digit has also blurred it: once more, from its surroundings.
    const area = withMargin(whole, picture);
    const closer = placed(mapped(picture, (plane) => cropped(plane, area)), ink.dark);
    if (!closer.blank) {
      const moved = closer.box.map((edge, at) => edge + area[at % 2]);
      return { ...closer, inverted: ink.dark, box: moved };
    }
  }
  const pixels = centred(scaled(thickened(cropped(levels, box))));
  return { pixels, blank: false, inverted: ink.dark, box: whole };
}

/** The picture with something done to each of its bands. */
function mapped({ width, height, bands }, change) {
  const planes = bands.map((data) => change({ width, height, data }));
  return { ...planes[0], bands: planes.map(({ data }) => data) };
}

/** Transparency laid over the ground that what is visible stands out from: the hidden colour of
 * transparent pixels must not become strokes. */
function flattened(picture) {
  if (picture.bands.length < 4) return picture;
  const { width, height, bands } = picture;
  const alphas = bands[3];
  const weighed = bands.slice(0, 3).map((band) => band.map((level, at) => overByte(level * alphas[at])));
  const [red, green, blue, alpha] = [...weighed, alphas].map(
    (data) => resized({ width, height, data }, 32, 32, KERNELS.box).data,
  );
  // Weighed by alpha as it is, the sum is that of what is visible.
  const sum = (data) => data.reduce((total, level) => total + level, 0);
  const mean = ((sum(red) + sum(green) + sum(blue)) / 3) * (255 / Math.max(sum(alpha), 1));
  if (Math.min(...alpha) >= 250) return { width, height, bands: bands.slice(0, 3) };
  const under = mean < 128 ? 255 : 0;
  const over = (level, at) => overByte(level * alphas[at] + under * (255 - alphas[at]));
  return { width, height, bands: bands.slice(0, 3).map((band) => band.map(over)) };
}

function overByte(product) {
  return Math.trunc(product / 255 + 0.5);
}

/** The one band of a grey picture; of others the luma of ITU-R BT.601, in Pillow's fixed point. */
function luminance({ width, height, bands: [red, green, blue] }) {
  if (!green) return { width, height, data: red };
  const data = red.map(
    (level, at) => (level * 19595 + green[at] * 38470 + blue[at] * 7471 + 0x8000) >> 16,
  );
  return { width, height, data };
}

/** At most WORK_SIDE long, and by how much it was reduced. */
function atWorkSize(picture) {
  const shrink = Math.max(picture.width, picture.height) / WORK_SIDE;
  if (shrink <= 1) return [picture, 1];
  const [width, height] = [picture.width, picture.height].map((side) => Math.max(1, round(side / shrink)));
  return [mapped(picture, (plane) => resized(plane, width, height, KERNELS.box)), shrink];
}

/** Left, top, right, bottom of everything inked, right and bottom exclusive. */
function inkBox({ width, height, data }) {
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let at = 0; at < data.length; at++) {
    if (!data[at]) continue;
    const row = Math.trunc(at / width);
    const column = at - row * width;
    left = Math.min(left, column);
    right = Math.max(right, column + 1);
    top = Math.min(top, row);
    bottom = row + 1;
  }
  return [left, top, right, bottom];
}

function scaledBox([left, top, right, bottom], scale, { width, height }) {
  return [
    Math.trunc(left * scale), Math.trunc(top * scale),
    Math.min(width, Math.ceil(right * scale)), Math.min(height, Math.ceil(bottom * scale)),
  ];
}

function withMargin([left, top, right, bottom], { width, height }) {
  const margin = Math.trunc(MARGIN * Math.max(right - left, bottom - top)) + 1;
  return [
    Math.max(0, left - margin), Math.max(0, top - margin),
    Math.min(width, right + margin), Math.min(height, bottom + margin),
  ];
}

/** Hair-thin strokes get MNIST's width while there is still room to measure them in. */
function thickened(ink) {
  const { width, height, data } = ink;
  const scale = BOX / Math.max(width, height);
  const mask = data.map((level) => (level > Math.fround(0.3) ? 1 : 0));
  // A stroke of length l and width w has area l·w and an outline of 2·l: w = 2·area ÷ outline.
  let [area, inside] = [0, 0];
  mask.forEach((inked, at) => {
    if (!inked) return;
    area++;
    const column = at % width;
    if (at < width || at >= data.length - width || column === 0 || column === width - 1) return;
    if (mask[at - 1] && mask[at + 1] && mask[at - width] && mask[at + width]) inside++;
  });
  const missing = THIN / scale - (2 * area) / Math.max(area - inside, 1);
  if (missing < 1 || area === 0) return ink;
  const half = round(missing / 2);
  const padded = { width: width + 2 * half, height: height + 2 * half };
  padded.data = new Float32Array(padded.width * padded.height);
  for (let row = 0; row < height; row++) {
    const line = data.subarray(row * width, (row + 1) * width);
    padded.data.set(line.map((level) => Math.trunc(level * 255) / 255), (row + half) * padded.width + half);
  }
  return widest(padded, half);
}

/** The longer side becomes 20 px; averaging over areas makes the grey edges of MNIST. The strongest
 * ink becomes 255. */
function scaled(ink) {
  const scale = BOX / Math.max(ink.width, ink.height);
  const [width, height] = [ink.width, ink.height].map((side) => Math.max(1, round(side * scale)));
  const small = resized(ink, width, height, scale < 1 ? KERNELS.box : KERNELS.bicubic);
  const levels = small.data.map((level) => Math.max(0, level));
  const strong = levels.slice().sort().at(-Math.max(1, Math.trunc(levels.length / 20)));
  const factor = 255 / Math.max(strong, 1e-3);
  return { width, height, data: levels.map((level) => Math.min(level * factor, 255)) };
}

/** Placed in 28×28 with the centre of mass on pixel 14, to the nearest pixel. */
function centred({ width, height, data }) {
  let [total, down, across] = [0, 0, 0];
  data.forEach((level, at) => {
    total += level;
    down += level * Math.trunc(at / width);
    across += level * (at % width);
  });
  total = Math.max(total, 1);
  const start = (middle, side) => Math.min(Math.max(round(SIDE / 2 - middle), 0), SIDE - side);
  const [top, left] = [start(down / total, height), start(across / total, width)];
  const pixels = new Uint8Array(SIDE * SIDE);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      pixels[(top + row) * SIDE + left + column] = Math.trunc(data[row * width + column] + 0.5);
    }
  }
  return pixels;
}
