// Pictures: from a file to pixels.
//
// The browser decodes. It turns photographs upright; JPEG may come out a level or two from other
// decoders. A canvas keeps colours multiplied by alpha, so what lies under full transparency is
// lost, which the fit never looks at.

const MOST_PIXELS = 16_000_000; // a canvas on a phone holds no more; larger ones are reduced first

/** A file or blob → { bitmap, picture }, the latter for the fit. Throws an Error that says what is
 * wrong. */
async function opened(blob) {
  if (!blob.size) throw new Error("the file is empty");
  // No colour management: the networks learnt from levels as they stand in files.
  const options = { colorSpaceConversion: "none" };
  try {
    let bitmap = await createImageBitmap(blob, options);
    const scale = Math.sqrt(MOST_PIXELS / (bitmap.width * bitmap.height));
    if (scale < 1) {
      const resizeWidth = Math.max(1, Math.floor(bitmap.width * scale));
      const resizeHeight = Math.max(1, Math.floor(bitmap.height * scale));
      const size = { resizeWidth, resizeHeight, resizeQuality: "high" };
      bitmap = await createImageBitmap(bitmap, { ...options, ...size });
    }
    return { bitmap, picture: pictureOf(bitmap, await hasAlpha(blob)) };
  } catch {
    throw new Error(`this browser cannot open it${blob.type ? ` (${blob.type})` : ""}`);
  }
}

/** Whether a PNG says that it has an alpha channel, which a canvas does not tell of an opaque one:
 * such a picture is never taken for a model input. */
async function hasAlpha(blob) {
  const head = new Uint8Array(await blob.slice(0, 26).arrayBuffer());
  const isPng = [0x89, 0x50, 0x4e, 0x47].every((byte, place) => head[place] === byte);
  return isPng && (head[25] & 4) > 0; // colour types 4 and 6
}

/** What can be drawn on a canvas → { width, height, channels, data }: four channels where it lets
 * something through or has `alpha`, else three. */
function pictureOf(source, alpha) {
  const { width, height } = source;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
  context.drawImage(source, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  let opaque = !alpha;
  for (let at = 3; opaque && at < data.length; at += 4) opaque = data[at] === 255;
  if (!opaque) return { width, height, channels: 4, data };
  const colours = new Uint8Array(3 * width * height);
  for (let at = 0, from = 0; at < colours.length; from += 4) {
    for (let band = 0; band < 3; band++) colours[at++] = data[from + band];
  }
  return { width, height, channels: 3, data: colours };
}
