// Page: what is on the pad, and what a person does to it.

const model = JSON.parse(at("model").textContent);
const { info } = model;
const network = withArrays(model);
const pad = at("pad");
const NOTHING = { strokes: [], bitmap: null };
const STATES = 100; // that can be undone

const states = [NOTHING]; // what was on the pad, the last is there now
let stroke = null; // the one that is being drawn
let boxes = []; // where digits were found: [left, top, right, bottom, label]
const now = () => states.at(-1);
const strokesNow = () => (stroke ? [...(now().bitmap ? [] : now().strokes), stroke] : now().strokes);

/** fit → network → judgement. A drawing is no file of a size: only "resize" applies to it. */
function read(picture, how) {
  const start = performance.now();
  const fitted = fit(picture, how);
  const scores = scoresOf(network, fitted.pixels);
  const judgement = judged(scores, fitted.doubt, info.thresholds);
  return { ...fitted, scores, judgement, took: performance.now() - start, empty: false };
}

/** Reads strokes or a picture: one digit, or a number where there plainly are several. */
function readState({ strokes, bitmap, picture }) {
  const start = performance.now();
  const how = info.fit === "resize" ? "resize" : "mnist";
  const reading = bitmap ? read(picture, info.fit)
    : { ...read(drawnPicture(strokes), how), empty: !strokes.length };
  const { doubt, inverted, judgement } = reading;
  if (!readsNumbers || !judgement.reason || doubt === "blank") return reading;
  const number = numberOn({ strokes, bitmap }, inverted, readOne);
  if (!number) return reading;
  // The fit calls several only what plainly is. Elsewhere a sure number is better than a doubt.
  const several = { ...numberReading(number), took: performance.now() - start };
  return doubt === "several" || several.judgement.status === "ok" ? several : reading;
}

/** One digit of a number. That a broken one has several pieces is no doubt. */
function readOne(picture) {
  const reading = read(picture, "mnist");
  const doubt = reading.doubt === "several" ? null : reading.doubt;
  return { ...reading, judgement: judged(reading.scores, doubt, info.thresholds) };
}

/** The reading of the digit that is least sure, with the number. */
function numberReading({ lines, leftOut }) {
  const digits = lines.flat();
  const need = ({ scores, judgement: { status, best } }) => (status === "ok" ? 1 : 0) + scores[best];
  const least = digits.reduce((a, b) => (need(b) < need(a) ? b : a));
  const text = lines.map((line) => line.map(labelOf).join("")).join(" ");
  return { ...least, number: { text, digits, leftOut } };
}

const labelOf = ({ judgement }) => info.labels[judgement.best];

/** Reads what is on the pad and shows it. `tell`: also to those who listen. */
function answer(tell) {
  try {
    const state = stroke ? { strokes: strokesNow(), bitmap: null } : now();
    const reading = readState(state);
    const single = state.bitmap && reading.box ? [[...reading.box, ""]] : [];
    boxes = reading.number?.digits.map((each) => [...each.box, labelOf(each)]) ?? single;
    showAnswer(reading, info);
    const { sentence, why } = verdict(reading, info);
    if (tell) at("said").textContent = `${sentence} ${why}`;
  } catch (error) {
    complain(`This picture cannot be read: ${error.message}.`);
  }
  repaint();
}

function repaint() {
  const side = Math.max(1, Math.round(pad.clientWidth * devicePixelRatio));
  if (pad.width !== side) pad.width = pad.height = side;
  const context = pad.getContext("2d");
  context.clearRect(0, 0, side, side);
  const { bitmap } = now();
  if (bitmap && !stroke) paintBitmap(context, bitmap, side);
  else {
    paint(context, strokesNow(), side, getComputedStyle(pad).color);
    paintBoxes(context, side, side / PAD, 0, 0);
  }
  at("hint").hidden = Boolean(bitmap || strokesNow().length);
  at("undo").disabled = states.length === 1;
  at("clear").disabled = now() === NOTHING;
}

/** As large as the pad allows, with a frame around the ink. */
function paintBitmap(context, bitmap, side) {
  const scale = side / Math.max(bitmap.width, bitmap.height);
  const [width, height] = [bitmap.width * scale, bitmap.height * scale];
  const [left, top] = [(side - width) / 2, (side - height) / 2];
  context.imageSmoothingEnabled = scale < 4; // the pixels of small ones are shown as they are
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, left, top, width, height);
  paintBoxes(context, side, scale, left, top);
}

/** A frame around each digit, with what it was read as below. */
function paintBoxes(context, side, scale, left, top) {
  context.lineWidth = Math.max(2, side / 200);
  context.strokeStyle = context.fillStyle = getComputedStyle(pad).outlineColor;
  for (const [x, y, right, bottom, label] of boxes) {
    const size = Math.max(side / 40, Math.min(side / 18, ((bottom - y) * scale) / 3));
    context.font = `650 ${size}px ${getComputedStyle(pad).fontFamily}`;
    context.textAlign = "center";
    context.textBaseline = "top";
    context.strokeRect(left + x * scale, top + y * scale, (right - x) * scale, (bottom - y) * scale);
    context.fillText(label, left + ((x + right) / 2) * scale, top + bottom * scale + size / 5);
  }
}

