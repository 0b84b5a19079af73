import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort, temporaryFolder } from "./processes.ts";
import { type Receiver, startReceiver, unpacked } from "./receivers.ts";
import type { TlsFiles } from "./tls-files.ts";

interface Rsyslog {
  readonly transport: "udp" | "tcp" | "tls" | "relp" | "relp-tls";
  /** With it clients must show a certificate of this authority that names `forwarder.example`. */
  readonly tls?: TlsFiles;
  /** The largest message it takes; its own default is 8,096. */
  readonly maxMessageBytes?: number;
  /** What it writes of each message; default the bytes as they came. */
  readonly template?: string;
}

/**
 * A real rsyslogd on a free port that writes each message to a file. It keeps nothing in memory: queues are direct
 * and the file is written before more is read, so that what it took survives its own death by SIGKILL. The buffer is
 * larger than a batch, so that a line is written whole or not at all.
 */
export async function startRsyslog({
  transport,
  tls,
  maxMessageBytes = 8096,
  template = "%rawmsg%",
}: Rsyslog): Promise<Receiver> {
  const folder = await temporaryFolder();
  const port = await freePort();
  const file = join(folder, "received");
  const config = join(folder, "rsyslog.conf");
  const module = transport.startsWith("relp") ? "imrelp" : transport === "udp" ? "imudp" : "imtcp";
  const frame = Math.max(200_000, maxMessageBytes);
  const lines = [
    `global(workDirectory="${folder}" net.enableDNS="off" maxMessageSize="${maxMessageBytes}"`,
    ...(transport === "tls" && tls !== undefined
      ? [
          `  defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="${tls.ca}"`,
          `  defaultNetstreamDriverCertFile="${tls.cert}" defaultNetstreamDriverKeyFile="${tls.key}"`,
        ]
      : []),
    ")",
    'main_queue(queue.type="Direct")',
    `template(name="line" type="string" string="${template}\\n")`,
    'ruleset(name="keep") {',
    `  action(type="omfile" file="${file}" template="line" ioBufferSize="16m" asyncWriting="off" flushOnTXEnd="on")`,
    "}",
    `module(load="${module}"${module === "imtcp" ? ` maxFrameSize="${frame}" maxSessions="200"` : ""}`,
    transport === "tls"
      ? '  streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="x509/name" permittedPeer=["forwarder.example"])'
      : ")",
    `input(type="${module}" address="127.0.0.1" port="${port}" ruleset="keep"`,
    ...(module === "imrelp" ? [`  maxDataSize="${maxMessageBytes}"`] : []),
    ...(transport === "relp-tls" && tls !== undefined
      ? [
          `  tls="on" tls.caCert="${tls.ca}" tls.myCert="${tls.cert}" tls.myPrivKey="${tls.key}"`,
          '  tls.authMode="name" tls.permittedPeer=["forwarder.example"]',
        ]
      : []),
    ")",
    "",
  ];
  await writeFile(config, lines.join("\n"));
  return await startReceiver({
    program: unpacked("sbin/rsyslogd"),
    args: ["-n", "-f", config, "-i", join(folder, "pid"), "-M", unpacked("rsyslog")],
    port,
    isUdp: transport === "udp",
    file,
  });
}
