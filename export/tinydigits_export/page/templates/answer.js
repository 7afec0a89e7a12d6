// Answer: what the page shows of one reading. All text goes in as text, never as markup.

const at = (id) => document.getElementById(id);

function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

/** A score as people read it: 0.998, and neither 1.000 nor 0.000 for what only comes near. */
function shown(score) {
  const rounded = score.toFixed(3);
  if (rounded === "1.000" && score < 1) return ">0.999";
  return rounded === "0.000" && score > 0 ? "<0.001" : rounded;
}

/** The verdict on several digits, of which `reading` is the one that is least sure. */
function numberVerdict({ number, scores, judgement }, info) {
  const { text, digits, leftOut } = number;
  const doubted = digits.filter((each) => each.judgement.reason).length;
  const label = info.labels[judgement.best];
  const rest = leftOut ? ` ${leftOut} smaller sign${leftOut > 1 ? "s are" : " is"} left out.` : "";
  return {
    sign: text,
    sentence: doubted ? `Uncertain, at best ${text}.` : `Read as ${text}.`,
    why: `${digits.length} digits${doubted ? `, ${doubted} of them uncertain` : ""}. The least sure is shown: `
      + `${label}, score ${shown(scores[judgement.best])}.${rest} Digits that touch are not parted here.`,
  };
}

/** The verdict as { sign, sentence, why }. */
function verdict(reading, info) {
  const { scores, judgement, empty } = reading;
  const { labels, thresholds } = info;
  const { reason, best, second } = judgement;
  if (reading.number) return numberVerdict(reading, info);
  if (empty) return { sign: "", sentence: "Nothing drawn yet.", why: "" };
  if (reason === "blank") {
    return { sign: "–", sentence: "Blank.", why: "No ink was found, so there is nothing to read." };
  }
  const label = labels[best];
  const score = shown(scores[best]);
  if (reason === "several") {
    return {
      sign: "?", sentence: "Uncertain: more than one sign.",
      why: `They cannot be parted into digits here. The main one is read as ${label}, score ${score}.`,
    };
  }
  if (reason === "too_small") {
    return {
      sign: "?", sentence: "Uncertain: the sign is too small.",
      why: `It has fewer than 8 pixels down and across. At best it is ${label}, score ${score}.`,
    };
  }
  if (reason === "low_score") {
    const least = thresholds.min_score.toFixed(3);
    return {
      sign: "?", sentence: `Uncertain, at best ${label}.`,
      why: `The best score, ${score}, is below ${least}, the least that this model is trusted with.`,
    };
  }
  const next = second === null ? "" : `${labels[second]} at ${shown(scores[second])}`;
  if (reason === "ambiguous") {
    const most = Number((100 * thresholds.max_ratio).toFixed(2));
    return {
      sign: `${label}?`, sentence: `Uncertain, ${label} or ${labels[second]}.`,
      why: `${label} has ${score}, and ${next} is too near: more than ${most} % of it.`,
    };
  }
  const rest = next ? `; the next is ${next}` : "";
  return { sign: label, sentence: `Read as ${label}.`, why: `Score ${score}${rest}.` };
}

/** One bar for each label, made once. */
function makeBars({ labels, thresholds }) {
  at("bars").classList.toggle("many", labels.length > 12);
  at("bars").style.setProperty("--least", `${100 * thresholds.min_score}%`);
  at("bars").append(...labels.map((label) => {
    const item = element("li");
    const name = element("span", "name", label);
    name.title = label;
    const track = element("span", thresholds.min_score > 0 ? "track least" : "track");
    track.append(element("span", "fill"));
    item.append(name, track, element("span", "score"));
    return item;
  }));
  const least = thresholds.min_score.toFixed(3);
  at("note").textContent = "Scores are independent of each other and need not sum to 1."
    + (thresholds.min_score > 0 ? ` The line marks ${least}, the least that is trusted.` : "");
}

function showBars({ scores, judgement, empty }) {
  const none = empty || judgement.reason === "blank";
  [...at("bars").children].forEach((item, label) => {
    const score = none ? 0 : scores[label];
    item.classList.toggle("best", !none && label === judgement.best);
    item.querySelector(".fill").style.width = `${100 * score}%`;
    item.querySelector(".score").textContent = none ? "–" : shown(score);
  });
}

/** What the model sees, always bright on black. */
function showSeen(pixels) {
  const data = new Uint8ClampedArray(4 * pixels.length);
  pixels.forEach((level, pixel) => data.set([level, level, level, 255], 4 * pixel));
  at("seen").getContext("2d").putImageData(new ImageData(data, SIDE, SIDE), 0, 0);
}

function showAnswer(reading, info) {
  const { sign, sentence, why } = verdict(reading, info);
  at("sign").textContent = sign;
  at("sentence").textContent = sentence;
  at("why").textContent = why;
  at("answer").classList.toggle("number", Boolean(reading.number));
  at("answer").dataset.status = reading.empty ? "empty" : reading.judgement.status;
  at("took").textContent = reading.empty ? "" : `Read in ${Math.max(reading.took, 0.1).toFixed(1)} ms.`;
  showBars(reading);
  showSeen(reading.pixels);
}

/** Where the network is one dense layer on the pixels, its weights are a picture for each label:
 * orange where ink speaks for it, purple where ink speaks against it, as in the plots of `train`. */
function showTemplates(network, { labels }) {
  const [only] = network;
  const [kernel] = only.arrays;
  if (network.length > 1 || kernel?.length !== SIDE * SIDE * labels.length) return;
  const sizes = kernel.map(Math.abs).sort();
  const strong = sizes[Math.trunc(0.98 * sizes.length)] || 1;
  at("templates").hidden = false;
  at("templates").querySelector("ul").append(...labels.map((label, column) => {
    const canvas = element("canvas", "pixels");
    canvas.width = canvas.height = SIDE;
    const data = new Uint8ClampedArray(4 * SIDE * SIDE);
    for (let pixel = 0; pixel < SIDE * SIDE; pixel++) {
      const weight = kernel[pixel * labels.length + column] / strong;
      data.set([...(weight > 0 ? [224, 130, 20] : [128, 115, 172]), 255 * Math.abs(weight)], 4 * pixel);
    }
    canvas.getContext("2d").putImageData(new ImageData(data, SIDE, SIDE), 0, 0);
    canvas.role = "img";
    canvas.ariaLabel = `Weights for ${label}`;
    const item = element("li");
    item.append(canvas, element("span", "name", label));
    return item;
  }));
}

/** What the model says of itself. */
function showCard(info) {
  const { min_score: minScore, max_ratio: maxRatio } = info.thresholds;
  const { name: data, train_images: images } = info.trained_on;
  const test = info.metrics.test?.accuracy;
  const rows = {
    Model: `${info.name}, recipe ${info.recipe}, ${info.parameters.toLocaleString("en")} parameters`,
    Labels: info.labels.join(" "),
    "Trained on": data && `${data}${images ? `, ${images.toLocaleString("en")} images` : ""}`,
    Accuracy: test !== undefined && `${(100 * test).toFixed(2)} % of its test images`,
    Thresholds: `score at least ${minScore}, second ÷ best at most ${maxRatio}`,
    Pictures: `brought to 28×28 with fit=${info.fit}`,
    "Made from": `the Keras file with SHA-256 ${info.keras_sha256}`,
    "Made by": info.created_by,
  };
  for (const [name, value] of Object.entries(rows)) {
    if (value) at("card").append(element("dt", "", name), element("dd", "", value));
  }
}
