import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import type { z } from "zod";
import { encodeMessage, syslog } from "../../src/sinks/syslog.ts";
import { anEnvelope, aRaw, CONTOSO, envelopesOf } from "../support/envelopes.ts";
import { freePort, temporaryFolder } from "../support/processes.ts";
import { startRsyslog } from "../support/rsyslog.ts";
import { describeSink, endless, eventsOf } from "../support/sink-contract.ts";
import { startSyslogReceiver } from "../support/syslog-receiver.ts";
import { aTlsPair } from "../support/tls-files.ts";
import { until } from "../support/until.ts";

const LARGE = "20MB";

for (const transport of ["tcp", "tls"] as const) {
  describeSink(`syslog over ${transport}`, async () => {
    const { server, client } = await aTlsPair(await temporaryFolder());
    const receiver = await startSyslogReceiver(transport === "tls" ? server : undefined);
    return {
      sink: aSink({
        transport,
        port: receiver.port,
        format: "raw",
        maxMessageBytes: LARGE,
        tls: { ...client, serverName: "localhost" },
      }),
      received: () => eventsIn(receiver.messages),
      requests: receiver.batches,
      hold: receiver.hold,
      breakDown: () => {
        receiver.behaviour = "close at once";
      },
      secrets: ["PRIVATE KEY"],
    };
  });
}

describeSink(
  "syslog over relp",
  async () => {
    const receiver = await startRsyslog({ transport: "relp", maxMessageBytes: 20_000_000 });
    return {
      sink: aSink({ transport: "relp", port: receiver.port, format: "raw", maxMessageBytes: LARGE }),
      received: () => eventsIn(receiver.received()),
      breakDown: () => receiver.stop(),
      secrets: [],
    };
  },
  { canBeHeld: false },
);

describe("a syslog message", () => {
  it("has the header of RFC 5424 and then the alert", () => {
    expect(messageOf({ hostname: "forwarder" })).toMatch(
      /^<163>1 2026-05-04T05:36:51\.703Z forwarder alertferry - graph_alerts - CEF:0\|/,
    );
  });

  it("has nothing between header and alert under RFC 3164 where the alert names itself", () => {
    const header = "<163>May  4 05:36:51 forwarder ";
    const rfc3164 = { hostname: "forwarder", protocol: "rfc3164" } as const;

    expect(messageOf(rfc3164)).toMatch(new RegExp(`^${header}CEF:0\\|`));
    expect(messageOf({ ...rfc3164, format: "leef" })).toMatch(new RegExp(`^${header}LEEF:2\\.0\\|`));
    expect(messageOf({ ...rfc3164, format: "raw" })).toMatch(new RegExp(`^${header}alertferry: \\{`));
  });

  it.each([
    ["critical", 162],
    ["High", 163],
    ["medium", 164],
    ["low", 165],
    ["informational", 166],
    ["UnSpecified", 164],
  ])("of a %s alert has priority %i", (severity, priority) => {
    expect(messageOf({}, { raw: aRaw({ severity }) })).toMatch(new RegExp(`^<${priority}>`));
  });

  it("names its tenant as host where that is wanted", () => {
    expect(messageOf({ hostname: "{tenant}.defender" })).toContain(" contoso.defender alertferry ");
  });

  it("has no time where the alert has none that can be read", () => {
    const raw = aRaw({ lastUpdateDateTime: "yesterday" });

    expect(messageOf({}, { raw, updatedMs: undefined })).toMatch(/^<163>1 - /);
  });

  it.each(["cef", "ecs", "leef", "ocsf", "raw"] as const)(
    "in %s is never longer than it may be, header and all, and one line",
    (format) => {
      const raw = aRaw({ title: "ü|=\\\n\u2028".repeat(5000), description: "\u{1f600}".repeat(50_000) });
      for (const maxMessageBytes of ["1024B", "2048B", "8096B", "65507B"]) {
        const message = messageOf({ format, maxMessageBytes, hostname: "h".repeat(255) }, { raw });

        expect(Buffer.byteLength(message)).toBeLessThanOrEqual(Number.parseInt(maxMessageBytes, 10));
        expect(message).not.toMatch(/[\r\n]/);
      }
    },
  );
});

