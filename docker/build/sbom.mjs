// sbom.mjs DPKG-STATUS-FOLDER: prints what the image is made of as CycloneDX JSON. Run in the folder of package.json.
//
// npm tells what the lock file names, of which only what is installed counts; dpkg's entries tell the Debian packages;
// Node tells itself and what is compiled into it.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const [statusFolder] = process.argv.slice(2);

// Without --omit=dev, which also leaves out what the program and the tools both use.
const npm = ["sbom", "--package-lock-only", "--sbom-format=cyclonedx", "--sbom-type=application"];
const document = JSON.parse(execFileSync("npm", npm, { encoding: "utf8", maxBuffer: 64_000_000 }));

const there = installedPackages();
const installed = document.components.filter((component) => there.has(component["bom-ref"]));
const known = new Set([document.metadata.component, ...installed].map((component) => component["bom-ref"]));
const dependencies = document.dependencies
  .filter(({ ref }) => known.has(ref))
  .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((target) => known.has(target)) }));

// npm names it after the folder.
document.metadata.component.name = JSON.parse(readFileSync("package.json", "utf8")).name;
const components = [...installed, nodeItself(), ...readdirSync(statusFolder).sort().map(debianPackage)];
process.stdout.write(`${JSON.stringify({ ...document, components, dependencies }, null, 1)}\n`);

/** `name@version` of each package in node_modules, by the list that npm keeps there. */
function installedPackages() {
  const { packages } = JSON.parse(readFileSync("node_modules/.package-lock.json", "utf8"));
  const paths = Object.keys(packages).filter((path) => existsSync(join(path, "package.json")));
  return new Set(paths.map((path) => `${path.split("node_modules/").at(-1)}@${packages[path].version}`));
}

function nodeItself() {
  const { node, ...parts } = process.versions;
  const purl = `pkg:generic/node@${node}`;
  return {
    type: "platform",
    name: "node",
    version: node,
    "bom-ref": purl,
    purl,
    components: Object.entries(parts)
      .filter(([, version]) => version !== "")
      .map(([name, version]) => ({ type: "library", name, version })),
  };
}

function debianPackage(name) {
  const entry = readFileSync(join(statusFolder, name), "utf8");
  const field = (key) => new RegExp(`^${key}: (.+)$`, "m").exec(entry)?.[1] ?? "";
  const version = field("Version");
  const purl = `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${field("Architecture")}`;
  return { type: "library", name, version, description: field("Description"), "bom-ref": purl, purl };
}
