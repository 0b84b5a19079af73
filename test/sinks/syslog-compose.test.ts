import { readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { expect, it } from "vitest";
import { freePort, temporaryFolder } from "../support/processes.ts";
import { startReceiver, unpacked } from "../support/receivers.ts";
import { until } from "../support/until.ts";

it("docker/rsyslog.conf writes what it gets as it came, long messages too", async () => {
  const folder = await temporaryFolder();
  const port = await freePort();
  const file = join(folder, "alerts.log");
  const config = join(folder, "rsyslog.conf");
  const shipped = readFileSync("docker/rsyslog.conf", "utf8");
  const changed = shipped
    .replace("/var/log/alertferry/alerts.log", file)
    .replace('workDirectory="/tmp"', `workDirectory="${folder}"`)
    .replace('port="1514"', `address="127.0.0.1" port="${port}"`);
  writeFileSync(config, changed);
  const args = ["-n", "-f", config, "-i", join(folder, "pid"), "-M", unpacked("rsyslog")];
  const receiver = await startReceiver({
    program: unpacked("sbin/rsyslogd"),
    args,
    port,
    isUdp: false,
    file,
  });

  const messages = ["", "ü".repeat(20_000)].map((text) => `<134>1 - host alertferry - - - CEF:0|${text}`);
  const socket = connect(port, "127.0.0.1");
  for (const message of messages) socket.write(`${Buffer.byteLength(message)} ${message}`);
  socket.end();

  await until("both are written", () => receiver.received().length === messages.length);
  expect(receiver.received()).toEqual(messages);
  await receiver.stop();
});
