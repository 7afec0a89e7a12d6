// Network: the layers, as `tinydigits export` wrote them, on one image.
//
// A map is { shape: [height, width, channels], data: Float32Array }, channels innermost, or of
// shape [length]. A layer names its kind and the shape that it gives; what only changes the shape
// (flatten, reshape) was left out, since the order of the values stays.

const ACTIVATIONS = {
  linear: (value) => value,
  relu: (value) => Math.max(0, value),
  sigmoid: (value) => 1 / (1 + Math.exp(-value)),
  tanh: Math.tanh,
  softmax: (value, _, all) => 1 / all.reduce((sum, each) => sum + Math.exp(each - value), 0),
};

const LAYERS = {
  dense(input, { shape, arrays: [kernel, bias] }) {
    const outputs = bias.length;
    const inputs = kernel.length / outputs;
    return collected(shape, outputs, (place, sums) => {
      sums.set(bias);
      for (let at = 0; at < inputs; at++) {
        const value = input[place * inputs + at];
        if (value) for (let to = 0; to < outputs; to++) sums[to] += value * kernel[at * outputs + to];
      }
    });
  },

  conv(input, layer) {
    const { from, shape, arrays: [kernel, bias] } = layer;
    const [inputs, outputs] = [from[2], shape[2]];
    return collected(shape, outputs, (place, sums) => {
      sums.set(bias);
      underWindow(layer, place, (pixel, cell) => {
        for (let at = 0; at < inputs; at++) {
          const value = input[pixel * inputs + at];
          const weights = (cell * inputs + at) * outputs;
          if (value) for (let to = 0; to < outputs; to++) sums[to] += value * kernel[weights + to];
        }
      });
    });
  },

  depthwise(input, layer) {
    const { from, shape, arrays: [kernel, bias] } = layer;
    const each = shape[2] / from[2]; // maps out for each map in
    return collected(shape, shape[2], (place, sums) => {
      sums.set(bias);
      underWindow(layer, place, (pixel, cell) => {
        for (let to = 0; to < sums.length; to++) {
          sums[to] += input[pixel * from[2] + Math.trunc(to / each)] * kernel[cell * sums.length + to];
        }
      });
    });
  },

  max_pool(input, layer) {
    return collected(layer.shape, layer.shape[2], (place, most) => {
      most.fill(-Infinity);
      underWindow(layer, place, (pixel) => {
        for (let at = 0; at < most.length; at++) {
          most[at] = Math.max(most[at], input[pixel * most.length + at]);
        }
      });
    });
  },

  average_pool(input, layer) {
    return collected(layer.shape, layer.shape[2], (place, means) => {
      means.fill(0);
      let count = 0;
      underWindow(layer, place, (pixel) => {
        count++;
        for (let at = 0; at < means.length; at++) means[at] += input[pixel * means.length + at];
      });
      for (let at = 0; at < means.length; at++) means[at] /= count;
    });
  },

  scale(input, { shape, arrays: [factor, offset] }) {
    return collected(shape, factor.length, (place, values) => {
      for (let at = 0; at < values.length; at++) {
        values[at] = input[place * values.length + at] * factor[at] + offset[at];
      }
    });
  },

  activation: (input) => input,
};

/** Values of `shape`, from a function that fills in the `channels` of one place after another. */
function collected(shape, channels, fill) {
  const result = new Float32Array(shape.reduce((product, side) => product * side, 1));
  const values = new Float64Array(channels);
  for (let place = 0; place * channels < result.length; place++) {
    fill(place, values);
    result.set(values, place * channels);
  }
  return result;
}

/** Calls `visit` with each pixel of the input that lies under the window, and its cell there. */
function underWindow({ from, shape, window, strides, before }, place, visit) {
  const [height, width] = from;
  const top = Math.trunc(place / shape[1]) * strides[0] - before[0];
  const left = (place % shape[1]) * strides[1] - before[1];
  for (let down = 0; down < window[0]; down++) {
    if (top + down < 0 || top + down >= height) continue;
    for (let across = 0; across < window[1]; across++) {
      if (left + across < 0 || left + across >= width) continue;
      visit((top + down) * width + left + across, down * window[1] + across);
    }
  }
}

/** The layers, each with its arrays out of the one base64 text that holds them all. */
function withArrays({ layers, weights }) {
  const view = new DataView(bytesOf(weights).buffer);
  let at = 0;
  const next = (length) => {
    // Little-endian in the file, whatever this machine is.
    const array = Float32Array.from({ length }, (_, place) => view.getFloat32(4 * (at + place), true));
    at += length;
    return array;
  };
  return layers.map((layer) => ({ ...layer, arrays: layer.arrays.map(next) }));
}

/** pixels: Uint8Array(784), ink bright → Float32Array(K), one score for each label. */
function scoresOf(network, pixels) {
  let values = Float32Array.from(pixels, (level) => level / 255);
  for (const layer of network) {
    values = LAYERS[layer.kind](values, layer);
    if (layer.activation !== "linear") values = values.map(ACTIVATIONS[layer.activation]);
  }
  return values;
}

/** The accept rule: the fit has no doubt, the best score is high, and no other comes near it. After
 * `judging.judge`. → { status, reason, best, second }: places among the scores. */
function judged(scores, doubt, { min_score: minScore, max_ratio: maxRatio }) {
  const order = [...scores.keys()].sort((a, b) => scores[b] - scores[a]);
  const [best, second = null] = order;
  const reason = doubt ? doubt
    : scores[best] < minScore ? "low_score"
      : second !== null && scores[second] > maxRatio * scores[best] ? "ambiguous" : null;
  return { status: reason ? "uncertain" : "ok", reason, best, second };
}
