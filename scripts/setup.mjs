// Makes a fresh clone ready: node modules, build, and a Redis server. Needs nothing but Node.js and npm.
// Runs before `npm run demo` and `npm test`; does nothing where everything is in place.
// With --tests it also fetches what the tests send syslog to, a Prometheus, and a browser.
import { spawnSync } from "node:child_process";
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { delimiter, join } from "node:path";

const OLDEST_NODE = [20, 19];
const SERVERS = ["redis-server", "valkey-server"];

/** How each system's package manager installs a Redis server. The first one found is used. */
const PACKAGE_MANAGERS = [
  {
    program: "apt-get",
    before: ["update", "-qq"],
    install: ["install", "-y", "-qq", "--no-install-recommends", "redis-server"],
  },
  { program: "dnf", install: ["install", "-y", "valkey"] },
  { program: "apk", install: ["add", "--quiet", "redis"] },
  { program: "pacman", install: ["-Sy", "--noconfirm", "valkey"] },
  { program: "brew", install: ["install", "redis"], asRoot: false },
];

/**
 * Debian packages of the syslog receivers and of the Prometheus that the tests start. They are unpacked here instead of
 * being installed: rsyslog and syslog-ng exclude each other, either would take the place of the machine's own logger,
 * Ubuntu's AppArmor profile of an installed rsyslogd would keep it from the tests' folders, and an installed Prometheus
 * runs as a service.
 */
const RECEIVERS = [
  "liblognorm-utils",
  "prometheus",
  "rsyslog",
  "rsyslog-gnutls",
  "rsyslog-relp",
  "syslog-ng-core",
];
/** The first one in PATH is used by the tests; where there is none, Debian's is installed. */
const BROWSERS = ["chromium", "chromium-browser", "google-chrome"];
const RECEIVERS_FOLDER = ".cache/receivers";

checkNode();
installModules();
build();
installRedis();
if (process.argv.includes("--tests")) {
  unpackReceivers();
  installBrowser();
}

function checkNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
  fail(`Node.js ${process.versions.node} is too old; ${OLDEST_NODE.join(".")} or newer is needed.`);
}

function installModules() {
  const installed = "node_modules/.package-lock.json";
  if (existsSync(installed) && modified(installed) >= modified("package-lock.json")) return;
  say("Installing node modules (npm ci) ...");
  if (!run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]))
    fail("npm ci failed; its own words are above.");
}

function build() {
  const built = "dist/main.js";
  const newest = Math.max(
    ...["tsconfig.json", "tsconfig.build.json", "tsconfig.page.json", "package-lock.json"].map(modified),
    newestIn("src"),
  );
  if (existsSync(built) && modified(built) >= newest) return;
  say("Building ...");
  if (!run("npm", ["run", "--silent", "build"])) fail("The build failed; the compiler's words are above.");
}

function installRedis() {
  if (SERVERS.some(isInPath)) return;
  const manager = PACKAGE_MANAGERS.find(({ program }) => isInPath(program));
  if (manager === undefined)
    fail(`No ${SERVERS.join(" or ")} is in PATH. Install Redis 6.2 or newer and try again.`);
  install("a Redis server", manager);
}

function installBrowser() {
  if (BROWSERS.some(isInPath)) return;
  const [apt] = PACKAGE_MANAGERS;
  if (!isInPath(apt.program)) fail(`The tests need a browser: one of ${BROWSERS.join(", ")} in PATH.`);
  install("a browser for the tests", { ...apt, install: [...apt.install.slice(0, -1), "chromium"] });
}

function install(what, manager) {
  const needsRoot = manager.asRoot !== false && process.getuid?.() !== 0;
  const prefix = needsRoot ? ["sudo", "-n"] : [];
  const line = [...(needsRoot ? ["sudo"] : []), manager.program, ...manager.install].join(" ");
  say(`Installing ${what} (${line}) ...`);
  // A service of the system's own on the standard port is not wanted; ours are started on sockets and free ports.
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  for (const args of [manager.before, manager.install]) {
    const [program, ...rest] = [...prefix, manager.program, ...(args ?? [])];
    if (args !== undefined && !run(program, rest, env))
      fail(`Missing: ${what}. Install it and try again:\n  ${line}`);
  }
}

function unpackReceivers() {
  const stamp = join(RECEIVERS_FOLDER, "unpacked");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === RECEIVERS.join(" ")) return;
  if (!isInPath("apt-get") || !isInPath("dpkg-deb"))
    fail(`The tests need the Debian packages ${RECEIVERS.join(", ")}: run them on Debian or Ubuntu.`);
  say(`Unpacking syslog receivers and Prometheus for the tests (${RECEIVERS.join(", ")}) ...`);
  const isComplete = downloadReceivers() || (updatePackageLists() && downloadReceivers());
  if (!isComplete)
    fail("The packages for the tests cannot be downloaded. Try again after:\n  sudo apt-get update");
  for (const file of packageFiles()) {
    if (!run("dpkg-deb", ["-x", file, "."], process.env, RECEIVERS_FOLDER))
      fail(`${file} cannot be unpacked; the words of dpkg-deb are above.`);
    rmSync(join(RECEIVERS_FOLDER, file));
  }
  writeFileSync(stamp, RECEIVERS.join(" "));
}

/** The packages, and of the libraries they need those that the machine lacks. Needs no root. */
function downloadReceivers() {
  rmSync(RECEIVERS_FOLDER, { recursive: true, force: true });
  mkdirSync(RECEIVERS_FOLDER, { recursive: true });
  if (!download(RECEIVERS)) return false;
  const needs = packageFiles().flatMap((file) =>
    output("dpkg-deb", ["-f", join(RECEIVERS_FOLDER, file), "Depends"])
      .trim()
      .split(/, */),
  );
  // The pages of Prometheus, which need scripts for browsers, are of no use to the tests.
  const libraries = needs.filter((need) => need.startsWith("lib") && !need.startsWith("libjs-"));
  const wouldDo = output("apt-get", ["satisfy", "-qq", "--simulate", libraries.join(", ")]);
  // Inst libivykis0 (0.42.4-1 Debian:12.12/oldstable [amd64])
  const names = [...wouldDo.matchAll(/^Inst (\S+) \(/gm)].map(([, name]) => name);
  return names.length === 0 || download(names);
}

function download(packages) {
  return run("apt-get", ["download", "-qq", ...packages], process.env, RECEIVERS_FOLDER);
}

/** That they are missing or old is what keeps packages from being found, if anything. */
function updatePackageLists() {
  const [program, ...args] = [
    ...(process.getuid?.() === 0 ? [] : ["sudo", "-n"]),
    "apt-get",
    "update",
    "-qq",
  ];
  return run(program, args);
}

function packageFiles() {
  return readdirSync(RECEIVERS_FOLDER).filter((name) => name.endsWith(".deb"));
}

function output(program, args) {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) fail(`${program} ${args[0]} failed: ${stderr ?? ""}`);
  return stdout;
}

function run(program, args, env = process.env, cwd = ".") {
  const { status, stdout, stderr } = spawnSync(program, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env,
    cwd,
  });
  // Their words are wanted only when something is wrong.
  if (status !== 0) say(`${stdout ?? ""}${stderr ?? ""}`);
  return status === 0;
}

function isInPath(program) {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function modified(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0;
}

function newestIn(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return Math.max(...files.map((entry) => modified(join(entry.parentPath ?? entry.path, entry.name))));
}

function say(line) {
  process.stderr.write(`${line}\n`);
}

function fail(line) {
  say(line);
  process.exit(1);
}