/** Puts something else on the pad. */
function put(state) {
  states.push(state);
  if (states.length > STATES) states.shift();
  at("problem").hidden = true;
  answer(true);
}

function undo() {
  if (stroke || states.length === 1) return;
  states.pop();
  at("problem").hidden = true;
  answer(true);
}

function complain(sentence) {
  at("problem").textContent = sentence;
  at("problem").hidden = false;
}

async function open(blob) {
  try {
    const state = { strokes: [], ...await opened(blob) };
    fit(state.picture, info.fit); // refuses what this model does not take, before it is shown
    put(state);
  } catch (error) {
    complain(`${blob.name || "The picture"}: ${error.message}.`);
  }
}

function point(event) {
  const { left, top, width } = pad.getBoundingClientRect();
  return [((event.clientX - left) / width) * PAD, ((event.clientY - top) / width) * PAD];
}

let waiting = false;
/** Once for all that happens between two frames. */
function soon() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    answer(false);
  });
}

function drawWithPointer() {
  pad.addEventListener("pointerdown", (event) => {
    if (stroke || event.button !== 0) return;
    pad.setPointerCapture(event.pointerId);
    stroke = [point(event)];
    stroke.pointer = event.pointerId;
    soon();
  });
  pad.addEventListener("pointermove", (event) => {
    if (stroke?.pointer !== event.pointerId) return;
    const events = event.getCoalescedEvents?.() ?? [];
    stroke.push(...(events.length ? events : [event]).map(point));
    soon();
  });
  const end = (event) => {
    if (stroke?.pointer !== event.pointerId) return;
    const strokes = strokesNow();
    stroke = null;
    put({ strokes, bitmap: null });
  };
  pad.addEventListener("pointerup", end);
  pad.addEventListener("pointercancel", end);
}

function takeFiles() {
  at("file").addEventListener("change", () => {
    const [file] = at("file").files;
    if (file) open(file);
    at("file").value = ""; // so that the same one can be chosen again
  });
  addEventListener("paste", (event) => {
    const [file] = event.clipboardData.files;
    if (file) open(file);
    else complain("There is no picture on the clipboard.");
  });
  addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    const [file] = event.dataTransfer.files;
    if (file) open(file);
    else complain("What was dropped is not a file: save the picture first.");
  });
}

/** A button that puts strokes on the pad, with these strokes on it. */
function exampleButton(name, strokes) {
  const button = element("button", "example");
  button.type = "button";
  button.ariaLabel = `Example: ${name}`;
  button.title = button.ariaLabel;
  const canvas = element("canvas");
  canvas.width = canvas.height = 96;
  button.append(canvas);
  button.addEventListener("click", () => put({ strokes, bitmap: null }));
  return button;
}

function paintExamples() {
  for (const [place, { strokes }] of examples.entries()) {
    const canvas = at("examples").querySelectorAll("canvas")[place];
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, 96, 96);
    paint(context, strokes, 96, getComputedStyle(canvas).color);
  }
}

// One letter or digit a label: only these can be written side by side.
const readsNumbers = ["auto", "mnist"].includes(info.fit) && info.labels.every((each) => [...each].length === 1);
const isDigits = info.labels.join("") === "0123456789";
const examples = [
  ...(isDigits ? EXAMPLES.map((each) => ({ ...each, name: `a handwritten ${each.name}` })) : []),
  { name: "a star, which is none of them", strokes: STAR },
];

function setUp() {
  const some = info.labels.slice(0, 12).join(" ") + (info.labels.length > 12 ? " …" : "");
  const title = isDigits ? "Draw a digit or a number" : `Draw one of ${some}`;
  document.title = `${title} · ${info.name}`;
  at("title").textContent = title;
  at("name").textContent = `${info.name}, ${info.parameters.toLocaleString("en")} parameters`;
  at("examples").append(...examples.map(({ name, strokes }) => exampleButton(name, strokes)));
  makeBars(info);
  showTemplates(network, info);
  showCard(info);
  drawWithPointer();
  takeFiles();
  at("undo").addEventListener("click", undo);
  at("clear").addEventListener("click", () => put(NOTHING));
  addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.key !== "z" || event.shiftKey) return;
    event.preventDefault();
    undo();
  });
  new ResizeObserver(repaint).observe(pad);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    repaint();
    paintExamples();
  });
  paintExamples();
  answer(false);
  // Browsers compile what has run a few times: so the first stroke is answered as fast as others.
  setTimeout(() => examples.forEach(({ strokes }) => read(drawnPicture(strokes), "mnist")), 0);
}

setUp();
// For scripts and tests: what the page makes of a blob.
window.tinydigits = {
  read: async (blob) => read((await opened(blob)).picture, info.fit),
  number: async (blob) => readState({ strokes: [], ...await opened(blob) }).number ?? null,
};
