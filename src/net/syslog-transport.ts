import type { NonEmpty } from "../model/envelope.ts";
import { createRelp } from "./relp.ts";
import type { ConnectionSettings } from "./syslog-connection.ts";
import { createSyslogDatagrams } from "./syslog-datagram.ts";
import { createSyslogStream, type Framing } from "./syslog-stream.ts";

/** The ways to a syslog receiver. */
export const TRANSPORTS = ["udp", "tcp", "tls", "relp", "relp-tls"] as const;
export type TransportName = (typeof TRANSPORTS)[number];

/** Brings syslog messages, header and all, to one receiver. Keeps nothing open between calls. */
export interface SyslogTransport {
  /** Resolves with the receiver's confirmation, in so far as the protocol has one. @throws DeliveryError. */
  send(messages: NonEmpty<string>, signal: AbortSignal): Promise<void>;
  /** Everything but a message. @throws DeliveryError. */
  probe(signal: AbortSignal): Promise<void>;
}

export function createSyslogTransport(
  name: TransportName,
  settings: ConnectionSettings,
  framing: Framing,
): SyslogTransport {
  if (name === "udp") return createSyslogDatagrams(settings);
  const isTls = name === "tls" || name === "relp-tls";
  const connection = { ...settings, tls: isTls ? settings.tls : undefined };
  return name === "relp" || name === "relp-tls"
    ? createRelp(connection)
    : createSyslogStream(connection, framing);
}
