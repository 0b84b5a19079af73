import { spawn } from "node:child_process";
import { once } from "node:events";
import { Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { FORMAT_NAMES, render } from "../../src/formats/index.ts";
import { createStdout, stdout } from "../../src/sinks/stdout.ts";
import { anEnvelope, CONTOSO, envelopesOf } from "../support/envelopes.ts";
import { start } from "../support/processes.ts";
import { describeSink, endless, eventsOf } from "../support/sink-contract.ts";
import { until } from "../support/until.ts";

describeSink("stdout", async () => {
  const output = anOutput();
  return {
    sink: createStdout(output.stream, "raw"),
    received: () => eventsOf(output.text()),
    requests: () => output.writes(),
    hold: output.hold,
    breakDown: () => output.fail(Object.assign(new Error("write EPIPE"), { code: "EPIPE" })),
    secrets: [],
  };
});

describe("stdout", () => {
  it("writes one line of JSON an alert, with its circumstances around it", async () => {
    const output = anOutput();
    const envelope = anEnvelope({ seq: 7, revision: 2, replay: true });

    await createStdout(output.stream, "raw").deliver([envelope], endless());

    expect(output.text()).toMatch(/^\{[^\n]*\}\n$/);
    expect(JSON.parse(output.text())).toEqual({
      tenant: "contoso",
      tenantId: CONTOSO.tenantId,
      tenantName: CONTOSO.name,
      alertId: envelope.alertId,
      eventId: envelope.eventId,
      revision: 2,
      seq: 7,
      sourceApi: "graph_alerts",
      replay: true,
      event: JSON.parse(String(envelope.raw)),
    });
  });

  it.each(FORMAT_NAMES)("may speak %s, one line an alert", async (format) => {
    const output = anOutput();
    const envelopes = envelopesOf(2);

    await createStdout(output.stream, format).deliver(envelopes, endless());

    const lines = envelopes.map((envelope) => render(format, envelope, Number.POSITIVE_INFINITY).text);
    expect(output.text()).toBe(`${lines.join("\n")}\n`);
  });

  it("fails the write that meets a broken pipe, each time, and listens no more often for it", async () => {
    const output = anOutput();
    const sink = createStdout(output.stream, "raw");
    createStdout(output.stream, "raw");
    output.fail(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));

    for (let attempt = 0; attempt < 20; attempt++) {
      await expect(sink.deliver(envelopesOf(1), endless())).rejects.toMatchObject({
        name: "DeliveryError",
        kind: "misconfigured",
      });
    }

    expect(output.stream.listenerCount("error")).toBe(1);
  });

  it("waits for a slow reader, and so holds no more than one batch", async () => {
    const reader = spawn("cat", { stdio: ["pipe", "pipe", "inherit"] });
    onTestFinished(() => void reader.kill("SIGKILL"));
    let isTaken = false;
    const delivering = createStdout(reader.stdin, "raw")
      .deliver([anEnvelope({ raw: JSON.stringify("x".repeat(3_000_000)) })], endless())
      .then(() => {
        isTaken = true;
      });
    await once(reader.stdout, "readable");
    expect(isTaken).toBe(false);

    reader.stdout.resume();

    await delivering;
  });

  it("leaves the process alive when whoever reads standard output goes away", async () => {
    const writer = start(process.execPath, [
      "--import",
      "tsx",
      fileURLToPath(new URL("./stdout-writer.ts", import.meta.url)),
    ]);
    await until("the writer writes", () => writer.out().includes('"event"'));

    writer.child.stdout?.destroy();

    expect(await writer.ended).toBe(0);
    expect(writer.err().trim().split("\n")).toEqual(["misconfigured EPIPE", "misconfigured EPIPE"]);
  });

  it("has settings that are all optional", () => {
    expect(stdout.Config.parse({})).toMatchObject({ format: "raw", concurrency: 1 });
  });
});

/** A stream that keeps what is written to it, and may be held or broken. */
function anOutput() {
  const chunks: Buffer[] = [];
  let held: Promise<void> | undefined;
  let failure: Error | undefined;
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, taken) => {
      if (failure !== undefined) return taken(failure);
      chunks.push(chunk);
      if (held === undefined) taken();
      else void held.then(() => taken());
    },
  });
  return {
    stream,
    text: () => Buffer.concat(chunks).toString(),
    writes: () => chunks.length,
    hold: () => {
      let release = () => {};
      held = new Promise((go) => {
        release = go;
      });
      return release;
    },
    fail: (error: Error) => {
      failure = error;
    },
  };
}
