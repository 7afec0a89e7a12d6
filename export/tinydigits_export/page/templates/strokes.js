// Strokes: what is drawn, as lines of points on a pad of PAD × PAD.

const PAD = 192; // px: the fit need not reduce so small a drawing
const PEN = 14; // of PAD: a digit of three quarters of the pad's height gets MNIST's strokes

/** Paints strokes onto a square of `side` px; curves through the middles between points. */
function paint(context, strokes, side, colour) {
  context.save();
  context.scale(side / PAD, side / PAD);
  Object.assign(context, { lineWidth: PEN, lineCap: "round", lineJoin: "round", strokeStyle: colour });
  for (const points of strokes) {
    context.beginPath();
    context.moveTo(...points[0]);
    for (let at = 1; at < points.length - 1; at++) {
      context.quadraticCurveTo(...points[at], ...middle(points[at], points[at + 1]));
    }
    context.lineTo(...points.at(-1)); // a dot, where there is only one
    context.stroke();
  }
  context.restore();
}

function middle([x, y], [otherX, otherY]) {
  return [(x + otherX) / 2, (y + otherY) / 2];
}

const drawing = new OffscreenCanvas(PAD, PAD).getContext("2d", { willReadFrequently: true });

/** The strokes as a grey picture, bright on black, the same on every screen and in every theme. */
function drawnPicture(strokes) {
  drawing.fillStyle = "#000";
  drawing.fillRect(0, 0, PAD, PAD);
  paint(drawing, strokes, PAD, "#fff");
  const { data } = drawing.getImageData(0, 0, PAD, PAD);
  const grey = Uint8Array.from({ length: PAD * PAD }, (_, at) => data[4 * at]);
  return { width: PAD, height: PAD, channels: 1, data: grey };
}

/** For those who cannot or would rather not draw. */
const EXAMPLES = [
  { name: "2", strokes: [
    [[58, 64], [70, 42], [96, 34], [122, 44], [128, 68], [112, 96], [84, 124], [58, 150],
    [92, 150], [138, 146]]
  ] },
  { name: "3", strokes: [
    [[62, 52], [82, 36], [112, 38], [124, 60], [110, 82], [88, 90], [118, 98], [132, 122],
    [118, 148], [88, 158], [60, 146]]
  ] },
  { name: "4", strokes: [
    [[84, 34], [72, 66], [58, 104], [96, 104], [140, 100]], [[114, 66], [110, 108], [104, 160]]
  ] },
  { name: "7", strokes: [
    [[52, 46], [90, 44], [136, 40], [120, 80], [98, 122], [84, 162]]
  ] },
  { name: "8", strokes: [
    [[124, 56], [104, 36], [78, 42], [70, 64], [92, 86], [118, 106], [124, 134], [98, 156],
    [70, 144], [70, 118], [96, 92], [120, 72], [124, 56]]
  ] },
];
const STAR = [ // which is none of the labels
  [[96, 36], [134, 150]], [[134, 150], [36, 80]], [[36, 80], [156, 80]],
  [[156, 80], [58, 150]], [[58, 150], [96, 36]],
];
