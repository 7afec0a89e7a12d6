// Pieces: which of the ink is the digit, and which is debris. After runtime/tinydigits/pieces.py.

const GRID = 64; // cells: the longer side of the grid
const RULE_SHARE = 0.85; // of the width: a thin line that long is ruled, not written
const RULE_CELLS = 3; // cells: how thick a ruled line may be
const SPECK = 0.035; // of the main piece's cells: less is dust
const PART = 0.18; // of the main piece's cells: so large a piece belongs to the digit
const NEAR = 0.16; // of the main piece's longer side: a piece so close belongs to the digit

/** The same ink with everything that is not the digit set to 0. */
function digitOnly(ink) {
  const factor = Math.ceil(Math.max(ink.width, ink.height) / GRID);
  const inked = pooled(ink, factor);
  const mask = withoutRules(inked);
  const pieces = piecesOf(mask);
  const kept = pieces.length ? chosen(pieces, mask) : [];
  if (!kept.length || (mask === inked && kept.length === pieces.length)) return ink;
  const grid = new Uint8Array(mask.data.length);
  for (const { runs } of kept) {
    for (const [row, first, last] of runs) {
      grid.fill(1, row * mask.width + first, row * mask.width + last);
    }
  }
  const data = ink.data.map((level, at) => {
    const row = Math.trunc(at / ink.width);
    const column = at - row * ink.width;
    return level * grid[Math.trunc(row / factor) * mask.width + Math.trunc(column / factor)];
  });
  return { ...ink, data };
}

/** A cell is inked where any of its factor × factor pixels is. */
function pooled({ width, height, data }, factor) {
  const [toWidth, toHeight] = [Math.ceil(width / factor), Math.ceil(height / factor)];
  const cells = new Uint8Array(toWidth * toHeight);
  for (let row = 0; row < height; row++) {
    const start = Math.trunc(row / factor) * toWidth;
    for (let column = 0; column < width; column++) {
      if (data[row * width + column] > 0) cells[start + Math.trunc(column / factor)] = 1;
    }
  }
  return { width: toWidth, height: toHeight, data: cells };
}

/** Ruled lines and paper edges: thin, straight, from border to border. Where a stroke crosses one,
 * what is inked on both its sides stays. */
function withoutRules(mask) {
  for (const turned of [false, true]) {
    const view = turned ? transposed(mask) : { ...mask, data: mask.data.slice() };
    if (Math.min(view.width, view.height) < 8 * RULE_CELLS) continue;
    if (removeRules(view)) mask = turned ? transposed(view) : view;
  }
  return mask;
}

/** Whether there was any ruled row. */
function removeRules({ width, height, data }) {
  const row = (at) =>
    (at < 0 || at >= height ? new Uint8Array(width) : data.slice(at * width, (at + 1) * width));
  const long = Array.from(
    { length: height }, (_, at) => row(at).reduce((sum, cell) => sum + cell, 0) >= RULE_SHARE * width,
  );
  const count = long.filter(Boolean).length;
  if (!count || count > height / 2) return false;
  for (let first = 0; first < height; first++) {
    if (!long[first]) continue;
    let last = first;
    while (long[last]) last++;
    if (last - first <= RULE_CELLS) {
      const [above, below] = [row(first - 1), row(last)];
      const both = above.map((cell, at) => cell & below[at]);
      for (let at = first; at < last; at++) data.set(both, at * width);
    }
    first = last;
  }
  return true;
}

/** The connected pieces (of 8 neighbours), by union of runs (Rosenfeld and Pfaltz, 1966). */
function piecesOf(mask) {
  const runs = runsOf(mask);
  const parent = runs.map((_, run) => run);
  const root = (run) => {
    while (parent[run] !== run) run = parent[run] = parent[parent[run]];
    return run;
  };
  let above = 0;
  runs.forEach(([row, first, last], run) => {
    while (runs[above][0] < row - 1) above++;
    for (let other = above; runs[other][0] === row - 1 && runs[other][1] <= last; other++) {
      if (runs[other][2] >= first) parent[root(other)] = root(run);
    }
    while (runs[above][0] === row - 1 && runs[above][2] < first) above++;
  });
  const grouped = new Map();
  runs.forEach((cells, run) => {
    const key = root(run);
    if (!grouped.has(key)) grouped.set(key, []);
    grouped.get(key).push(cells);
  });
  return [...grouped.values()].map(piece);
}

/** [row, first column, column behind the last] of each run of inked cells. */
function runsOf({ width, height, data }) {
  const runs = [];
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      if (!data[row * width + column]) continue;
      const first = column;
      while (column < width && data[row * width + column]) column++;
      runs.push([row, first, column]);
    }
  }
  return runs;
}

function piece(runs) {
  return {
    runs,
    cells: runs.reduce((sum, [, first, last]) => sum + last - first, 0),
    top: runs[0][0],
    left: Math.min(...runs.map(([, first]) => first)),
    bottom: runs.at(-1)[0] + 1,
    right: Math.max(...runs.map(([, , last]) => last)),
  };
}

/** Cells between the boxes of two pieces; 0 where they touch or overlap. */
function gap(a, b) {
  const across = Math.max(a.left - b.right, b.left - a.right, 0);
  return Math.max(across, a.top - b.bottom, b.top - a.bottom, 0);
}

/** The main piece and what belongs to it. */
function chosen(pieces, { width, height }) {
  /** The borders of the picture that a piece touches. */
  const sides = ({ top, left, bottom, right }) =>
    [top === 0, left === 0, bottom === height, right === width];
  // What comes in from the border is often a neighbour, a shadow or a paper edge.
  const weight = (each) => each.cells * (sides(each).includes(true) ? 0.4 : 1);
  const main = pieces.reduce((best, each) => (weight(each) > weight(best) ? each : best));
  const size = Math.max(main.bottom - main.top, main.right - main.left);
  const mainSides = sides(main);
  return pieces.filter((each) => {
    if (each === main) return true;
    const share = each.cells / main.cells;
    const away = gap(main, each);
    if (sides(each).some((touches, side) => touches && !mainSides[side])) {
      return share >= PART && away === 0;
    }
    return share >= PART || (share >= SPECK && away <= NEAR * size);
  });
}
