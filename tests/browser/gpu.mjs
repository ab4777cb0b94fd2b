/** Visits with a browser that has WebGPU (computed on the CPU by SwiftShader), and ways to take it away. */
import { answers, closeBrowser, launch, open, visit } from "./harness.mjs";

let launched;

export async function closeGpu() {
  await (await launched)?.close();
  launched = undefined;
  await closeBrowser();
}

/** Opens the tests' empty page with `setUp` done to the server before. */
export async function visitWithGpu(work, setUp = () => {}) {
  // SwiftShader by name: without a display Chromium looks for no other.
  launched ??= launch(["--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan", "--ignore-gpu-blocklist"]);
  await visit({ launched: await launched }, async ({ page, server, context }) => {
    await setUp(server);
    await open(page, server);
    await work(page, server, context);
  });
}

/** Serves a worker in which `script` runs first. */
export const before = (script) => (server) => {
  // Static imports: a worker that waits for a dynamic one misses the page's first message.
  const wrapper = 'import "/homebody/before.js"; import "/homebody/worker.js?real";';
  const serve = (text) => answers.bytes(Buffer.from(text), "text/javascript");
  server.answers.set("/homebody/before.js", serve(script));
  server.answers.set("/homebody/worker.js", (request, response) => (request.url.endsWith("?real") ? false : serve(wrapper)(request, response)));
};

/** The query in that address is the test's own way to the real file, and tells nobody anything. */
export const forgetReal = (server) => server.requests.forEach((request) => void (request.search = request.search.replace("?real", "")));

/** Devices that are destroyed as soon as work was submitted, once the worker's `homebodyLose` is true. */
export const losing = before(`
  const requestDevice = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (descriptor) {
    const device = await requestDevice.call(this, descriptor);
    const submit = device.queue.submit;
    device.queue.submit = function (buffers) {
      submit.call(this, buffers);
      if (self.homebodyLose === true) device.destroy();
    };
    return device;
  };
`);
