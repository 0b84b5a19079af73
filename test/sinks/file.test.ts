import { existsSync, readFileSync } from "node:fs";
import { appendFile, mkdir, readdir, readFile, rename, rmdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { file } from "../../src/sinks/file.ts";
import { anEnvelope, CONTOSO, envelopesOf } from "../support/envelopes.ts";
import { temporaryFolder } from "../support/processes.ts";
import { describeSink, endless, eventsOf, rawsOf } from "../support/sink-contract.ts";

describeSink(
  "file",
  async () => {
    const folder = await temporaryFolder();
    const path = join(folder, "out", "alerts.ndjson");
    return {
      sink: aSink(path),
      received: () => (existsSync(path) ? eventsOf(readFileSync(path, "utf8")) : []),
      breakDown: async () => void (await mkdir(path, { recursive: true })),
      secrets: [],
    };
  },
  { canBeHeld: false },
);

describe("file", () => {
  it("appends to what is there, one line of JSON an alert", async () => {
    const path = await aPath();
    await writeFile(path, '{"kept":true}\n');

    await aSink(path).deliver(envelopesOf(2), endless());
    await aSink(path).deliver([anEnvelope({ seq: 3 })], endless());

    const lines = (await readFile(path, "utf8")).trimEnd().split("\n");
    expect(lines[0]).toBe('{"kept":true}');
    expect(lines.slice(1).map((line) => JSON.parse(line).seq)).toEqual([1, 2, 3]);
    expect(JSON.parse(lines[1]!)).toMatchObject({ tenant: "contoso", event: { id: "da00000000-1" } });
  });

  it("closes half a line that a crash left behind", async () => {
    const path = await aPath();
    await writeFile(path, '{"seq":1}\n{"seq":2,"ev');

    await aSink(path).deliver(envelopesOf(1), endless());

    const lines = (await readFile(path, "utf8")).split("\n");
    expect(lines.slice(0, 2)).toEqual(['{"seq":1}', '{"seq":2,"ev']);
    expect(JSON.parse(lines[2]!)).toMatchObject({ seq: 1 });
    expect(lines.slice(3)).toEqual([""]);
  });

  it("has a file for each tenant and day where its path says so", async () => {
    const folder = await temporaryFolder();
    const fabrikam = { ...CONTOSO, id: "fabrikam" };
    const sink = aSink(join(folder, "{tenant}", "{date}.ndjson"));
    const days = [today()];

    await sink.deliver(
      [anEnvelope(), anEnvelope({ seq: 2, tenant: fabrikam }), anEnvelope({ seq: 3 })],
      endless(),
    );

    days.push(today());
    const [day] = await readdir(join(folder, "contoso"));
    expect(days).toContain(day?.replace(".ndjson", ""));
    expect(await seqsIn(join(folder, "contoso", day!))).toEqual([1, 3]);
    expect(await seqsIn(join(folder, "fabrikam", day!))).toEqual([2]);
  });

  it("goes on in a new file when the old one was moved away", async () => {
    const path = await aPath();
    const sink = aSink(path);
    await sink.deliver(envelopesOf(1), endless());
    await rename(path, `${path}.1`);

    await sink.deliver([anEnvelope({ seq: 2 })], endless());

    expect([await seqsIn(`${path}.1`), await seqsIn(path)]).toEqual([[1], [2]]);
  });

  it("keeps whole lines when two sinks write to the same file", async () => {
    const path = await aPath();
    const sinks = [aSink(path), aSink(path)];
    const batches = Array.from({ length: 10 }, (_, batch) =>
      envelopesOf(50, { raw: JSON.stringify({ batch, text: "x".repeat(20_000) }) }),
    );

    await Promise.all(batches.map((envelopes, batch) => sinks[batch % 2]!.deliver(envelopes, endless())));

    expect([...eventsOf(await readFile(path, "utf8"))].sort()).toEqual(batches.flatMap(rawsOf).sort());
  });

  it("is not readable for everybody", async () => {
    const path = await aPath();

    await aSink(path).deliver(envelopesOf(1), endless());

    expect((await stat(path)).mode & 0o007).toBe(0);
  });

  it("waits for room on a full disk", async () => {
    await expect(aSink("/dev/full").deliver(envelopesOf(1), endless())).rejects.toMatchObject({
      name: "DeliveryError",
      kind: "transient",
      code: "ENOSPC",
    });
  });

  it("needs a person when its path is a folder", async () => {
    const path = await aPath();
    await mkdir(path);

    await expectSetupFailure(path, "EISDIR");
  });

  it("needs a person when a file stands where its folder should be", async () => {
    const path = await aPath();
    await writeFile(path, "");

    await expectSetupFailure(join(path, "alerts.ndjson"), "EEXIST", "ENOTDIR");
    await expectSetupFailure(join(path, "{tenant}", "alerts.ndjson"), "ENOTDIR");
  });

  it("writes on after a failure", async () => {
    const folder = await temporaryFolder();
    const sink = aSink(join(folder, "{tenant}.ndjson"));
    await mkdir(join(folder, "contoso.ndjson"));
    const failing = sink.deliver(envelopesOf(1), endless());
    const fabrikam = anEnvelope({ seq: 2, tenant: { ...CONTOSO, id: "fabrikam" } });
    const writing = sink.deliver([fabrikam], endless());

    await expect(failing).rejects.toThrow("cannot be written (EISDIR)");
    await writing;

    expect(await seqsIn(join(folder, "fabrikam.ndjson"))).toEqual([2]);
  });

  it("writes nothing twice because another file of the same request failed", async () => {
    const folder = await temporaryFolder();
    const sink = aSink(join(folder, "{tenant}.ndjson"));
    const fabrikam = anEnvelope({ seq: 2, tenant: { ...CONTOSO, id: "fabrikam" } });
    const request = [anEnvelope(), fabrikam, anEnvelope({ seq: 3 })] as const;
    await mkdir(join(folder, "fabrikam.ndjson"));
    await expect(sink.deliver(request, endless())).rejects.toMatchObject({ kind: "misconfigured" });
    await rmdir(join(folder, "fabrikam.ndjson"));

    await sink.deliver(request, endless());

    expect(await seqsIn(join(folder, "contoso.ndjson"))).toEqual([1, 3]);
    expect(await seqsIn(join(folder, "fabrikam.ndjson"))).toEqual([2]);
  });

  it("writes again what is asked for again", async () => {
    const path = await aPath();
    const sink = aSink(path);
    const request = envelopesOf(2);

    await sink.deliver(request, endless());
    await sink.deliver(request, endless());

    expect(await seqsIn(path)).toEqual([1, 2, 1, 2]);
  });

  it.each(["out/alerts.ndjson", "out/{tenant}/{date}.ndjson", "{tenant}.ndjson", "alerts.ndjson"])(
    "is probed at %s without creating anything",
    async (path) => {
      const folder = await temporaryFolder();

      await aSink(join(folder, path)).probe(endless());

      expect(await readdir(folder)).toEqual([]);
    },
  );

  it("is probed without changing the file that is there", async () => {
    const path = await aPath();
    await appendFile(path, "half a line");

    await aSink(path).probe(endless());

    expect(await readFile(path, "utf8")).toBe("half a line");
  });
});

function aSink(path: string) {
  return file.create(file.Config.parse({ path }));
}

/** Both a delivery and a probe say so; the code may differ by the call that met it. */
async function expectSetupFailure(path: string, ...codes: readonly string[]): Promise<void> {
  const failure = expect.objectContaining({
    name: "DeliveryError",
    kind: "misconfigured",
    code: expect.stringMatching(new RegExp(`^(${codes.join("|")})$`)),
  });
  await expect(aSink(path).deliver(envelopesOf(1), endless())).rejects.toEqual(failure);
  await expect(aSink(path).probe(endless())).rejects.toEqual(failure);
}

async function aPath(): Promise<string> {
  return join(await temporaryFolder(), "alerts.ndjson");
}

async function seqsIn(path: string): Promise<readonly number[]> {
  const lines = (await readFile(path, "utf8")).trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line).seq);
}

function today(): string {
  return new Date().toISOString().slice(0, 10);
}
