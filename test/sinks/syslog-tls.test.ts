import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { z } from "zod";
import { type Authority, createAuthority } from "../../src/simulate/certificates.ts";
import { encodeMessage, syslog } from "../../src/sinks/syslog.ts";
import { envelopesOf } from "../support/envelopes.ts";
import { temporaryFolder } from "../support/processes.ts";
import { startRsyslog } from "../support/rsyslog.ts";
import { endless } from "../support/sink-contract.ts";
import { startSyslogNg } from "../support/syslog-ng.ts";
import { startSyslogReceiver } from "../support/syslog-receiver.ts";
import { aTlsPair, type TlsFiles, writeTlsFiles } from "../support/tls-files.ts";

/** Receivers that ask for a certificate of forwarder.example. */
const RECEIVERS = [
  {
    name: "rsyslog (GnuTLS)",
    transport: "tls",
    start: (tls: TlsFiles) => startRsyslog({ transport: "tls", tls }),
  },
  {
    name: "syslog-ng (OpenSSL)",
    transport: "tls",
    start: (tls: TlsFiles) => startSyslogNg({ transport: "tls", tls }),
  },
  {
    name: "rsyslog's RELP",
    transport: "relp-tls",
    start: (tls: TlsFiles) => startRsyslog({ transport: "relp-tls", tls }),
  },
] as const;

