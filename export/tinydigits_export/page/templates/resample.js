// Resample: planes of pixels, and what Pillow does to them, to the bit where they hold bytes.
//
// A plane is { width, height, data }: Uint8Array or Float32Array, row after row. A picture is
// { width, height, bands }: one plane's data for grey, three for RGB, four with alpha.

const KERNELS = {
  box: { support: 0.5, at: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, at: (x) => cubic(Math.abs(x)) }, // of Catmull and Rom: a = -0.5
};
const FIXED = 2 ** 22; // Pillow resamples bytes in fixed point with so many parts of 1

function cubic(x) {
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
}

/** As Python rounds: halves to the even neighbour. */
function round(value) {
  const near = Math.round(value);
  return near - value === 0.5 && near % 2 ? near - 1 : near;
}

/** The plane at another size. Each axis that stays as it is is left alone. */
function resized({ width, height, data }, toWidth, toHeight, kernel) {
  const across = toWidth === width ? data
    : resampled(data, windows(width, toWidth, kernel), { lines: height, step: 1, line: width });
  return {
    width: toWidth,
    height: toHeight,
    data: toHeight === height ? across
      : resampled(across, windows(height, toHeight, kernel), { lines: toWidth, step: toWidth, line: 1 }),
  };
}

/** For each of `to` places: where the pixels begin that it is made from, and their weights. */
function windows(from, to, { support, at }) {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  return Array.from({ length: to }, (_, place) => {
    const centre = (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support * stretch + 0.5));
    const last = Math.min(from, Math.trunc(centre + support * stretch + 0.5));
    const weights = Float64Array.from(
      { length: last - first }, (_, near) => at((near + first - centre + 0.5) / stretch),
    );
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return { first, weights: weights.map((weight) => (total ? weight / total : weight)) };
  });
}

/** One axis. `step`: from one pixel of a line to the next; `line`: from one line to the next. */
function resampled(data, places, { lines, step, line }) {
  const bytes = data instanceof Uint8Array;
  const result = new data.constructor(lines * places.length);
  const toLine = line === 1 ? 1 : places.length;
  places.forEach(({ first, weights }, place) => {
    const used = bytes ? weights.map((weight) => Math.floor(weight * FIXED + 0.5)) : weights;
    for (let at = 0; at < lines; at++) {
      let from = at * line + first * step;
      let sum = bytes ? FIXED / 2 : 0;
      for (let near = 0; near < used.length; near++, from += step) sum += data[from] * used[near];
      result[at * toLine + place * step] = bytes
        ? Math.min(255, Math.max(0, Math.floor(sum / FIXED))) : sum;
    }
  });
  return result;
}

/** Means over squares of `factor` pixels; those at the right and bottom may be cut. */
function reduced({ width, height, data }, factor) {
  if (factor === 1) return { width, height, data };
  const [toWidth, toHeight] = [Math.ceil(width / factor), Math.ceil(height / factor)];
  const result = new Float32Array(toWidth * toHeight);
  for (let place = 0, top = 0; top < height; top += factor) {
    const bottom = Math.min(top + factor, height);
    for (let left = 0; left < width; left += factor) {
      const right = Math.min(left + factor, width);
      let sum = 0;
      for (let row = top; row < bottom; row++) {
        for (let at = row * width + left; at < row * width + right; at++) sum += data[at];
      }
      result[place++] = sum / ((bottom - top) * (right - left));
    }
  }
  return { width: toWidth, height: toHeight, data: result };
}

/** The largest value within `half` pixels of each, in a square. */
function widest(plane, half) {
  return transposed(widestInRows(transposed(widestInRows(plane, half)), half));
}

/** Of one value, then of two that follow one another, of four, …, and at last of two such series. */
function widestInRows({ width, height, data }, half) {
  const result = new data.constructor(data.length);
  const line = new Float32Array(width + 2 * half);
  const window = 2 * half + 1;
  for (let start = 0; start < data.length; start += width) {
    line.fill(-Infinity);
    line.set(data.subarray(start, start + width), half);
    let step = 1;
    for (; 2 * step <= window; step *= 2) {
      for (let at = 0; at < line.length - step; at++) {
        if (line[at + step] > line[at]) line[at] = line[at + step];
      }
    }
    for (let at = 0; at < width; at++) {
      result[start + at] = Math.max(line[at], line[at + window - step]);
    }
  }
  return { width, height, data: result };
}

function transposed({ width, height, data }) {
  const result = new data.constructor(data.length);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      result[column * height + row] = data[row * width + column];
    }
  }
  return { width: height, height: width, data: result };
}

function cropped({ width, data }, [left, top, right, bottom]) {
  const result = new data.constructor((right - left) * (bottom - top));
  for (let row = top; row < bottom; row++) {
    const line = data.subarray(row * width + left, row * width + right);
    result.set(line, (row - top) * (right - left));
  }
  return { width: right - left, height: bottom - top, data: result };
}

/** Every `down`th row and every `across`th column. */
function sampled({ width, height, data }, down, across) {
  const [toWidth, toHeight] = [Math.ceil(width / across), Math.ceil(height / down)];
  const result = new data.constructor(toWidth * toHeight);
  for (let place = 0, row = 0; row < height; row += down) {
    for (let column = 0; column < width; column += across) {
      result[place++] = data[row * width + column];
    }
  }
  return { width: toWidth, height: toHeight, data: result };
}
