/** Page and worker over a message channel, without a browser: order, cancelling, crashes, and that nothing hangs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MessageChannel } from "node:worker_threads";
import { HomebodyError } from "../../dist/errors.js";
import { Transferring } from "../../dist/protocol.js";
import { Remote } from "../../dist/remote.js";
import { serve } from "../../dist/serve.js";

/** A module whose one function runs into `unreachable`, as Rust code does after a panic. */
const TRAP = new Uint8Array([
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 7, 8, 1, 4, 0x74, 0x72, 0x61, 0x70, 0, 0, 10, 5, 1, 3, 0, 0, 0x0b,
]);
const trap = () => new WebAssembly.Instance(new WebAssembly.Module(TRAP)).exports.trap();

/** Channels that serve() makes for itself must not keep this process alive; in a worker they end with it. */
const made = [];
globalThis.MessageChannel = class extends MessageChannel {
  constructor() {
    super();
    made.push(this);
  }
};

/** Both ends, the worker's serving `make(emit, crashed)`. */
function pair(make, handlers = {}, module = Promise.resolve(undefined)) {
  const { port1: page, port2: worker } = new MessageChannel();
  const scope = {
    postMessage: (message, transfer) => worker.postMessage(message, transfer),
    addEventListener: (type, listener) => worker.on(type, (data) => listener({ data })),
  };
  serve(scope, { thing: make });
  made.at(-1).port2.unref();
  let terminated = 0;
  const remote = new Remote(
    {
      postMessage: (message, transfer) => page.postMessage(message, transfer),
      terminate: () => {
        terminated++;
        page.close();
      },
      addEventListener: (type, listener) => type === "message" && page.on("message", (data) => listener({ data })),
    },
    "thing",
    module,
    handlers,
  );
  return { remote, terminated: () => terminated, end: () => remote.close("thing") };
}

test("results come back, transferred ones too, and errors keep code and cause", async () => {
  const { remote, end } = pair(() => ({
    add: (a, b) => a + b,
    later: async (value) => value,
    buffer: () => {
      const value = new Float32Array([1, 2]);
      return new Transferring(value, [value.buffer]);
    },
    fail: () => {
      throw new HomebodyError("too-late", "it is too late", { cause: new TypeError("the clock") });
    },
    odd: () => {
      throw "a string";
    },
  }));
  assert.equal(await remote.call("add", [1, 2]), 3);
  assert.equal(await remote.call("later", ["x"]), "x");
  assert.deepEqual(await remote.call("buffer", []), new Float32Array([1, 2]));
  const error = await remote.call("fail", []).catch((error) => error);
  assert.ok(error instanceof HomebodyError);
  assert.deepEqual([error.code, error.message, error.cause.message], ["too-late", "it is too late", "the clock"]);
  assert.equal((await remote.call("odd", []).catch((error) => error)).code, "internal");
  assert.equal((await remote.call("missing", []).catch((error) => error)).code, "internal");
  end();
});

test("a call that was given up while it waited is never run", async () => {
  const ran = [];
  const { remote, end } = pair(() => ({ work: (name) => ran.push(name) }));
  const controller = new AbortController();
  const first = remote.call("work", ["first"]);
  const given = remote.call("work", ["given up"], { signal: controller.signal }).catch((error) => error.name);
  controller.abort();
  const last = remote.call("work", ["last"]);
  await Promise.all([first, last]);
  assert.equal(await given, "AbortError");
  assert.deepEqual(ran, ["first", "last"]);
  end();
});

test("what wants to be alone waits for all before it, and all behind it wait for that", async () => {
  const log = [];
  const work = async (name) => {
    log.push(`${name} begins`);
    await new Promise((resolve) => setTimeout(resolve, 5));
    log.push(`${name} ends`);
    return name;
  };
  const { remote, end } = pair(() => ({ alone: ["erase", "fail"], work, erase: work, fail: () => Promise.reject(new Error("no")) }));
  const call = (method, ...args) => remote.call(method, args).catch(({ message }) => message);
  const done = await Promise.all([call("work", "a"), call("work", "b"), call("erase", "c"), call("fail"), call("work", "d"), call("work", "e")]);
  assert.deepEqual(done, ["a", "b", "c", "no", "d", "e"]);
  const pairs = (...names) => [...names.map((name) => `${name} begins`), ...names.map((name) => `${name} ends`)];
  assert.deepEqual(log, [...pairs("a", "b"), ...pairs("c"), ...pairs("d", "e")]);
  end();
});

