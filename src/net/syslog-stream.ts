import { type Connection, type ConnectionSettings, withConnection } from "./syslog-connection.ts";
import type { SyslogTransport } from "./syslog-transport.ts";

/** How a stream is cut into messages. RFC 6587 section 3.4; RFC 5425 knows octet counting only. */
export const FRAMINGS = ["octet-counting", "newline"] as const;
export type Framing = (typeof FRAMINGS)[number];

/** `44 <134>1 2026-…` or `<134>1 2026-…\n`. A message has no line break of its own. */
export function frame(message: string, framing: Framing): string {
  return framing === "newline" ? `${message}\n` : `${Buffer.byteLength(message)} ${message}`;
}

/**
 * Syslog over TCP or TLS (RFC 6587, RFC 5425), one connection a batch. Neither has an answer, and that bytes were
 * written proves nothing: a receiver that is stopped lets the kernel take them. So we close our side after the batch;
 * a receiver closes its own once it has read to the end, and that is the confirmation. Two of its kind are none:
 *
 * - A receiver may close because of what it reads (syslog-ng, at a message that is too long) or without reading (a
 *   load balancer with nobody behind it). So it is watched for a while before we close.
 * - One that ends closes everything it has, and syslog-ng does so as cleanly with a batch that it has not read. So a
 *   second, idle connection must outlive the batch's by the same while.
 */
export function createSyslogStream(settings: ConnectionSettings, framing: Framing): SyslogTransport {
  async function sendAll({ socket, race, settle, close }: Connection, bytes: Buffer): Promise<void> {
    await race(new Promise<void>((done) => socket.write(bytes, () => done())));
    await settle();
    await close();
  }

  return {
    async send(messages, signal) {
      const bytes = Buffer.from(messages.map((message) => frame(message, framing)).join(""));
      const begin = performance.now();
      await withConnection(settings, signal, async (witness) => {
        await witness.accepted();
        const rest = { ...settings, timeoutMs: Math.max(1, begin + settings.timeoutMs - performance.now()) };
        await withConnection(rest, signal, (connection) => sendAll(connection, bytes));
        await witness.settle();
        await witness.leave();
      });
    },
    // The same without a message: that the receiver closes after us is worth knowing beforehand.
    probe: (signal) =>
      withConnection(settings, signal, async ({ accepted, settle, close }) => {
        await accepted();
        await settle();
        await close();
      }),
  };
}
