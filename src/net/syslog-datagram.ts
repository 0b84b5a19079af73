import { lookup } from "node:dns/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Client, Transport } from "syslog-client";
import { DeliveryError } from "../model/failure.ts";
import { classifyNoAnswer } from "./classify.ts";
import { codeOf, NoAnswer } from "./http.ts";
import type { ConnectionSettings } from "./syslog-connection.ts";
import type { SyslogTransport } from "./syslog-transport.ts";

/** The only home of syslog-client: syslog over UDP (RFC 5426), a message a datagram. */

/** What an IPv4 datagram can carry: 65,535 less the headers of IP and UDP. */
export const MAX_DATAGRAM_BYTES = 65_507;
/** After so much a breath is taken: a receiver's buffer is small (Linux: 208 KiB), and what does not fit is gone. */
const BURST_BYTES = 64_000;
const BREATH_MS = 2;

/** The client's datagrams with our own header: its own has no structured data field nor a host name per message. */
class Datagrams extends Client {
  override buildFormattedMessage(message: string): Buffer {
    return Buffer.from(message);
  }
}

/**
 * UDP confirms nothing: `send` resolves when the kernel has taken the datagrams. A receiver that is down, slow or
 * elsewhere loses them, and nobody is told.
 */
export function createSyslogDatagrams(settings: Pick<ConnectionSettings, "host" | "port">): SyslogTransport {
  const { host, port } = settings;
  return {
    async send(messages, signal) {
      signal.throwIfAborted();
      const client = new Datagrams(await resolve(host), { port, transport: Transport.Udp });
      // Its words come by the callback too; without a listener they would end the process.
      client.on("error", () => undefined);
      let burst = 0;
      try {
        for (const message of messages) {
          signal.throwIfAborted();
          burst += Buffer.byteLength(message);
          await sendOne(client, message, `${host}:${port}`);
          if (burst < BURST_BYTES) continue;
          burst = 0;
          await sleep(BREATH_MS);
        }
      } finally {
        client.close();
      }
    },
    async probe(signal) {
      signal.throwIfAborted();
      await resolve(host);
    },
  };
}

/** Asked anew for each batch, and here: the client would ask for each datagram. */
async function resolve(host: string): Promise<string> {
  try {
    return (await lookup(host)).address;
  } catch (cause) {
    const code = codeOf(cause);
    throw new DeliveryError(classifyNoAnswer(new NoAnswer(code, "")), `${host} has no address (${code}).`, {
      code,
    });
  }
}

function sendOne(client: Client, message: string, peer: string): Promise<void> {
  return new Promise((done, failed) => {
    client.log(message, (error) => {
      if (error === undefined) return done();
      // `dgram.send() failed: send EMSGSIZE 192.0.2.1:514`
      const code = /\bE[A-Z]{3,}\b/.exec(error.message)?.[0] ?? "unknown";
      // Systems differ in what they send in one datagram; a person has to lower the limit then.
      const isTooLong = code === "EMSGSIZE";
      const what = isTooLong
        ? "is reached by smaller datagrams only: lower maxMessageBytes"
        : "could not be reached";
      failed(
        new DeliveryError(isTooLong ? "misconfigured" : "transient", `${peer} ${what} (${code}).`, { code }),
      );
    });
  });
}
