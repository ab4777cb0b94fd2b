// A plain read of as many bytes as the vectors take, with simd128, in a worker like the one that searches.
onmessage = async ({ data: { module, bytes, rounds } }) => {
  const pages = Math.ceil(bytes / 65536) + 1;
  const memory = new WebAssembly.Memory({ initial: pages });
  new Uint8Array(memory.buffer).fill(1);
  const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
  const times = [];
  for (let round = 0; round <= rounds; round++) {
    const started = performance.now();
    exports.read(bytes);
    if (round > 0) times.push(performance.now() - started);
  }
  postMessage(times);
};
