// Numbers: several digits in one picture. Each is cut out where there are gaps, and then fitted and
// read as a single digit is. Digits that touch stay together: `tinydigits read` cuts them.
//
// A box is [left, top, right, bottom], right and bottom exclusive.

const SEARCHED = 640; // px: the longer side at which a picture is searched for pieces of ink
const MOST_PIECES = 400; // a picture with more is a texture
const AROUND = 1 / 8; // of the longer side: how far the paper reaches that ink stands out from
const LEAST_CONTRAST = 20; // of 255
const SMALL = 0.4; // of the tallest: a smaller piece is part of a digit, or none
const SPECK = 0.08; // of the tallest: a piece that is smaller both ways is dust
const GAP = 0.3; // of the tallest: the bar of a 5 is no farther from the rest

const heightOf = ([, top, , bottom]) => bottom - top;
const united = (a, b) => [
  Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3]),
];
/** How far two boxes overlap along an axis (0: across), as a share of the shorter of the two. */
function overlap(a, b, axis) {
  const common = Math.min(a[axis + 2], b[axis + 2]) - Math.max(a[axis], b[axis]);
  return common / Math.max(1, Math.min(a[axis + 2] - a[axis], b[axis + 2] - b[axis]));
}

/** Pieces, [{ box, … }] → { lines: [[{ box, pieces }, …], …] in reading order, leftOut }. */
function digitsOf(pieces) {
  const tall = Math.max(...pieces.map(({ box }) => heightOf(box)));
  const wide = ({ box }) => box[2] - box[0];
  const solid = pieces.filter(({ box }) => Math.max(heightOf(box), box[2] - box[0]) > SPECK * tall);
  const [large, small] = [[], []];
  for (const piece of solid) (heightOf(piece.box) >= SMALL * tall ? large : small).push(piece);
  const lines = [];
  for (const piece of large.sort((a, b) => a.box[0] - b.box[0])) {
    const level = (line) => overlap(line.at(-1).box, piece.box, 1);
    const line = lines.filter((each) => level(each) > 0.5).sort((a, b) => level(b) - level(a))[0];
    const last = line?.at(-1);
    if (last && overlap(last.box, piece.box, 0) > 0.5) {
      last.box = united(last.box, piece.box);
      last.pieces.push(piece);
    } else if (line) line.push({ box: piece.box, pieces: [piece] });
    else lines.push([{ box: piece.box, pieces: [piece] }]);
  }
  const digits = lines.flat();
  let leftOut = 0;
  for (const piece of small.sort((a, b) => wide(b) - wide(a))) {
    const near = digits.find(({ box }) => overlap(box, piece.box, 0) > 0.3
      && Math.max(box[1] - piece.box[3], piece.box[1] - box[3]) < GAP * tall);
    if (near) near.pieces.push(piece);
    else leftOut++;
  }
  for (const digit of digits) digit.box = digit.pieces.map(({ box }) => box).reduce(united);
  const middleOf = (line) => line.reduce((sum, { box }) => sum + box[1] + box[3], 0) / line.length;
  return { lines: lines.sort((a, b) => middleOf(a) - middleOf(b)), leftOut };
}

/** Strokes on the pad → pieces, with the ink of their pen. */
function drawnPieces(strokes) {
  return strokes.map((points) => {
    const [across, down] = [points.map(([x]) => x), points.map(([, y]) => y)];
    const pen = PEN / 2;
    const from = [Math.min(...across) - pen, Math.min(...down) - pen];
    return { box: [...from, Math.max(...across) + pen, Math.max(...down) + pen], points };
  });
}

/** Some strokes as a drawing of their own, as large on the pad as a single digit is drawn. */
function drawnDigit({ box, pieces }) {
  const scale = (0.75 * PAD) / Math.max(heightOf(box), box[2] - box[0]);
  const [x, y] = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
  const moved = ([across, down]) => [(across - x) * scale + PAD / 2, (down - y) * scale + PAD / 2];
  return drawnPicture(pieces.map(({ points }) => points.map(moved)));
}

