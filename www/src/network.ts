/**
 * Counts what goes over the network, for the status line. Three sources, because no single one sees everything: the
 * page's own resource timing, the count that the package's workers keep of their requests, and the service worker's
 * word on what it fetched. Loading ends when the first list is shown and, on a first visit, the offline copy is saved;
 * from then on every request counts.
 */

export interface Counted {
  /** Before the mark: loading the page, the package and the catalog. */
  readonly loading: number;
  /** Files that the service worker fetched for the offline copy. */
  readonly saving: number;
  /** Since the mark, all together. */
  readonly since: number;
  /** Of those, for the text model. */
  readonly model: number;
  /** Addresses since the mark, as far as the page sees them. */
  readonly addresses: readonly string[];
}

export class NetworkCount {
  private page = 0;
  private workers = 0;
  private saving = 0;
  private mark: { page: number; workers: number } | null = null;
  private modelStart: number | null = null;
  private model = 0;
  private readonly addresses: string[] = [];

  constructor(private readonly onChange: () => void) {
    const observer = new PerformanceObserver((list) => this.note(list.getEntries()));
    observer.observe({ type: "resource", buffered: true });
    this.flush = () => this.note(observer.takeRecords());
  }

  private readonly flush: () => void;

  private note(entries: PerformanceEntryList): void {
    for (const entry of entries) {
      const { name } = entry;
      // Reading a blob of the page's own (an export) is no network request.
      if (!name.startsWith("http")) continue;
      // Nor is a file that the service worker has in its cache. Browsers that do not tell get it counted.
      if ((entry as PerformanceResourceTiming & { readonly deliveryType?: string }).deliveryType === "cache-storage") continue;
      this.page++;
      if (this.mark) this.addresses.push(name);
    }
    if (entries.length > 0) this.onChange();
  }

  /** The package's workers: `status.requests`, an ever-growing number. */
  workerRequests(total: number): void {
    if (total === this.workers) return;
    this.workers = total;
    this.onChange();
  }

  savedOffline(files: number): void {
    this.saving = Math.max(this.saving, files);
    this.onChange();
  }

  /** Called when loading is complete. Calling it again changes nothing. */
  ready(): void {
    this.flush();
    this.mark ??= { page: this.page, workers: this.workers };
    this.onChange();
  }

  get isReady(): boolean {
    return this.mark !== null;
  }

  /** Around the loading of the text model: what is asked for in between is its doing. */
  modelLoading(loading: boolean): void {
    this.flush();
    if (loading) this.modelStart ??= this.total;
    else if (this.modelStart !== null) {
      if (this.mark) this.model += this.total - Math.max(this.modelStart, this.mark.page + this.mark.workers);
      this.modelStart = null;
    }
    this.onChange();
  }

  private get total(): number {
    return this.page + this.workers;
  }

  get counted(): Counted {
    this.flush();
    const before = this.mark ? this.mark.page + this.mark.workers : this.total;
    const since = this.total - before;
    const model = this.model + (this.modelStart === null ? 0 : this.total - Math.max(this.modelStart, before));
    return { loading: before, saving: this.saving, since, model, addresses: this.addresses };
  }
}
