/** Registers the service worker and passes on what it tells. */
import type { ToPage, ToWorker } from "./offline-messages.js";

export interface OfflineListeners {
  /** Files fetched for the offline copy so far. */
  saving(fetched: number): void;
  /** Everything needed without a connection is kept. `false`: it is not, and will not be. */
  settled(saved: boolean): void;
  /** A newer build has been saved and waits for its turn. */
  update(takeOver: () => void): void;
}

export function keepOffline(listeners: OfflineListeners): void {
  if (!("serviceWorker" in navigator)) {
    listeners.settled(false);
    return;
  }
  const { serviceWorker } = navigator;
  if (serviceWorker.controller) listeners.settled(true);
  serviceWorker.addEventListener("message", (event) => {
    const message = event.data as ToPage;
    if (message.type === "saving") listeners.saving(message.fetched);
  });
  serviceWorker.register("sw.js", { updateViaCache: "none" }).then(
    (registration) => {
      const hadOne = registration.active !== null;
      if (hadOne && !serviceWorker.controller) listeners.settled(true);
      const watch = (worker: ServiceWorker | null): void => {
        if (!worker) return;
        const look = (): void => {
          if (worker.state === "installed" && hadOne) offer(worker);
          else if (worker.state === "activated" && !hadOne) listeners.settled(true);
          else if (worker.state === "redundant" && !hadOne) listeners.settled(false);
        };
        worker.addEventListener("statechange", look);
        look();
      };
      const offer = (worker: ServiceWorker): void =>
        listeners.update(() => {
          serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
          worker.postMessage({ type: "take-over" } satisfies ToWorker);
        });
      if (registration.waiting && hadOne) offer(registration.waiting);
      watch(registration.installing);
      registration.addEventListener("updatefound", () => watch(registration.installing));
    },
    () => listeners.settled(false),
  );
}
