import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { FORMAT_NAMES, render } from "../../src/formats/index.ts";
import { file } from "../../src/sinks/file.ts";
import { anEnvelope, aRaw, CONTOSO, envelopesOf } from "../support/envelopes.ts";
import { start, temporaryFolder } from "../support/processes.ts";
import { endless } from "../support/sink-contract.ts";

/** A line of `aLine(n)` has about this many bytes; two do not fit into `ROTATE`. */
const LINE_BYTES = 1000;
const ROTATE = { maxBytes: "1500B", keep: 3, compress: false };

describe("rotation", () => {
  it("puts a file aside before it would grow too large, and loses no line", async () => {
    const path = await aPath();
    const sink = aSink(path, { rotate: ROTATE });

    for (const seq of [1, 2, 3]) await sink.deliver([aLine(seq)], endless());

    expect(await seqsIn(path)).toEqual([3]);
    expect(await Promise.all((await rotatedFrom(path)).map(seqsIn))).toEqual([[1], [2]]);
    for (const each of [path, ...(await rotatedFrom(path))])
      expect((await stat(each)).size).toBeLessThanOrEqual(1500);
  });

  it("lets a file grow while there is room", async () => {
    const path = await aPath();
    const sink = aSink(path, { rotate: { maxBytes: "1MB" } });

    for (const seq of [1, 2, 3]) await sink.deliver([aLine(seq)], endless());

    expect([await seqsIn(path), await rotatedFrom(path)]).toEqual([[1, 2, 3], []]);
  });

  it("keeps the alerts of one request in one file, also a new one that is too small for them", async () => {
    const path = await aPath();
    const sink = aSink(path, { rotate: ROTATE });

    await sink.deliver([aLine(1), aLine(2)], endless());
    await sink.deliver([aLine(3), aLine(4)], endless());

    expect(await seqsIn(path)).toEqual([3, 4]);
    expect(await Promise.all((await rotatedFrom(path)).map(seqsIn))).toEqual([[1, 2]]);
  });

  it("keeps as many files as it is told, the newest", async () => {
    const path = await aPath();
    const sink = aSink(path, { rotate: ROTATE });

    for (let seq = 1; seq <= 7; seq++) await sink.deliver([aLine(seq)], endless());

    expect(await seqsIn(path)).toEqual([7]);
    expect(await Promise.all((await rotatedFrom(path)).map(seqsIn))).toEqual([[4], [5], [6]]);
  });

  it("names them after the file and the time, so that they stand in its order", async () => {
    const path = await aPath();
    const sink = aSink(path, { rotate: ROTATE });

    for (const seq of [1, 2]) await sink.deliver([aLine(seq)], endless());

    const [rotated = ""] = await rotatedFrom(path);
    expect(basename(rotated)).toMatch(/^alerts\.ndjson\.\d{8}T\d{9}Z-[0-9a-f]{4}$/);
  });

  it("puts a file behind those of a clock that was ahead, so that the oldest go first", async () => {
    const path = await aPath();
    const ahead = `${path}.29990101T120000000Z-ffff`;
    await writeFile(ahead, `{"seq":0}\n`);
    const sink = aSink(path, { rotate: { ...ROTATE, keep: 2 } });

    for (let seq = 1; seq <= 3; seq++) await sink.deliver([aLine(seq)], endless());

    expect(await Promise.all((await rotatedFrom(path)).map(seqsIn))).toEqual([[1], [2]]);
  });

  it("compresses all but the newest, which another process may be writing to", async () => {
    const path = await aPath();
    const sink = aSink(path, { rotate: { ...ROTATE, compress: true } });

    for (let seq = 1; seq <= 4; seq++) await sink.deliver([aLine(seq)], endless());

    const [first = "", second = "", third = "", ...others] = await rotatedFrom(path);
    expect([first, second, third].map((name) => name.endsWith(".gz"))).toEqual([true, true, false]);
    expect(await Promise.all([first, second, third].map(seqsIn))).toEqual([[1], [2], [3]]);
    expect(others).toEqual([]);
    expect((await stat(first)).mode & 0o777).toBe(0o640 & ~process.umask());
  });

  it("finishes what a crash left, and lets go of what is no longer worked at", async () => {
    const path = await aPath();
    const old = `${path}.20200101T000000000Z-0001`;
    const recent = `${path}.20200101T000000000Z-0002`;
    for (const [index, name] of [old, recent].entries()) {
      await writeFile(name, `{"seq":${-index}}\n`);
      await writeFile(`${name}.part`, "half a file");
    }
    await utimes(`${old}.part`, 1, 1);
    const sink = aSink(path, { rotate: { ...ROTATE, keep: 10, compress: true } });

    for (let seq = 1; seq <= 3; seq++) await sink.deliver([aLine(seq)], endless());

    expect([existsSync(old), existsSync(`${old}.gz`), existsSync(`${old}.part`)]).toEqual([
      false,
      true,
      false,
    ]);
    // Whoever has begun it may still be at it.
    expect([existsSync(recent), existsSync(`${recent}.part`)]).toEqual([true, true]);
    expect(await seqsIn(`${old}.gz`)).toEqual([0]);
  });

  it("leaves other files in the folder alone", async () => {
    const path = await aPath();
    const others = [
      "alerts.ndjson.1",
      "alerts.ndjson.bak",
      "alerts.ndjson.20200101T000000000Z-zzzz",
      "x.ndjson",
    ];
    for (const name of others) await writeFile(join(dirname(path), name), "kept");
    const sink = aSink(path, { rotate: { ...ROTATE, keep: 1 } });

    for (let seq = 1; seq <= 4; seq++) await sink.deliver([aLine(seq)], endless());

    expect(await readdir(dirname(path))).toEqual(expect.arrayContaining(others));
  });

  it("is each tenant's own where each has a file", async () => {
    const folder = await temporaryFolder();
    const sink = aSink(join(folder, "{tenant}.ndjson"), { rotate: ROTATE });
    const fabrikam = { ...CONTOSO, id: "fabrikam" };

    await sink.deliver([aLine(1), aLine(2, fabrikam)], endless());
    await sink.deliver([aLine(3)], endless());

    expect(await rotatedFrom(join(folder, "contoso.ndjson"))).toHaveLength(1);
    expect(await rotatedFrom(join(folder, "fabrikam.ndjson"))).toHaveLength(0);
  });

  it("loses no line of two sinks that write to the same file", async () => {
    const path = await aPath();
    const sinks = [
      aSink(path, { rotate: { ...ROTATE, keep: 1000 } }),
      aSink(path, { rotate: { ...ROTATE, keep: 1000 } }),
    ];

    await Promise.all(
      Array.from({ length: 60 }, (_, index) => sinks[index % 2]!.deliver([aLine(index + 1)], endless())),
    );

    const files = [...(await rotatedFrom(path)), path].filter((name) => existsSync(name));
    const seqs = (await Promise.all(files.map(seqsIn))).flat();
    expect([...seqs].sort((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
  });

  it("is probed for the right to put files aside", async () => {
    const folder = join(await temporaryFolder(), "sealed");
    await mkdir(folder);
    const path = join(folder, "alerts.ndjson");
    await writeFile(path, "");
    await chmod(folder, 0o500);
    const probes = [aSink(path).probe(endless()), aSink(path, { rotate: {} }).probe(endless())];

    const outcomes = (await Promise.allSettled(probes)).map(({ status }) => status);

    // Nothing is forbidden to root.
    expect(outcomes).toEqual(
      process.getuid?.() === 0 ? ["fulfilled", "fulfilled"] : ["fulfilled", "rejected"],
    );
    await chmod(folder, 0o700);
  });

  it("is left to logrotate where it is not asked for, also when that copies and cuts", async () => {
    const path = await aPath();
    const sink = aSink(path);
    await sink.deliver([aLine(1)], endless());
    await truncate(path, 0);

    await sink.deliver([aLine(2)], endless());

    expect([await seqsIn(path), await rotatedFrom(path)]).toEqual([[2], []]);
  });
});

describe("a file", () => {
  it.each(FORMAT_NAMES)("may hold %s, one line an alert", async (format) => {
    const path = await aPath();
    const envelopes = envelopesOf(3);

    await aSink(path, { format }).deliver(envelopes, endless());

    const lines = envelopes.map((envelope) => render(format, envelope, Number.POSITIVE_INFINITY).text);
    expect(await readFile(path, "utf8")).toBe(`${lines.join("\n")}\n`);
  });

  it("may be another each hour", async () => {
    const folder = await temporaryFolder();
    const hours = [hour()];

    await aSink(join(folder, "{date}", "{hour}.ndjson")).deliver([aLine(1)], endless());

    hours.push(hour());
    const [date = ""] = await readdir(folder);
    const [name = ""] = await readdir(join(folder, date));
    expect(hours).toContain(`${date} ${name.replace(".ndjson", "")}`);
  });

  it("is as it was before where the disk took only a part of a request", async () => {
    const path = await aPath();
    const before = `{"seq":0,"x":"${"x".repeat(100)}"}\n`;
    await writeFile(path, before);
    const program = fileURLToPath(new URL("./file-writer.ts", import.meta.url));
    // One kilobyte is the most that a file of this process may hold.
    const writer = start(
      "bash",
      ["-c", 'ulimit -f 1; exec "$@"', "bash", process.execPath, "--import", "tsx", program, path],
      {
        // Its own cache would be cut too.
        TSX_DISABLE_CACHE: "1",
      },
    );

    expect(await writer.ended).toBe(0);

    expect(writer.err().trim()).toBe("transient EFBIG");
    expect(await readFile(path, "utf8")).toBe(before);
  });
});

function aSink(path: string, settings: Readonly<Record<string, unknown>> = {}) {
  return file.create(file.Config.parse({ path, ...settings }));
}

function aLine(seq: number, tenant = CONTOSO) {
  return anEnvelope({ seq, tenant, raw: aRaw({ filler: "x".repeat(LINE_BYTES - 700) }) });
}

async function aPath(): Promise<string> {
  return join(await temporaryFolder(), "alerts.ndjson");
}

/** What was put aside, oldest first. */
async function rotatedFrom(path: string): Promise<readonly string[]> {
  const names = await readdir(dirname(path));
  return names
    .filter((name) => name.startsWith(`${basename(path)}.2`))
    .sort()
    .map((name) => join(dirname(path), name));
}

async function seqsIn(path: string): Promise<readonly number[]> {
  const bytes = await readFile(path);
  const lines = (path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString().trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line).seq);
}

function hour(): string {
  return new Date().toISOString().slice(0, 13).replace("T", " ");
}
