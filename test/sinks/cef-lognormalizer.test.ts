import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { render } from "../../src/formats/index.ts";
import { anyEnvelope } from "../formats/arbitrary.ts";
import { parseCef } from "../formats/parsers.ts";
import { FIXTURES } from "../formats/support.ts";
import { temporaryFolder } from "../support/processes.ts";
import { unpacked, unpackedLibraries } from "../support/receivers.ts";

/** What liblognorm, the parser of rsyslog's mmnormalize, makes of a line. */
interface Normalized {
  /** Only of a line that it could not read. */
  readonly originalmsg?: string;
  readonly f?: Readonly<Record<string, unknown>> & { readonly Extensions: Readonly<Record<string, string>> };
}

async function normalize(lines: readonly string[]): Promise<readonly Normalized[]> {
  const rulebase = join(await temporaryFolder(), "cef.rulebase");
  writeFileSync(rulebase, "version=2\nrule=:%f:cef%\n");
  const { status, stdout, stderr } = spawnSync(
    unpacked("bin/lognormalizer"),
    ["-r", rulebase, "-e", "json"],
    {
      input: `${lines.join("\n")}\n`,
      encoding: "utf8",
      maxBuffer: 2 ** 28,
      env: { ...process.env, LD_LIBRARY_PATH: unpackedLibraries() },
    },
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

/** Header fields by liblognorm's own names. */
const HEADER = ["DeviceVendor", "DeviceProduct", "DeviceVersion", "SignatureID", "Name", "Severity"];

async function expectRead(lines: readonly string[]): Promise<void> {
  const normalized = await normalize(lines);
  expect(normalized).toHaveLength(lines.length);
  lines.forEach((line, index) => {
    const { header, pairs } = parseCef(line);
    const { f } = normalized[index] ?? {};
    if (f === undefined) throw new Error(`It cannot read ${line}`);
    expect(HEADER.map((name) => f[name])).toEqual(header.slice(1));
    expect(Object.entries(f.Extensions)).toEqual([...pairs].map(asRead));
  });
}

/** It loses the first sign of the first key (2.0.6); the value is read right. */
function asRead([key, value]: readonly [string, string], index: number): readonly [string, string] {
  return [index === 0 ? key.slice(1) : key, value];
}

describe("liblognorm", () => {
  it.each(FIXTURES)("reads the CEF of $name as it was meant, whole and shortened", async ({ envelope }) => {
    const limits = [Number.POSITIVE_INFINITY, 2048, 1024, 480];
    await expectRead(limits.map((limit) => render("cef", envelope, limit).text));
  });

  it("reads the CEF of whatever a source may write", async () => {
    const envelopes = fc.sample(anyEnvelope, { numRuns: 400, seed: 20_260_504 });
    await expectRead(envelopes.map((envelope, index) => render("cef", envelope, 600 + index * 20).text));
  });

  it("refuses what is no CEF, so that the tests above can fail", async () => {
    const wrong = ["CEF:0|V|P|1|id|n|5|msg=a = b act=x", "CEF:0|V|P|1|id|n|5|msg=C:\\Windows act=x"];
    expect((await normalize(wrong)).map(({ originalmsg }) => originalmsg)).toEqual(wrong);
  });
});
