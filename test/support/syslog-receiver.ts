import { afterTest } from "./processes.ts";
import { openSyslogReceiver, type SyslogReceiver } from "./syslog-server.ts";
import type { TlsFiles } from "./tls-files.ts";

export type { SyslogReceiver };

/** A syslog receiver that is closed after the test. @param atPort default: a free one. */
export async function startSyslogReceiver(tls?: TlsFiles, atPort = 0): Promise<SyslogReceiver> {
  const receiver = await openSyslogReceiver(tls, atPort);
  afterTest(receiver.close);
  return receiver;
}
