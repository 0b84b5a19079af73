import { describe, expect, it } from "vitest";
import type { z } from "zod";
import { type Envelope, isNonEmpty, type NonEmpty } from "../../src/model/envelope.ts";
import { Breaker } from "../../src/pipeline/breaker.ts";
import { Deliverer } from "../../src/pipeline/deliverer.ts";
import { encodeMessage, syslog } from "../../src/sinks/syslog.ts";
import { anEnvelope, aRaw } from "../support/envelopes.ts";
import { recordFigures } from "../support/figures.ts";
import { someHostile } from "../support/hostile.ts";
import { temporaryFolder } from "../support/processes.ts";
import type { Receiver } from "../support/receivers.ts";
import { startRsyslog } from "../support/rsyslog.ts";
import { endless } from "../support/sink-contract.ts";
import { startSyslogNg } from "../support/syslog-ng.ts";
import { aTlsPair } from "../support/tls-files.ts";
import { until } from "../support/until.ts";

const ALERTS = 10_000;
const BATCH = 250;
/** Less than the default: harder to confirm rightly, and sooner done. */
const SETTLE = "100ms";
const SIGNALS = ["SIGTERM", "SIGKILL", "SIGTERM", "SIGKILL", "SIGTERM"] as const;
const LONG = 180_000;

type Transport = "tcp" | "tls" | "relp" | "relp-tls";

/** Through the pipeline's own deliverer, whose patience is cut short. */
describe("10,000 alerts, some of them hostile,", () => {
  it.each([
    ["rsyslog", "tcp"],
    ["rsyslog", "tls"],
    ["rsyslog", "relp"],
    ["syslog-ng", "tcp"],
    ["syslog-ng", "tls"],
  ] as const)(
    "arrive byte by byte at %s over %s, and what was confirmed outlives five restarts",
    async (name, transport) => {
      const { receiver, config } = await aBench(name, transport);
      const envelopes = someHostile(ALERTS);
      const messages = envelopes.map((envelope) => encodeMessage(envelope, config, 0).text);
      const bytes = messages.reduce((sum, message) => sum + Buffer.byteLength(message) + 1, 0);
      const begin = performance.now();

      const [counts] = await Promise.all([
        deliverAll(config, envelopes),
        restartAt(
          receiver,
          SIGNALS.map((_, index) => (bytes * (index + 1)) / (SIGNALS.length + 1)),
        ),
      ]);

      const seconds = (performance.now() - begin) / 1000;
      await receiver.stop();
      const outcome = compare(messages, receiver.received());
      const row = {
        ...{ receiver: name, transport, alerts: ALERTS, batchAlerts: BATCH, ...counts, ...outcome },
        ...{ sigterms: 3, sigkills: 2, seconds: Math.round(seconds * 10) / 10 },
      };
      recordFigures(row);
      expect(row).toMatchObject({ confirmed: ALERTS, distinct: ALERTS, missing: 0, changed: 0 });
      // Only what stood in a request when the receiver ended comes again.
      expect(row.duplicates).toBeLessThanOrEqual(counts.sent - ALERTS);
    },
    LONG,
  );

  it(
    "arrive byte by byte at rsyslog over udp, each batch sent when the receiver has written the one before",
    async () => {
      const { receiver, config } = await aBench("rsyslog", "udp");
      const sink = syslog.create(config);
      const envelopes = someHostile(ALERTS);
      const messages = envelopes.map((envelope) => encodeMessage(envelope, config, 0).text);
      const begin = performance.now();
      let bytes = 0;

      // Small enough for a receiver that may not raise its socket's buffer.
      for (const batch of batchesOf(envelopes, 50)) {
        bytes += (await sink.deliver(batch, endless())).bytes + batch.length;
        await until("the receiver has written it all", () => receiver.bytes() >= bytes);
      }

      const seconds = (performance.now() - begin) / 1000;
      await receiver.stop();
      const row = {
        ...{ receiver: "rsyslog", transport: "udp", alerts: ALERTS, batchAlerts: 50 },
        ...{ sent: ALERTS, confirmed: 0, ...compare(messages, receiver.received()) },
        ...{ sigterms: 0, sigkills: 0, seconds: Math.round(seconds * 10) / 10 },
      };
      recordFigures(row);
      expect(row).toMatchObject({ readBack: ALERTS, distinct: ALERTS, missing: 0, changed: 0 });
    },
    LONG,
  );
});