describe.each(RECEIVERS)("$name", ({ transport, start }) => {
  it("takes alerts from whom it knows", async () => {
    const { server, client } = await aTlsPair(await temporaryFolder());
    const receiver = await start(server);
    const envelopes = envelopesOf(50);

    await aSink(transport, receiver.port, client).deliver(envelopes, endless());

    await receiver.stop();
    expect(receiver.received()).toEqual(envelopes.map((envelope) => encodeMessage(envelope, CONFIG, 0).text));
  });

  it.each([
    [
      "no certificate",
      async () => ({}),
      /asks for a client certificate, and none is set \(tls\.cert and tls\.key\)/,
    ],
    [
      "a certificate of another authority",
      async (folder: string, authority: Authority) =>
        await writeTlsFiles(folder, {
          name: "forwarder.example",
          usage: "client",
          authority: await createAuthority("Another CA"),
          trusts: authority,
        }),
      /refuses our client certificate \(CN=forwarder\.example\): it (probably )?does not trust its issuer, CN=Another CA/,
    ],
    [
      "a certificate of another name",
      (folder: string, authority: Authority) =>
        writeTlsFiles(folder, { name: "rogue.example", usage: "client", authority }),
      /refuses our client certificate \(CN=rogue\.example\): its name is probably not permitted there/,
    ],
    [
      "a certificate that has expired",
      (folder: string, authority: Authority) =>
        writeTlsFiles(folder, { name: "forwarder.example", usage: "client", authority, isExpired: true }),
      /refuses our client certificate \(CN=forwarder\.example\): it expired on \d{4}-\d\d-\d\d/,
    ],
  ] as const)("refuses a client with %s, and the sink says why", async (_, write, words) => {
    const { server, client, authority } = await aTlsPair(await temporaryFolder());
    const receiver = await start(server);
    const files = { ca: client.ca, ...(await write(await temporaryFolder(), authority)) };
    const sink = aSink(transport, receiver.port, files);

    await expectRefusal(sink, words);

    await receiver.stop();
    expect(receiver.received()).toEqual([]);
  });

  it.each([
    [
      "of another authority",
      async (folder: string) =>
        await writeTlsFiles(folder, {
          name: "localhost",
          usage: "server",
          authority: await createAuthority("Another CA"),
        }),
      /its certificate comes from an authority that is not trusted here \(tls\.ca\)/,
    ],
    [
      "for another name",
      (folder: string, authority: Authority) =>
        writeTlsFiles(folder, { name: "impostor.example", usage: "server", authority }),
      /its certificate is for another name \(DNS:impostor\.example/,
    ],
    [
      "that has expired",
      (folder: string, authority: Authority) =>
        writeTlsFiles(folder, { name: "localhost", usage: "server", authority, isExpired: true }),
      /its certificate has expired/,
    ],
  ] as const)("with a certificate %s is refused", async (_, write, words) => {
    const { client, authority } = await aTlsPair(await temporaryFolder());
    const receiver = await start(await write(await temporaryFolder(), authority));

    await expectRefusal(aSink(transport, receiver.port, client), words);

    await receiver.stop();
    expect(receiver.received()).toEqual([]);
  });
});

describe("syslog over tls", () => {
  it("uses renewed certificate files without a restart", async () => {
    const folder = await temporaryFolder();
    const { server, client, authority } = await aTlsPair(folder);
    const receiver = await startRsyslog({ transport: "tls", tls: server });
    const expired = { name: "forwarder.example", usage: "client", authority, isExpired: true } as const;
    const old = await writeTlsFiles(folder, expired);
    const sink = aSink("tls", receiver.port, old);
    await expect(sink.probe(endless())).rejects.toThrow("it expired on");

    const { cert, key } = await authority.issue({
      name: "forwarder.example",
      usage: "client",
      hosts: ["forwarder.example"],
    });
    await writeFile(old.cert, cert);
    await writeFile(old.key, key);

    await sink.deliver(envelopesOf(2), endless());
    expect(receiver.received()).toHaveLength(2);
    expect(client.cert).not.toBe(old.cert);
  });

  it("trusts whom it is told to trust without a check", async () => {
    const { server, client } = await aTlsPair(await temporaryFolder());
    const receiver = await startSyslogReceiver(server);
    const sink = aSink("tls", receiver.port, {
      cert: client.cert,
      key: client.key,
      serverName: "another.example",
      rejectUnauthorized: false,
    });

    await sink.deliver(envelopesOf(1), endless());

    expect(receiver.messages).toHaveLength(1);
  });

  it("tells the server the name it expects", async () => {
    const { server, client } = await aTlsPair(await temporaryFolder());
    const receiver = await startSyslogReceiver(server);

    await aSink("tls", receiver.port, client).deliver(envelopesOf(1), endless());
    await aSink("tls", receiver.port, { ...client, serverName: undefined }, "localhost").deliver(
      envelopesOf(1),
      endless(),
    );

    expect(new Set(receiver.serverNames)).toEqual(new Set(["localhost"]));
  });

  it("to a port without TLS is told apart", async () => {
    const receiver = await startSyslogReceiver();
    receiver.greeting = "220 mail.example ESMTP\r\n";

    await expectRefusal(aSink("tls", receiver.port, {}), /it does not speak TLS on this port/);
  });

  it("to a port that never answers the handshake is transient", async () => {
    const receiver = await startSyslogReceiver();
    receiver.behaviour = "read nothing";
    const sink = syslog.create({ ...CONFIG, port: receiver.port, timeout: 200 });

    await expect(sink.deliver(envelopesOf(1), endless())).rejects.toMatchObject({
      kind: "transient",
      code: "ETIMEDOUT",
      message: expect.stringContaining("did not finish the TLS handshake within 200 ms"),
    });
  });

  it.each(["ca", "cert", "key"])("needs a person when the file of tls.%s cannot be read", async (name) => {
    const path = join(await temporaryFolder(), "absent.pem");

    await expectRefusal(aSink("tls", 1, { [name]: path }), /absent\.pem cannot be read \(ENOENT\)/);
  });

  it("needs a person when its key is not that of its certificate", async () => {
    const { server, client } = await aTlsPair(await temporaryFolder());

    await expectRefusal(
      aSink("tls", 1, { ...client, key: server.key }),
      /files of `tls` cannot be used \(\w+\)/,
    );
  });
});

const CONFIG = syslog.Config.parse({ host: "127.0.0.1" });

function aSink(
  transport: "tls" | "relp-tls",
  port: number,
  tls: z.input<typeof syslog.Config>["tls"],
  host = "127.0.0.1",
) {
  return syslog.create(
    syslog.Config.parse({ host, transport, port, tls: { serverName: "localhost", ...tls } }),
  );
}

/** Both of a delivery and of a probe. */
async function expectRefusal(sink: ReturnType<typeof aSink>, words: RegExp): Promise<void> {
  const failure = { name: "DeliveryError", kind: "misconfigured", message: expect.stringMatching(words) };
  await expect(sink.probe(endless())).rejects.toMatchObject(failure);
  await expect(sink.deliver(envelopesOf(3), endless())).rejects.toMatchObject(failure);
}
