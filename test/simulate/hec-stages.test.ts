import { pbkdf2 } from "node:crypto";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { expect, it, onTestFinished, vi } from "vitest";
import { startHec } from "../../src/simulate/hec.ts";

it("lets go of a request of a dead client only when what was read of it is stored", async () => {
  const hec = await startHec({ tokens: [{ value: "good" }] });
  onTestFinished(() => hec.listener.stop());
  const stages: string[] = [];
  hec.onStage(({ stage }) => stages.push(`${stage}, ${hec.counts.events} stored`));
  const body = gzipSync('{"event":1}{"event":2}');
  const head = [
    "POST /services/collector HTTP/1.1",
    ...["Host: splunk", "Authorization: Splunk good", "Content-Encoding: gzip"],
    `Content-Length: ${body.length}`,
  ];
  // Unpacking waits behind what keeps the pool of threads busy.
  for (let jobs = 0; jobs < 8; jobs++) pbkdf2("word", "salt", 200_000, 64, "sha512", () => undefined);

  const client = connect(hec.listener.port, "127.0.0.1");
  client.write(`${head.join("\r\n")}\r\n\r\n`);
  client.end(body);
  await vi.waitFor(() => expect(hec.counts.requests).toBe(1));
  client.destroy();

  const gone = () => stages.find((stage) => stage.startsWith("gone"));
  await vi.waitFor(() => expect(gone()).toBeDefined(), 30_000);
  expect(gone()).toBe("gone, 2 stored");
});