describe("an alert of 300 kB", () => {
  const raw = aRaw({ description: "ü|=\\\n".repeat(50_000), id: "da-large" });
  const large = anEnvelope({ raw });

  it.each([
    ["rsyslog", "udp"],
    ["rsyslog", "tcp"],
    ["rsyslog", "tls"],
    ["rsyslog", "relp"],
    ["rsyslog", "relp-tls"],
    ["syslog-ng", "tcp"],
    ["syslog-ng", "tls"],
  ] as const)("arrives at %s over %s, shortened to its limit and marked", async (name, transport) => {
    const { receiver, config } = await aBench(name, transport);

    for (const format of ["cef", "leef", "ecs", "ocsf", "raw"] as const) {
      const delivery = await syslog.create({ ...config, format }).deliver([large], endless());
      expect(delivery.shortened).toEqual([large]);
    }

    await until("all are there", () => receiver.received().length >= 5);
    const [cef = "", leef = "", ...documents] = receiver.received();
    for (const message of receiver.received()) expect(Buffer.byteLength(message)).toBeLessThanOrEqual(8096);
    expect(cef).toMatch(
      / CEF:0\|(?:[^|\\]|\\[|\\])*(?:\|(?:[^|\\]|\\[|\\])*){4}\|\d+\|.* MicrosoftDefenderShortened=msg/,
    );
    expect(leef).toMatch(/ LEEF:2\.0\|.*\^shortened=description/);
    for (const document of documents) {
      const json = document.slice(document.indexOf("{"));
      expect(JSON.stringify(JSON.parse(json))).toMatch(/"shortened":\["/);
    }
  });

  it.each([
    ["rsyslog", "tcp"],
    ["rsyslog", "tls"],
    ["rsyslog", "relp"],
    ["syslog-ng", "tcp"],
    ["syslog-ng", "tls"],
  ] as const)("arrives whole at %s over %s where both sides allow it", async (name, transport) => {
    const { receiver, config } = await aBench(name, transport, 1_000_000);

    const delivery = await syslog.create({ ...config, format: "raw" }).deliver([large], endless());

    expect(delivery.shortened).toEqual([]);
    await until("it is there", () => receiver.received().length > 0);
    const [message = ""] = receiver.received();
    expect(JSON.parse(message.slice(message.indexOf("{"))).event).toEqual(JSON.parse(raw));
  });

  it("arrives in the largest datagram there is", async () => {
    const { receiver, config } = await aBench("rsyslog", "udp", 65_507);

    await syslog.create({ ...config, format: "raw" }).deliver([large], endless());

    await until("it is there", () => receiver.received().length > 0);
    const [message = ""] = receiver.received();
    expect(Buffer.byteLength(message)).toBeGreaterThan(40_000);
    expect(JSON.parse(message.slice(message.indexOf("{")))).toMatchObject({
      shortened: ["event.description"],
    });
  });
});

describe("a message", () => {
  it("is longer than syslog-ng takes: it closes the connection, and nothing counts as delivered", async () => {
    const { receiver, config } = await aBench("syslog-ng", "tcp");
    const sink = syslog.create({ ...config, format: "raw", maxMessageBytes: 1_000_000 });
    const large = anEnvelope({ raw: aRaw({ title: "x".repeat(90_000) }) });

    await expect(sink.deliver([anEnvelope(), large], endless())).rejects.toMatchObject({ kind: "transient" });

    await receiver.stop();
    expect(receiver.received()).toHaveLength(1);
  });

  it.each(["rsyslog", "syslog-ng"] as const)("is read by %s as its header says", async (name) => {
    const template =
      name === "rsyslog"
        ? "%pri%~%timereported:::date-rfc3339%~%hostname%~%app-name%~%procid%~%msgid%~%structured-data%~%msg%"
        : "${PRI}~${ISODATE}~${HOST}~${PROGRAM}~${PID}~${MSGID}~${SDATA}~${MESSAGE}";
    const { receiver, config } = await aBench(name, "tcp", undefined, template);
    const sink = syslog.create({ ...config, hostname: "{tenant}.example", format: "leef" });

    await sink.deliver([anEnvelope()], endless());

    await receiver.stop();
    const [pri, time, host, app, procId, messageId, , text] = receiver.received()[0]?.split("~") ?? [];
    expect([pri, host, app, messageId]).toEqual(["163", "contoso.example", "alertferry", "graph_alerts"]);
    // syslog-ng writes whole seconds.
    expect(new Date(time ?? "").toISOString().slice(0, 19)).toBe("2026-05-04T05:36:51");
    expect(["", "-"]).toContain(procId);
    expect(text?.trim()).toMatch(/^LEEF:2\.0\|/);
  });

  it.each(["cef", "leef", "raw"] as const)("under RFC 3164 is read by rsyslog: %s", async (format) => {
    const { receiver, config } = await aBench(
      "rsyslog",
      "tcp",
      undefined,
      "%pri%~%hostname%~%syslogtag%~%msg%",
    );
    const sink = syslog.create({ ...config, hostname: "forwarder", protocol: "rfc3164", format });

    await sink.deliver([anEnvelope()], endless());

    await receiver.stop();
    const tag = { cef: "CEF:", leef: "LEEF:", raw: "alertferry:" }[format];
    expect(receiver.received()[0]).toMatch(new RegExp(`^163~forwarder~${tag}~`));
  });
});

interface Bench {
  readonly receiver: Receiver;
  readonly config: z.output<typeof syslog.Config>;
}

async function aBench(
  name: "rsyslog" | "syslog-ng",
  transport: Transport | "udp",
  maxMessageBytes?: number,
  template?: string,
): Promise<Bench> {
  const { server, client } = await aTlsPair(await temporaryFolder());
  const isTls = transport === "tls" || transport === "relp-tls";
  const more = {
    ...(isTls ? { tls: server } : {}),
    ...(maxMessageBytes === undefined ? {} : { maxMessageBytes }),
    ...(template === undefined ? {} : { template }),
  };
  const receiver =
    name === "rsyslog"
      ? await startRsyslog({ transport, ...more })
      : await startSyslogNg({ transport: transport === "tls" ? "tls" : "tcp", ...more });
  const config = syslog.Config.parse({
    ...{
      host: "127.0.0.1",
      port: receiver.port,
      transport,
      settle: SETTLE,
      tls: { ...client, serverName: "localhost" },
    },
    ...(maxMessageBytes === undefined ? {} : { maxMessageBytes: `${maxMessageBytes}B` }),
  });
  return { receiver, config };
}

/** Delivers in batches, waiting out every failure. @returns how many messages were sent and how many confirmed. */
async function deliverAll(config: Bench["config"], envelopes: NonEmpty<Envelope>) {
  const counts = { sent: 0, confirmed: 0 };
  const sink = syslog.create(config);
  const counted: typeof sink = {
    ...sink,
    async deliver(batch, signal) {
      counts.sent += batch.length;
      const delivery = await sink.deliver(batch, signal);
      counts.confirmed += batch.length;
      return delivery;
    },
  };
  const silent = () => undefined;
  const breaker = new Breaker(
    { minDelay: 50, maxDelay: 500 },
    { retrying: silent, opened: silent, closed: silent },
  );
  const limits = { maxAlerts: BATCH, maxBytes: Number.POSITIVE_INFINITY, lingerMs: 0, concurrency: 4 };
  const deliverer = new Deliverer(counted, limits, breaker, { completed: silent, halved: silent });
  const refused = await Promise.all(batchesOf(envelopes, BATCH).map((batch) => deliverer.deliver(batch)));
  expect(refused.flatMap((each) => each.refused)).toEqual([]);
  return counts;
}

/** Restarts the receiver whenever its file has grown to the next of these sizes, so that it is always at work then. */
async function restartAt(receiver: Receiver, sizes: readonly number[]): Promise<void> {
  for (const [index, size] of sizes.entries()) {
    await until(`the receiver has ${size} bytes`, () => receiver.bytes() >= size, LONG);
    await receiver.restart(SIGNALS[index] ?? "SIGTERM");
  }
}

function batchesOf(envelopes: NonEmpty<Envelope>, size: number): readonly NonEmpty<Envelope>[] {
  return Array.from({ length: Math.ceil(envelopes.length / size) }).flatMap((_, index) => {
    const batch = envelopes.slice(index * size, (index + 1) * size);
    return isNonEmpty(batch) ? [batch] : [];
  });
}

function compare(messages: readonly string[], received: readonly string[]) {
  const expected = new Set(messages);
  const distinct = new Set(received.filter((message) => expected.has(message)));
  return {
    readBack: received.length,
    distinct: distinct.size,
    duplicates: received.filter((message) => expected.has(message)).length - distinct.size,
    missing: expected.size - distinct.size,
    changed: received.filter((message) => !expected.has(message)).length,
  };
}
