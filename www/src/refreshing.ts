/** When the list is ranked again: at the next frame. However often it is wished for, one ranking runs at a time and the last wish counts. */

export interface Refresh {
  /** Whether films should be seen to rise and fall: after a like or a slider, not after another question. */
  readonly compare: boolean;
  /** What to tell people who do not see the cards move. */
  readonly cause?: string;
}

export class Refreshing {
  private wanted: Refresh | null = null;
  private running = false;

  constructor(private readonly run: (wish: Refresh) => Promise<void>) {}

  /** Whether another ranking is wished for already. */
  get isWished(): boolean {
    return this.wanted !== null;
  }

  wish(wish: Refresh): void {
    const scheduled = this.wanted !== null;
    this.wanted = { compare: wish.compare && (this.wanted?.compare ?? true), ...((wish.cause ?? this.wanted?.cause) ? { cause: wish.cause ?? this.wanted?.cause ?? "" } : {}) };
    if (!scheduled && !this.running) this.schedule();
  }

  private schedule(): void {
    const go = async (): Promise<void> => {
      const wish = this.wanted;
      if (!wish) return;
      this.wanted = null;
      this.running = true;
      try {
        await this.run(wish);
      } finally {
        this.running = false;
        if (this.wanted) this.schedule();
      }
    };
    if (document.hidden) setTimeout(() => void go());
    else requestAnimationFrame(() => void go());
  }
}