/** A bitmap → { pieces, levels, labels, width, scale }: its ink, in px of a smaller picture. */
function piecesOf(bitmap, isDark) {
  const scale = Math.min(1, SEARCHED / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale)));
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.fillStyle = isDark ? "#fff" : "#000";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  const levels = Uint8Array.from({ length: width * height }, (_, at) => {
    const grey = 0.299 * data[4 * at] + 0.587 * data[4 * at + 1] + 0.114 * data[4 * at + 2];
    return isDark ? 255 - grey : grey;
  });
  standOut(levels, width, height);
  const labels = new Int32Array(width * height);
  const pieces = [];
  for (let first = 0; first < labels.length && pieces.length <= MOST_PIECES; first++) {
    if (!levels[first] || labels[first]) continue;
    const label = pieces.length + 1;
    const box = [width, height, 0, 0];
    const open = [first];
    labels[first] = label;
    while (open.length) {
      const at = open.pop();
      const [x, y] = [at % width, Math.trunc(at / width)];
      [box[0], box[1], box[2], box[3]] = united(box, [x, y, x + 1, y + 1]);
      for (let down = Math.max(0, y - 1); down <= Math.min(height - 1, y + 1); down++) {
        for (let across = Math.max(0, x - 1); across <= Math.min(width - 1, x + 1); across++) {
          const next = down * width + across;
          if (levels[next] && !labels[next]) {
            labels[next] = label;
            open.push(next);
          }
        }
      }
    }
    pieces.push({ box, label });
  }
  return { pieces, levels, labels, width, scale };
}

/** Leaves what is brighter than its surroundings by more than noise, and 0 elsewhere. */
function standOut(levels, width, height) {
  const reach = Math.max(8, Math.round(Math.max(width, height) * AROUND));
  const sums = new Float64Array((width + 1) * (height + 1));
  for (let y = 0; y < height; y++) {
    for (let x = 0, row = 0; x < width; x++) {
      row += levels[y * width + x];
      sums[(y + 1) * (width + 1) + x + 1] = sums[y * (width + 1) + x + 1] + row;
    }
  }
  const departures = levels.map((level, at) => {
    const [x, y] = [at % width, Math.trunc(at / width)];
    const [left, right] = [Math.max(0, x - reach), Math.min(width, x + reach + 1)];
    const [top, bottom] = [Math.max(0, y - reach) * (width + 1), Math.min(height, y + reach + 1) * (width + 1)];
    const sum = sums[bottom + right] - sums[bottom + left] - sums[top + right] + sums[top + left];
    return Math.max(0, level - sum / ((right - left) * ((bottom - top) / (width + 1))));
  });
  const strongest = departures.slice().sort()[Math.floor(0.998 * (departures.length - 1))];
  const least = Math.max(LEAST_CONTRAST, 0.4 * strongest);
  departures.forEach((level, at) => { levels[at] = level > least ? Math.min(255, (255 * level) / strongest) : 0; });
}

/** The ink of one digit alone, bright on black. */
function cutOut({ box: [left, top, right, bottom], pieces }, { levels, labels, width }) {
  const own = new Set(pieces.map(({ label }) => label));
  const margin = Math.ceil((bottom - top) / 4);
  const [across, down] = [right - left + 2 * margin, bottom - top + 2 * margin];
  const data = new Uint8Array(across * down);
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      const at = y * width + x;
      if (own.has(labels[at])) data[(y - top + margin) * across + x - left + margin] = levels[at];
    }
  }
  return { width: across, height: down, channels: 1, data };
}

/** Reads each digit of what is on the pad → { lines: [[reading with its box, …], …], leftOut }, or
 * null where there are not several, or too many pieces to be digits. */
function numberOn({ strokes, bitmap }, inverted, readOne) {
  const found = bitmap ? piecesOf(bitmap, inverted) : { pieces: drawnPieces(strokes), scale: 1 };
  if (found.pieces.length < 2 || found.pieces.length > MOST_PIECES) return null;
  const { lines, leftOut } = digitsOf(found.pieces);
  if (lines.flat().length < 2) return null;
  const reading = (digit) => ({
    ...readOne(bitmap ? cutOut(digit, found) : drawnDigit(digit)),
    box: digit.box.map((edge) => edge / found.scale),
  });
  return { lines: lines.map((line) => line.map(reading)), leftOut };
}
