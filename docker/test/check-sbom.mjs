// check-sbom.mjs SBOM LOCK-FILE IMAGE-ROOT: ends with 1 when the list of parts lacks one, or names one that is not there.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const [sbomFile, lockFile, root] = process.argv.slice(2);
const sbom = JSON.parse(readFileSync(sbomFile, "utf8"));
const { packages } = JSON.parse(readFileSync(lockFile, "utf8"));
const named = new Set(sbom.components.map(({ purl }) => purl.split("?")[0]));

const production = Object.entries(packages)
  .filter(
    ([path, { dev, cpu, os }]) =>
      path !== "" && dev !== true && isFor(cpu, process.arch) && isFor(os, "linux"),
  )
  .map(([path, { version }]) => ({ path, version, name: path.split("node_modules/").at(-1) }));
// assemble-root.sh keeps an entry for the package of each file that it takes, or fails.
const debian = readdirSync(join(root, "var/lib/dpkg/status.d"));
const problems = [
  ...production
    .filter(({ name, version }) => !named.has(npmPurl(name, version)))
    .map(({ name, version }) => `${name} ${version} is not in the list`),
  ...production
    .filter(({ path, version }) => versionAt(path) !== version)
    .map(({ path, version }) => `${path} ${version} is not in the image`),
  ...debian.filter((name) => !isNamed(name)).map((name) => `Debian's ${name} is not in the list`),
];
process.stdout.write(problems.map((problem) => `${problem}\n`).join(""));
process.stdout.write(`${sbom.bomFormat} ${sbom.specVersion}: ${sbom.components.length} components\n`);
process.exit(
  problems.length === 0 && production.length > 100 && debian.length > 10 && sbom.bomFormat === "CycloneDX"
    ? 0
    : 1,
);

function isFor(list, value) {
  return list === undefined || list.includes(value);
}

function isNamed(debianName) {
  return [...named].some((purl) => purl.startsWith(`pkg:deb/debian/${debianName}@`));
}

function npmPurl(name, version) {
  return `pkg:npm/${name.replace("@", "%40")}@${version}`;
}

function versionAt(path) {
  const file = join(root, "app", path, "package.json");
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")).version : undefined;
}
