import { readdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort, temporaryFolder } from "./processes.ts";
import { type Receiver, startReceiver, unpacked } from "./receivers.ts";
import type { TlsFiles } from "./tls-files.ts";

interface SyslogNg {
  readonly transport: "tcp" | "tls";
  /** `newline` is its `network()` source, octet counting its `syslog()` source. */
  readonly framing?: "octet-counting" | "newline";
  /** With it clients must show a certificate of this authority that names `forwarder.example`. */
  readonly tls?: TlsFiles;
  /** The largest message it takes; its own default is 65,536. */
  readonly maxMessageBytes?: number;
  /** What it writes of each message; default the bytes as they came. */
  readonly template?: string;
}

/**
 * A real syslog-ng on a free port that writes each message to a file. It cannot be told to write before it reads on;
 * one thread and flow control keep what it holds in memory to what it read in one go.
 */
export async function startSyslogNg({
  transport,
  framing = "octet-counting",
  tls,
  maxMessageBytes = 65_536,
  template = "${RAWMSG}",
}: SyslogNg): Promise<Receiver> {
  const folder = await temporaryFolder();
  const port = await freePort();
  const file = join(folder, "received");
  const config = join(folder, "syslog-ng.conf");
  const modules = unpacked("lib/syslog-ng");
  const version = readdirSync(modules).find((name) => /^\d+\.\d+$/.test(name)) ?? "";
  const source = framing === "newline" ? "network" : "syslog";
  const lines = [
    `@version: ${version}`,
    "options { threaded(no); use-dns(no); keep-hostname(yes); chain-hostnames(no); stats-freq(0);",
    `  log-msg-size(${maxMessageBytes}); };`,
    `source s { ${source}(ip("127.0.0.1") port(${port}) transport("${transport}")`,
    `  flags(${framing === "newline" ? "syslog-protocol, " : ""}store-raw-message)`,
    ...(tls === undefined
      ? []
      : [
          `  tls(ca-file("${tls.ca}") cert-file("${tls.cert}") key-file("${tls.key}")`,
          '    peer-verify(required-trusted) trusted-dn("*CN=forwarder.example*"))',
        ]),
    "); };",
    `destination d { file("${file}" template("${template}\\n") flush-lines(1)); };`,
    "log { source(s); destination(d); flags(flow-control); };",
    "",
  ];
  await writeFile(config, lines.join("\n"));
  return await startReceiver({
    program: unpacked("sbin/syslog-ng"),
    args: [
      ...["-F", "-e", "--no-caps", "-f", config, `--module-path=${join(modules, version)}`],
      ...["-R", join(folder, "persist"), "-p", join(folder, "pid"), "-c", join(folder, "control")],
    ],
    port,
    isUdp: false,
    file,
  });
}
