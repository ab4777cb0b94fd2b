/** The catalog as a map, with the person on it: each film a dot, near the dots of films like it as far as a plane can tell. */
import type { TasteMap } from "homebody";
import { h } from "./dom.js";
import * as words from "./words.js";

/** Drawn for screens of twice the pixels; a canvas of this many is sharp on nearly all of them. */
const DENSITY = 2;
const HEIGHT = 260;
/** Room for the outermost dots. */
const MARGIN = 12;

export class TasteMapView {
  private readonly canvas = h("canvas", { class: "taste-map", role: "img" });
  private readonly caption = h("figcaption", { class: "taste-map-caption" });
  readonly element = h("figure", { class: "taste-map-figure", hidden: true }, this.canvas, this.caption);

  /** Shows a map, or nothing where the catalog has none. */
  show(map: TasteMap | undefined): void {
    this.element.hidden = map === undefined;
    if (map === undefined) return;
    const liked = map.liked.length;
    const what = `${words.plural(map.ids.length, "film")}, those that are alike near each other.`;
    const where = map.person === undefined ? "Like a film, and you are on it." : `The ring is you, in the middle of the ${words.plural(liked, "film")} that say what you like.`;
    this.canvas.setAttribute("aria-label", `A map of ${what} ${where}`);
    this.caption.textContent = `${what} ${where}`;
    this.draw(map);
  }

  private draw({ x, y, liked, person }: TasteMap): void {
    const { canvas } = this;
    const width = canvas.clientWidth || 480;
    canvas.width = width * DENSITY;
    canvas.height = HEIGHT * DENSITY;
    const context = canvas.getContext("2d");
    if (!context) return;
    context.scale(DENSITY, DENSITY);
    const style = getComputedStyle(canvas);
    const colour = (name: string): string => style.getPropertyValue(name).trim();
    const left = (value: number): number => MARGIN + ((value + 1) / 2) * (width - 2 * MARGIN);
    const top = (value: number): number => MARGIN + ((1 - value) / 2) * (HEIGHT - 2 * MARGIN);
    const dot = (at: number, size: number): void => {
      context.beginPath();
      context.arc(left(x[at] ?? 0), top(y[at] ?? 0), size, 0, 2 * Math.PI);
      context.fill();
    };
    context.fillStyle = colour("--strong-line");
    context.globalAlpha = 0.45;
    for (const at of x.keys()) dot(at, 1.2);
    context.globalAlpha = 1;
    context.fillStyle = colour("--good");
    for (const at of liked) dot(at, 4);
    if (person === undefined) return;
    context.strokeStyle = colour("--ink");
    context.lineWidth = 2.5;
    context.beginPath();
    context.arc(left(person[0]), top(person[1]), 8, 0, 2 * Math.PI);
    context.stroke();
  }
}