describe("the settings of syslog", () => {
  it.each([
    [{ transport: "udp", maxMessageBytes: "65508B" }, "maxMessageBytes", "must be at most 65507B"],
    [{ maxMessageBytes: "1023B" }, "maxMessageBytes", "must be at least 1024B"],
    [{ hostname: "two words" }, "hostname", "must be visible ASCII"],
    [{ appName: "a b" }, "appName", "must be letters"],
    [{ port: 0 }, "port", "Too small"],
  ])("refuse %o", (settings, key, words) => {
    const { error } = syslog.Config.safeParse({ host: "127.0.0.1", ...settings });

    expect(error?.issues).toMatchObject([{ path: [key], message: expect.stringContaining(words) }]);
  });

  it("know the port of each transport", async () => {
    for (const [transport, port] of Object.entries({ tcp: 514, tls: 6514, relp: 2514, "relp-tls": 2514 })) {
      const failing = aSink({ host: "127.0.0.2", transport: transport as "tcp" }).probe(endless());

      await expect(failing).rejects.toThrow(`127.0.0.2:${port} could not be reached (ECONNREFUSED).`);
    }
  });
});

describe("a batch", () => {
  it.each([
    ["close at once", /closed a connection|broke off/],
    ["close after one message", /closed a connection|broke off/],
    ["close everything at the end", /closed a connection before it was sure that it has read everything/],
    ["reset after one message", /closed a connection|broke off/],
    ["reset at the end", /broke off before it had confirmed/],
  ] as const)("is not confirmed by a receiver that does this: %s", async (behaviour, words) => {
    const receiver = await startSyslogReceiver();
    receiver.behaviour = behaviour;
    const envelopes = envelopesOf(200, { raw: aRaw({ description: "x".repeat(5000) }) });

    const failing = aSink({ transport: "tcp", port: receiver.port }).deliver(envelopes, endless());

    await expect(failing).rejects.toMatchObject({ kind: "transient", message: expect.stringMatching(words) });
  });

  it.each([
    ["never close", "did not close the connection after reading everything"],
    ["read nothing", "did not read everything"],
  ] as const)("is not confirmed in time by a receiver that does this: %s", async (behaviour, words) => {
    const receiver = await startSyslogReceiver();
    receiver.behaviour = behaviour;
    // More than the buffers of both sides hold.
    const envelopes = envelopesOf(20, { raw: aRaw({ description: "x".repeat(1_000_000) }) });
    const sink = aSink({
      transport: "tcp",
      port: receiver.port,
      timeout: "1500ms",
      maxMessageBytes: LARGE,
      format: "raw",
    });

    await expect(sink.deliver(envelopes, endless())).rejects.toMatchObject({
      kind: "transient",
      code: "ETIMEDOUT",
      message: expect.stringContaining(words),
    });
  });

  it("is told apart from a probe by nothing but its messages: a receiver that does not close fails that too", async () => {
    const receiver = await startSyslogReceiver();
    receiver.behaviour = "never close";

    const probing = aSink({ transport: "tcp", port: receiver.port, timeout: "200ms" }).probe(endless());

    await expect(probing).rejects.toThrow("did not close the connection");
  });

  it("has a connection of its own", async () => {
    const receiver = await startSyslogReceiver();
    const sink = aSink({ transport: "tcp", port: receiver.port });

    await sink.deliver(envelopesOf(3), endless());
    await sink.deliver(envelopesOf(3), endless());

    expect([receiver.batches(), receiver.messages.length]).toEqual([2, 6]);
  });

  it("goes to a receiver that is back after it was gone", async () => {
    const port = await freePort();
    const sink = aSink({ transport: "tcp", port });
    await expect(sink.deliver(envelopesOf(1), endless())).rejects.toMatchObject({
      kind: "transient",
      code: "ECONNREFUSED",
    });

    const receiver = await startSyslogReceiver(undefined, port);
    await sink.deliver(envelopesOf(1), endless());

    expect(receiver.messages).toHaveLength(1);
  });

  it.each(["udp", "tcp"] as const)(
    "to a name that does not exist needs a person, over %s",
    async (transport) => {
      const sink = aSink({ transport, host: "receiver.invalid" });

      const failure = { name: "DeliveryError", kind: expect.stringMatching(/^(misconfigured|transient)$/) };
      await expect(sink.deliver(envelopesOf(1), endless())).rejects.toMatchObject(failure);
      await expect(sink.probe(endless())).rejects.toThrow(/receiver\.invalid.*\((ENOTFOUND|EAI_AGAIN)\)/);
    },
  );

  it("by RELP to a port that speaks something else needs a person", async () => {
    const receiver = await startSyslogReceiver();
    receiver.greeting = "220 mail.example ESMTP\r\n";

    const failing = aSink({ transport: "relp", port: receiver.port }).deliver(envelopesOf(1), endless());

    await expect(failing).rejects.toMatchObject({ kind: "misconfigured", code: "ENORELP" });
  });

  it.each([
    ["1 rsp 7 500 bad\n", "misconfigured", "does not take syslog by RELP: 500 bad"],
    ["1 rsp 14 200 OK\nx=y\nz=1\n", "misconfigured", "does not take syslog by RELP: 200 OK"],
    [
      "1 rsp 22 200 OK\ncommands=syslog\n2 rsp 6 200 OK\n3 rsp 6 500 no\n",
      "rejected",
      "refused an alert: 500 no",
    ],
  ])("by RELP that is answered %j is %s", async (greeting, kind, words) => {
    const receiver = await startSyslogReceiver();
    receiver.greeting = greeting;

    const failing = aSink({ transport: "relp", port: receiver.port }).deliver(envelopesOf(3), endless());

    await expect(failing).rejects.toMatchObject({
      kind,
      message: expect.stringContaining(words),
      culprit: kind === "rejected" ? 1 : undefined,
    });
  });
});

