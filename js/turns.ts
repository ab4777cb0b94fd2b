/**
 * The order of calls that belong to a profile. What has to be made ready in the page first, a file read or a text embedded, is for the
 * profile of the moment it was asked in: a switch or an erasure that is asked meanwhile waits for it, and what is asked after that
 * waits for the switch. Once a call has been sent, the worker keeps the order.
 */

export class Turns {
  /** Calls that are being made ready; they settle when they have been sent. */
  readonly #readying = new Set<Promise<unknown>>();
  /** The last switch or erasure that has not been sent yet. */
  #gate: Promise<unknown> | undefined;

  /** A call that is ready: sent now, or behind the switches that were asked before. */
  ready<T>(send: () => Promise<T>): Promise<T> {
    return this.#gate === undefined ? send() : this.#gate.then(send);
  }

  /** A call with what it needs first. */
  after<A, T>(needed: Promise<A>, send: (value: A) => Promise<T>): Promise<T> {
    const gate = this.#gate;
    let answer: Promise<T> | undefined;
    const sent = needed.then(async (value) => {
      await gate;
      answer = send(value);
    });
    this.#readying.add(sent);
    const done = (): void => void this.#readying.delete(sent);
    sent.then(done, done);
    return sent.then(() => answer as Promise<T>);
  }

  /** A switch or an erasure. */
  alone<T>(send: () => Promise<T>): Promise<T> {
    if (this.#gate === undefined && this.#readying.size === 0) {
      return send();
    }
    let answer: Promise<T> | undefined;
    const gate = Promise.allSettled([...this.#readying, this.#gate]).then(() => {
      answer = send();
      if (this.#gate === gate) {
        this.#gate = undefined;
      }
    });
    this.#gate = gate;
    return gate.then(() => answer as Promise<T>);
  }
}
