// Fit: from any picture of a digit to the 28×28 that the networks know. runtime/core/fit.c does it:
// this page carries it as WebAssembly, and it gives the bytes that the runtime gives.

const SIDE = 28; // px: width and height of a model input
const HOW = ["auto", "mnist", "resize", "none"];
const DOUBTS = [null, "blank", "several", "too_small"];
const INVERTED = [false, true, null];
const DETECT = INVERTED.indexOf(null);
// Where fit_result has what, and how long it is, in bytes.
const [BOX_AT, DOUBT_AT, INVERTED_AT, RESULT] = [SIDE * SIDE, 800, 801, 804];
const PAGE = 65536; // bytes: WebAssembly's memory grows by pages

function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

const compiled = new WebAssembly.Module(bytesOf(document.getElementById("fit").textContent));
const core = new WebAssembly.Instance(compiled).exports;

/** A picture → { pixels: Uint8Array(784), ink bright; doubt: null, "blank", "several" or
 * "too_small"; inverted; box: [left, top, right, bottom] of the ink, right and bottom exclusive };
 * the last two are null where they were not detected.
 *
 * A picture is { width, height, channels: 1, 3 or 4, data }. `how`: "auto", "mnist", "resize" or
 * "none", as the model was trained. Throws an Error with "none" where it is not 28×28. */
function fit({ width, height, channels, data }, how = "auto") {
  if (how === "none" && (width !== SIDE || height !== SIDE)) {
    throw new Error(`${width}×${height} pixels, and this model takes 28×28 only`);
  }
  const result = core.__heap_base.value;
  const picture = result + RESULT;
  const workspace = picture + data.length;
  const missing = workspace + core.fit_workspace(width, height, channels)
    - core.memory.buffer.byteLength;
  if (missing > 0) core.memory.grow(Math.ceil(missing / PAGE));
  const memory = new Uint8Array(core.memory.buffer); // growing gave it another buffer
  memory.set(data, picture);
  const sizes = [width, height, channels, width * channels];
  if (!core.fit_digit(picture, ...sizes, HOW.indexOf(how), DETECT, workspace, result)) {
    throw new Error(`${width}×${height} pixels, which is too large`);
  }
  const box = [...new Int32Array(core.memory.buffer, result + BOX_AT, 4)];
  return {
    pixels: memory.slice(result, result + SIDE * SIDE),
    doubt: DOUBTS[memory[result + DOUBT_AT]],
    inverted: INVERTED[memory[result + INVERTED_AT]],
    box: box[2] ? box : null,
  };
}