describe("syslog over udp", () => {
  it("sends a datagram an alert, without a line break behind it", async () => {
    const receiver = await startRsyslog({ transport: "udp", maxMessageBytes: 70_000 });
    const sink = aSink({ transport: "udp", port: receiver.port });
    const envelopes = envelopesOf(30);

    const { bytes } = await sink.deliver(envelopes, endless());

    await until("all are there", () => receiver.received().length === 30);
    expect(receiver.received()).toEqual(envelopes.map((envelope) => messageOf({}, envelope)));
    expect(bytes).toBe(Buffer.byteLength(receiver.received().join("")));
  });

  it("reaches an IPv6 address", async () => {
    const sink = aSink({ transport: "udp", host: "::1", port: await freePort() });

    await expect(sink.deliver(envelopesOf(1), endless())).resolves.toMatchObject({
      bytes: expect.any(Number),
    });
  });

  it("sends nothing after an abort, and nothing for a probe", async () => {
    const receiver = await startRsyslog({ transport: "udp" });
    const sink = aSink({ transport: "udp", port: receiver.port });

    await sink.probe(endless());
    const aborted = sink.deliver(envelopesOf(1), AbortSignal.abort(new Error("stopping")));

    await expect(aborted).rejects.toThrow("stopping");
    await sink.deliver([anEnvelope({ seq: 2 })], endless());
    await until("the second is there", () => receiver.received().length > 0);
    expect(receiver.received()).toEqual([messageOf({}, { seq: 2 })]);
  });
});

describe("framing by newline", () => {
  it("brings one message a line", async () => {
    const receiver = await startRsyslog({ transport: "tcp" });
    const envelopes = envelopesOf(20, { raw: aRaw({ title: "two\nlines", description: "1\r\n2" }) });

    await aSink({ transport: "tcp", port: receiver.port, framing: "newline" }).deliver(envelopes, endless());

    expect(receiver.received()).toEqual(envelopes.map((envelope) => messageOf({}, envelope)));
  });
});

describe("an error", () => {
  it("tells the address and no alert", async () => {
    const receiver = await startSyslogReceiver();
    receiver.behaviour = "reset at the end";
    const envelope = anEnvelope({ raw: aRaw({ title: "only-the-alert-says-this" }), tenant: CONTOSO });

    const error = await aSink({ transport: "tcp", port: receiver.port })
      .deliver([envelope], endless())
      .catch((cause: unknown) => cause);

    const told = inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true });
    expect(told).toContain(`127.0.0.1:${receiver.port}`);
    expect(told).not.toContain("only-the-alert-says-this");
  });
});

type Settings = Partial<z.input<typeof syslog.Config>>;

function aSink(settings: Settings) {
  return syslog.create(syslog.Config.parse({ host: "127.0.0.1", settle: "50ms", ...settings }));
}

function messageOf(settings: Settings, envelope: Parameters<typeof anEnvelope>[0] = {}): string {
  return encodeMessage(
    anEnvelope(envelope),
    syslog.Config.parse({ host: "127.0.0.1", ...settings }),
    Date.now(),
  ).text;
}

/** The alerts in messages of format raw. */
function eventsIn(messages: readonly string[]): readonly string[] {
  return eventsOf(messages.map((message) => `${message.slice(message.indexOf("{"))}\n`).join(""));
}
