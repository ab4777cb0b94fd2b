/**
 * The picture on a card: there are no posters here, so every film gets a striped sleeve like a blank video tape's. The
 * genre chooses the family of shapes and the colours (styles.css), the id decides where they lie. The same film always
 * looks the same, on every device, without a byte of image data.
 */
import { s } from "./dom.js";

/** The pictures are drawn in this box, which sits in the lower right of the sleeve; stripes run on to the left of it. */
const WIDTH = 240;
const HEIGHT = 96;
const FAR_LEFT = -640;

type Draw = (random: () => number) => SVGElement[];

/** Four shades, from the deepest to the palest; styles.css gives `.k1` to `.k4` their colour by theme and genre. */
const SHADES = [1, 2, 3, 4] as const;

const line = (shade: number, width: number, d: string): SVGElement =>
  s("path", { class: `l k${shade}`, "stroke-width": width, d });
const area = (shade: number, d: string): SVGElement => s("path", { class: `k${shade}`, d });
const round = (n: number): number => Math.round(n * 10) / 10;

/** Stripes that come from the left and turn down in a round corner. */
const elbow: Draw = (random) => {
  const turn = 80 + random() * 110;
  const radius = 26 + random() * 22;
  return SHADES.map((shade, i) => {
    const y = 10 + i * 15;
    const x = turn - i * 15 + 45;
    const r = Math.max(radius - i * 15 + 45, 8);
    return line(shade, 10, `M${FAR_LEFT} ${y}H${round(x - r)}A${round(r)} ${round(r)} 0 0 1 ${round(x)} ${round(y + r)}V120`);
  });
};

/** Slanted stripes, one bundle, wide to narrow. */
const slant: Draw = (random) => {
  const lean = (random() < 0.5 ? -1 : 1) * (46 + random() * 40);
  let x = 20 + random() * 70;
  return SHADES.map((shade, i) => {
    const width = 30 - i * 6;
    const d = `M${round(x)} ${HEIGHT}l${round(lean)} ${-HEIGHT}h${width}l${round(-lean)} ${HEIGHT}z`;
    x += width + 6;
    return area(shade, d);
  });
};

/** A low sun, cut by the horizon's lines. */
const sun: Draw = (random) => {
  const cx = round(60 + random() * 120);
  const r = round(54 + random() * 22);
  const top = HEIGHT - r;
  const shapes: SVGElement[] = [];
  for (let i = 0; i < 6; i++) {
    const y0 = top + (r * i) / 6;
    const y1 = top + (r * (i + 1)) / 6 - 1.2 - i * 0.9;
    const half = (y: number): number => Math.sqrt(Math.max(r * r - (HEIGHT - y) ** 2, 0));
    const [a, b] = [round(half(y0)), round(half(y1))];
    shapes.push(
      area(
        Math.min(4, 1 + Math.floor(i * 0.7)),
        `M${cx - a} ${round(y0)}A${r} ${r} 0 0 0 ${round(cx - b)} ${round(y1)}H${round(cx + b)}A${r} ${r} 0 0 0 ${cx + a} ${round(y0)}z`,
      ),
    );
  }
  shapes.push(line(4, 1.5, `M${FAR_LEFT} ${HEIGHT - 0.75}H${WIDTH}`));
  return shapes;
};

/** Arches inside each other. */
const arches: Draw = (random) => {
  const cx = round(50 + random() * 140);
  return SHADES.map((shade, i) => {
    const r = 82 - i * 18;
    return line(shade, 12, `M${cx - r} 110V${HEIGHT}A${r} ${r} 0 0 1 ${cx + r} ${HEIGHT}V110`);
  });
};

/** Ridges, one behind the other. */
const ridges: Draw = (random) => {
  const at = [0, 1, 2, 3].map((i) => 30 + i * 58 + random() * 26);
  const shapes = [4, 3, 2, 1].map((shade, i) => {
    const x = at[(i * 3) % 4] ?? 0;
    const height = 84 - i * 15;
    return area(shade, `M${round(x - height * 1.25)} ${HEIGHT}L${round(x)} ${HEIGHT - height}L${round(x + height * 1.25)} ${HEIGHT}z`);
  });
  return shapes;
};