test("what the worker wants of itself takes its turn, once for all who asked before it began, and its failure is told", async () => {
  const log = [];
  const errors = [];
  let told;
  const work = async (name) => {
    log.push(`${name} begins`);
    await new Promise((resolve) => setTimeout(resolve, 5));
    log.push(`${name} ends`);
  };
  const thing = (_emit, _crashed, _given, queue) => ({
    alone: ["read"],
    work,
    read: () => work("read"),
    fail: () => Promise.reject(new HomebodyError("too-late", "it is too late")),
    want: (...methods) => methods.forEach(queue),
  });
  const failed = new Promise((resolve) => {
    told = resolve;
  });
  const { remote, end } = pair(thing, { error: (error) => told(errors.push(error.code)) });
  const call = (method, ...args) => remote.call(method, args);
  await Promise.all([call("work", "a"), call("want", "read", "read", "fail"), call("work", "b")]);
  await failed;
  await call("work", "c");
  const parts = (name) => [`${name} begins`, `${name} ends`];
  assert.deepEqual(log.filter((line) => !/^[ab]/.test(line)), [...parts("read"), ...parts("c")]);
  assert.ok(log.indexOf("read begins") > log.indexOf("a ends"), log.join());
  assert.deepEqual(errors, ["too-late"]);
  end();
});

for (const [what, make] of [
  ["a trap in a call", () => ({ work: () => trap(), wait: () => new Promise(() => undefined) })],
  ["a trap after waiting", () => ({ work: async () => { await null; trap(); }, wait: () => new Promise(() => undefined) })],
  ["an exhausted stack", () => ({ work: () => { const deeper = () => deeper() + 1; return deeper(); }, wait: () => new Promise(() => undefined) })],
  // Nobody called a future that panics: only the hook tells.
  ["a panic in a future", (_emit, crashed) => ({ work: () => { crashed("panicked at src/x.rs"); return new Promise(() => undefined); }, wait: () => new Promise(() => undefined) })],
]) {
  test(`${what} rejects everything with the code crashed, now and later`, async () => {
    const { remote, terminated } = pair(make);
    const code = (call) => call.then(() => "resolved", (error) => error.code);
    const pending = code(remote.call("wait", []));
    assert.equal(await code(remote.call("work", [])), "crashed");
    assert.equal(await pending, "crashed");
    assert.equal(await code(remote.call("wait", [])), "crashed");
    assert.equal(terminated(), 1);
  });
}

test("closing rejects what is pending and ends the worker once", async () => {
  const { remote, terminated, end } = pair(() => ({ wait: () => new Promise(() => undefined) }));
  const pending = remote.call("wait", []).catch((error) => error.code);
  end();
  end();
  assert.equal(await pending, "closed");
  assert.equal((await remote.call("wait", []).catch((error) => error)).code, "closed");
  assert.equal(terminated(), 1);
});

test("closing lets the worker do what it names last, drops what waits, and rejects all else at once", async () => {
  const ran = [];
  let finish;
  const finished = new Promise((resolve) => {
    finish = resolve;
  });
  const { remote, terminated } = pair(() => ({
    wait: () => new Promise(() => undefined),
    work: () => ran.push("work"),
    closing: () => {
      ran.push("closing");
      return finished;
    },
  }));
  const pending = [remote.call("wait", []), remote.call("work", [])].map((call) => call.catch((error) => error.code));
  const closed = remote.close("thing", "closing");
  assert.deepEqual(await Promise.all(pending), ["closed", "closed"]);
  assert.equal((await remote.call("work", []).catch((error) => error)).code, "closed");
  assert.equal(terminated(), 0);
  finish();
  await closed;
  await remote.close("thing", "closing");
  assert.equal(terminated(), 1);
  assert.equal(ran.at(-1), "closing");
});

for (const [what, end] of [
  ["fails", () => { throw new HomebodyError("too-late", "it is too late"); }],
  ["crashes", () => trap()],
]) {
  test(`a worker whose last work ${what} is ended all the same`, async () => {
    const { remote, terminated } = pair(() => ({ closing: end }));
    await remote.close("thing", "closing");
    assert.ok(terminated() >= 1);
  });
}

test("the module that the page compiles reaches the object, and none where it could not", async () => {
  for (const module of [new WebAssembly.Module(TRAP), undefined]) {
    const { remote, end } = pair((_emit, _crashed, given) => ({ has: async () => (await given) instanceof WebAssembly.Module }), {}, Promise.resolve(module));
    assert.equal(await remote.call("has", []), module !== undefined);
    end();
  }
});

test("what cannot be sent is refused at once, and the next call is answered", async () => {
  const { remote, end } = pair(() => ({ echo: (value) => value }));
  assert.equal((await remote.call("echo", [() => undefined]).catch((error) => error)).code, "invalid-argument");
  assert.equal(await remote.call("echo", [7]), 7);
  end();
});

test("what the worker says unasked reaches its handler", async () => {
  const heard = [];
  const { remote, end } = pair((emit) => ({ work: () => emit("step", { at: 1 }) }), { step: (data) => heard.push(data) });
  await remote.call("work", []);
  assert.deepEqual(heard, [{ at: 1 }]);
  end();
});
