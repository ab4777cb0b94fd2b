/**
 * Elements without markup strings: `h("p", { class: "note" }, "text")`. Text is always text, so nothing that comes from
 * a catalog or a profile can turn into markup.
 */

type Child = Node | string | number | null | undefined | false;
type Attributes = Readonly<Record<string, unknown>>;

const SVG = "http://www.w3.org/2000/svg";

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes?: Attributes | null,
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  return fill(document.createElement(tag), attributes, children);
}

export function s<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes?: Attributes | null,
  ...children: Child[]
): SVGElementTagNameMap[K] {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** Handlers are given as `onclick: (event) => …`; `true` sets an empty attribute; `null`, `undefined`, `false` set none. */
function fill<E extends Element>(element: E, attributes: Attributes | null | undefined, children: Child[]): E {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value as EventListener);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

export function append(parent: Element, children: readonly Child[]): void {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    parent.append(typeof child === "number" ? String(child) : child);
  }
}

/** Replaces what an element holds. */
export function put(parent: Element, ...children: Child[]): void {
  parent.replaceChildren();
  append(parent, children);
}

/** The element of the page with this id; the page is ours, so a missing one is a mistake in the page. */
export function byId<E extends HTMLElement = HTMLElement>(id: string): E {
  const element = document.getElementById(id);
  if (!element) throw new Error(`index.html has no element with the id ${id}`);
  return element as E;
}

/** Line icons, drawn on a 20 × 20 grid. */
const ICONS = {
  heart: "M10 16.5S3.5 12.7 3.5 8.2A3.6 3.6 0 0 1 10 6a3.6 3.6 0 0 1 6.5 2.2c0 4.5-6.5 8.3-6.5 8.3z",
  cross: "M5 5l10 10M15 5L5 15",
  alike: "M3.5 7.5h8v8h-8zM8 7.5v-3h8.5v8.5h-5",
  search: "M9 14.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM13 13l4 4",
  undo: "M7 4L3.5 7.5 7 11M3.5 7.5H12a4.5 4.5 0 0 1 0 9H8",
  person: "M10 9.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM4 17c.4-3.4 2.8-5 6-5s5.6 1.6 6 5",
  sliders: "M4 6h7M15 6h1M4 14h1M9 14h7M13 4.2v3.6M7 12.2v3.6",
  sun: "M10 13.2a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4zM10 2.5v1.7M10 15.8v1.7M2.5 10h1.7M15.8 10h1.7M4.7 4.7l1.2 1.2M14.1 14.1l1.2 1.2M4.7 15.3l1.2-1.2M14.1 5.9l1.2-1.2",
  moon: "M16 11.8A6.5 6.5 0 0 1 8.2 4a6.5 6.5 0 1 0 7.8 7.8z",
  back: "M11.5 4.5L6 10l5.5 5.5M6.5 10H17",
  refresh: "M16 10a6 6 0 1 1-1.8-4.3M16.3 3v3.2h-3.2",
  help: "M7.5 7.6A2.6 2.6 0 1 1 10 10.5v1.4M10 14.6v.4",
  download: "M10 3.5v9M6.5 9.5L10 13l3.5-3.5M4 16.5h12",
  upload: "M10 13V4M6.5 7.5L10 4l3.5 3.5M4 16.5h12",
  check: "M4.5 10.5l3.5 3.5 7.5-8",
  lock: "M5.5 9h9v7.5h-9zM7 9V6.5a3 3 0 0 1 6 0V9",
} as const;

export type IconName = keyof typeof ICONS;

export function icon(name: IconName): SVGSVGElement {
  return s("svg", { class: `icon icon-${name}`, viewBox: "0 0 20 20", "aria-hidden": "true" }, s("path", { d: ICONS[name] }));
}
