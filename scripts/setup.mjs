// Makes a fresh clone ready: node modules, build, and a Redis server. Needs nothing but Node.js and npm.
// Runs before `npm run demo` and `npm test`; does nothing where everything is in place.
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readdirSync, statSync } from "node:fs";
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

checkNode();
installModules();
build();
installRedis();

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
    ...["tsconfig.json", "tsconfig.build.json", "package-lock.json"].map(modified),
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
  const needsRoot = manager.asRoot !== false && process.getuid?.() !== 0;
  const prefix = needsRoot ? ["sudo", "-n"] : [];
  const line = [...(needsRoot ? ["sudo"] : []), manager.program, ...manager.install].join(" ");
  say(`Installing a Redis server (${line}) ...`);
  // A service of the system's own on the standard port is not wanted; ours are started on sockets and free ports.
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  for (const args of [manager.before, manager.install]) {
    const [program, ...rest] = [...prefix, manager.program, ...(args ?? [])];
    if (args !== undefined && !run(program, rest, env))
      fail(`A Redis server is missing. Install it and try again:\n  ${line}`);
  }
}

function run(program, args, env = process.env) {
  const { status, stdout, stderr } = spawnSync(program, args, { stdio: ["ignore", "pipe", "pipe"], env });
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
