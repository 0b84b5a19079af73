import { hostname } from "node:os";
import { setImmediate as turn } from "node:timers/promises";
import { z } from "zod";
import { readFacts } from "../formats/facts.ts";
import type { Rendered } from "../formats/format.ts";
import { FORMAT_NAMES, render } from "../formats/index.ts";
import { FACILITIES, PROTOCOLS, renderHeader } from "../formats/syslog-header.ts";
import type { Envelope, NonEmpty } from "../model/envelope.ts";
import { ByteSize, Duration, Tls } from "../net/options.ts";
import { MAX_DATAGRAM_BYTES } from "../net/syslog-datagram.ts";
import { FRAMINGS } from "../net/syslog-stream.ts";
import { createSyslogTransport, TRANSPORTS } from "../net/syslog-transport.ts";
import { commonSettings, defineSink, type Sink, shortenedOf } from "./sink.ts";

/** RFC 5426, RFC 6587, RFC 5425; RELP has no number of its own, this is the one in rsyslog's documentation. */
const PORTS = { udp: 514, tcp: 514, tls: 6514, relp: 2514, "relp-tls": 2514 } as const;

/** Room for a header of full length and the 480 bytes that every receiver must take (RFC 5424 section 6.1). */
const LEAST_MESSAGE_BYTES = 1024;

const LONGEST_STRETCH_MS = 20;

const Config = z
  .strictObject({
    host: z.string().min(1, "must not be empty").describe("Name or address of the receiver."),
    port: z
      .int()
      .min(1)
      .max(65_535)
      .optional()
      .describe("Without it 514 for udp and tcp, 6514 for tls, 2514 for relp and relp-tls."),
    transport: z
      .enum(TRANSPORTS)
      .default("tls")
      .describe(
        "tcp and tls are confirmed when the receiver closes the connection after a batch, relp and relp-tls (rsyslog's imrelp) for each alert; udp is never confirmed and loses what the receiver does not take.",
      ),
    framing: z
      .enum(FRAMINGS)
      .default("octet-counting")
      .describe("How tcp and tls tell messages apart; newline for receivers that do not read a count."),
    protocol: z
      .enum(PROTOCOLS)
      .default("rfc5424")
      .describe("Header of each message. Times are UTC in both; rfc3164 has no year and no fraction."),
    format: z.enum(FORMAT_NAMES).default("cef").describe("Notation of the alert behind the header."),
    facility: z.enum(FACILITIES).default("local4").describe("Facility of each message."),
    hostname: z
      .string()
      .regex(/^[\x21-\x7e]{1,255}$/, "must be visible ASCII without spaces, at most 255 characters")
      .optional()
      .describe(
        "Host in the header; without it this machine's name. {tenant} may stand in it, for receivers that tell customers apart by host.",
      ),
    appName: z
      .string()
      .regex(/^[A-Za-z0-9_.-]{1,32}$/, "must be letters, digits, _, . and -, at most 32")
      .default("alertferry")
      .describe(
        "Application in the header. Under rfc3164 it is left out before cef and leef, which receivers look for there.",
      ),
    maxMessageBytes: ByteSize.refine((bytes) => bytes >= LEAST_MESSAGE_BYTES, "must be at least 1024B")
      .prefault("8096B")
      .describe(
        "The longest message, header and all; longer alerts are shortened and say so. rsyslog takes 8096B unless told otherwise and cuts up more, syslog-ng 65536B, a datagram carries 65507B.",
      ),
    settle: Duration.prefault("300ms").describe(
      "How long a receiver is watched by tcp and tls: after a TLS handshake, after everything was sent, and after it has closed. One that closes or ends in that time has confirmed nothing.",
    ),
    tls: Tls.prefault({}).describe("TLS towards the receiver, for tls and relp-tls."),
    ...commonSettings({ maxAlerts: 1000, maxBytes: "4MB", linger: "100ms", concurrency: 2 }),
  })
  .refine(({ transport, maxMessageBytes }) => transport !== "udp" || maxMessageBytes <= MAX_DATAGRAM_BYTES, {
    path: ["maxMessageBytes"],
    error: `must be at most ${MAX_DATAGRAM_BYTES}B, which a datagram can carry`,
  });
type Config = z.output<typeof Config>;

export const syslog = defineSink({
  type: "syslog",
  summary: "Syslog receivers (QRadar, ArcSight, rsyslog, syslog-ng …) over TLS, TCP, UDP or RELP.",
  Config,
  create: createSyslog,
});

type MessageSettings = Pick<
  Config,
  "protocol" | "format" | "facility" | "hostname" | "appName" | "maxMessageBytes"
>;

/**
 * One message an alert: `<163>1 2026-05-04T05:36:51.703Z forwarder alertferry - graph_alerts - CEF:0|…`
 *
 * @param nowMs stands in under rfc3164 where the alert has no time.
 */
export function encodeMessage(envelope: Envelope, config: MessageSettings, nowMs: number): Rendered {
  const { protocol, format } = config;
  const isOwnTag = protocol === "rfc3164" && (format === "cef" || format === "leef");
  const { severity, updatedMs } = readFacts(envelope);
  const header = renderHeader({
    protocol,
    facility: config.facility,
    severity,
    timeMs: updatedMs,
    nowMs,
    hostname: config.hostname?.replaceAll("{tenant}", envelope.tenant.id) ?? hostname(),
    appName: isOwnTag ? undefined : config.appName,
    messageId: envelope.source,
  });
  const { text, shortened } = render(format, envelope, config.maxMessageBytes - header.length);
  return { text: `${header}${text}`, shortened };
}

/** Rendering a full batch takes a good part of a second, so everybody else is let in now and then. */
async function encodeAll(
  [first, ...others]: NonEmpty<Envelope>,
  config: MessageSettings,
): Promise<NonEmpty<Rendered>> {
  const messages: [Rendered, ...Rendered[]] = [encodeMessage(first, config, Date.now())];
  let since = performance.now();
  for (const envelope of others) {
    messages.push(encodeMessage(envelope, config, Date.now()));
    if (performance.now() - since < LONGEST_STRETCH_MS) continue;
    await turn();
    since = performance.now();
  }
  return messages;
}

function createSyslog(config: Config): Sink {
  const transport = createSyslogTransport(
    config.transport,
    {
      host: config.host,
      port: config.port ?? PORTS[config.transport],
      tls: config.tls,
      timeoutMs: config.timeout,
      settleMs: config.settle,
    },
    config.framing,
  );
  return {
    async deliver(envelopes, signal) {
      const messages = await encodeAll(envelopes, config);
      const [first, ...others] = messages;
      await transport.send([first.text, ...others.map(({ text }) => text)], signal);
      const bytes = messages.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
      return { bytes, shortened: shortenedOf(envelopes, messages) };
    },
    probe: (signal) => transport.probe(signal),
    async close() {},
  };
}
