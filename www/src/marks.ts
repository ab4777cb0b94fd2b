/** What the person has said about each film, read from the events of the profile; the page keeps no record of its own. */
import type { ProfileEvent, Recommender } from "homebody";
import type { Mark } from "./card.js";

export class Marks {
  private marks = new Map<string, Mark>();
  private events = new Map<string, ProfileEvent>();
  private all: readonly ProfileEvent[] = [];

  constructor(private readonly engine: Recommender) {}

  async load(): Promise<void> {
    const all = [...(await this.engine.profile.events())].sort((a, b) => a.time - b.time);
    this.all = all;
    this.marks = new Map();
    this.events = new Map();
    for (const event of all) {
      if (event.type !== "like" && event.type !== "hide") continue;
      this.marks.set(event.item, event.type);
      this.events.set(event.item, event);
    }
  }

  get map(): ReadonlyMap<string, Mark> {
    return this.marks;
  }

  of(id: string): Mark {
    return this.marks.get(id) ?? null;
  }

  eventOf(id: string): ProfileEvent | undefined {
    return this.events.get(id);
  }

  get isEmpty(): boolean {
    return this.all.length === 0;
  }

  get likes(): number {
    return this.count("like");
  }

  get hidden(): number {
    return this.count("hide");
  }

  get last(): ProfileEvent | undefined {
    return this.all.at(-1);
  }

  private count(mark: Mark): number {
    let n = 0;
    for (const other of this.marks.values()) if (other === mark) n++;
    return n;
  }

  /** Says something about a film, or takes it back when it was said before. Resolves when it is durable. */
  async toggle(id: string, mark: "like" | "hide"): Promise<"said" | "taken back"> {
    const before = this.events.get(id);
    if (before) await this.engine.profile.undo(before.id);
    if (before?.type === mark) return "taken back";
    await this.engine.record({ item: id, type: mark });
    return "said";
  }
}