/** Long waves. */
const waves: Draw = (random) => {
  const length = 90 + random() * 50;
  const phase = FAR_LEFT - random() * length;
  return SHADES.map((shade, i) => {
    const y = 22 + i * 19;
    let d = `M${round(phase)} ${y}`;
    for (let x = phase; x < WIDTH + length; x += length) d += `q${round(length / 4)} -22 ${round(length / 2)} 0t${round(length / 2)} 0`;
    return line(shade, 9, d);
  });
};

/** Teeth. */
const teeth: Draw = (random) => {
  const width = 18 + random() * 16;
  const phase = FAR_LEFT - random() * width;
  return SHADES.map((shade, i) => {
    const y = 26 + i * 20;
    const half = width / 2;
    let d = `M${round(phase - width)} ${y}`;
    for (let x = phase - width; x < WIDTH + width; x += width) d += `l${round(half)} -18 ${round(half)} 18`;
    return line(shade, 8 - i, d);
  });
};

/** Rows of dots that grow towards one corner. */
const dots: Draw = (random) => {
  const slope = 0.8 + random() * 0.5;
  const shapes: SVGElement[] = [];
  for (let row = 0; row < 5; row++) {
    for (let column = 0; column < 12; column++) {
      const reach = (column / 11) ** slope;
      const r = round(0.6 + 8 * reach * ((row + 2) / 6));
      if (r < 1.6) continue;
      const shade = SHADES[3 - Math.min(3, Math.floor(reach * 4))] ?? 4;
      shapes.push(s("circle", { class: `k${shade}`, cx: 10 + column * 20 + (row % 2) * 10, cy: 10 + row * 19, r }));
    }
  }
  return shapes;
};

/** Light through a blind. */
const blinds: Draw = (random) => {
  const start = 20 + random() * 60;
  const shapes: SVGElement[] = [];
  let x = start;
  for (let i = 0; i < 8; i++) {
    const width = round(3 + ((i * 5 + Math.floor(random() * 3)) % 8) * 2.4);
    const top = round(random() * 40);
    shapes.push(area(SHADES[i % 4] ?? 1, `M${round(x)} ${top}h${width}V${HEIGHT}h${-width}z`));
    x += width + 6;
  }
  return shapes;
};

/** Level stripes, broad to fine. */
const level: Draw = (random) => {
  const from = round(random() * 120);
  return SHADES.map((shade, i) => line(shade, 17 - i * 4.4, `M${from + i * 22} ${[16, 43, 66, 84][i]}H${WIDTH + 10}`));
};

/** Quarter circles, like building blocks. */
const blocks: Draw = (random) => {
  const shapes: SVGElement[] = [];
  for (let row = 0; row < 2; row++) {
    for (let column = 0; column < 5; column++) {
      if (random() < 0.3) continue;
      const [x, y, a] = [column * 48, row * 48, 48];
      const turn = [
        `M${x} ${y}h${a}A${a} ${a} 0 0 1 ${x} ${y + a}z`,
        `M${x} ${y}h${a}v${a}A${a} ${a} 0 0 1 ${x} ${y}z`,
        `M${x + a} ${y}v${a}h${-a}A${a} ${a} 0 0 1 ${x + a} ${y}z`,
        `M${x} ${y}v${a}h${a}A${a} ${a} 0 0 0 ${x} ${y}z`,
      ][Math.floor(random() * 4)];
      shapes.push(area([2, 3, 4, 4, 1][Math.floor(random() * 5)] ?? 4, turn ?? ""));
    }
  }
  return shapes;
};

const BY_KIND: Readonly<Record<string, Draw>> = {
  drama: elbow,
  comedy: dots,
  action: slant,
  adventure: ridges,
  thriller: blinds,
  horror: teeth,
  romance: arches,
  musical: waves,
  documentary: level,
  western: sun,
  dark: blinds,
  concert: waves,
  scifi: sun,
  fantasy: arches,
  kids: blocks,
  hero: slant,
  history: elbow,
  fact: level,
  other: level,
};

/** The picture for one film. */
export function sleeveArt(id: string, kind: string): SVGSVGElement {
  const draw = BY_KIND[kind] ?? level;
  return s(
    "svg",
    { class: "art", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "xMaxYMax meet", "aria-hidden": "true" },
    ...draw(generator(id)),
  );
}

/** Repeatable numbers in [0, 1) out of a text: FNV-1a for the seed, mulberry32 for the sequence. */
function generator(seed: string): () => number {
  let state = 0x811c9dc5;
  for (let i = 0; i < seed.length; i++) state = Math.imul(state ^ seed.charCodeAt(i), 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
