import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { Envelope, NonEmpty } from "../../src/model/envelope.ts";
import { Breaker } from "../../src/pipeline/breaker.ts";
import { Deliverer } from "../../src/pipeline/deliverer.ts";
import { type Authority, createAuthority } from "../../src/simulate/certificates.ts";
import { email } from "../../src/sinks/email.ts";
import { anEnvelope, aRaw, CONTOSO, envelopesOf } from "../support/envelopes.ts";
import { temporaryFolder } from "../support/processes.ts";
import { endless } from "../support/sink-contract.ts";
import { aBrokenMailServer, aMailServer, PASSWORD, type Refusal, type Step, USER } from "../support/smtp.ts";
import { until } from "../support/until.ts";

const FABRIKAM = { ...CONTOSO, id: "fabrikam", name: "Fabrikam" };
const TWO_TENANTS: NonEmpty<Envelope> = [anEnvelope({ seq: 1 }), anEnvelope({ seq: 2, tenant: FABRIKAM })];

describe("a mail server that refuses", () => {
  it.each<readonly [string, Refusal, string]>([
    ["sender", "421 4.3.2 Closing down", "throttled"],
    ["sender", "451 4.3.0 Local error", "transient"],
    ["sender", "452 4.3.1 No room", "transient"],
    ["sender", "503 5.5.1 Bad sequence", "transient"],
    ["sender", "530 5.7.0 Sign in first", "unauthorized"],
    ["sender", "550 5.1.0 Who are you?", "misconfigured"],
    ["sender", "552 5.3.4 Too large", "rejected"],
    ["recipient", "450 4.2.0 Greylisted", "throttled"],
    ["recipient", "451 4.7.1 Later", "transient"],
    ["recipient", "550 5.1.1 No such user", "misconfigured"],
    ["recipient", "552 5.2.2 Mailbox full", "misconfigured"],
    ["recipient", "553 5.1.3 No such name", "misconfigured"],
    ["content", "450 4.7.0 Too many", "throttled"],
    ["content", "452 4.3.1 No room", "transient"],
    ["content", "550 5.7.1 Spam", "rejected"],
    ["content", "552 5.3.4 Too large", "rejected"],
    ["content", "554 5.6.0 No", "rejected"],
  ])("the %s with %s is heard", async (what, refusal, kind) => {
    const server = await aMailServer();
    const sink = aSink(server.port);
    await sink.deliver([anEnvelope()], endless());
    if (what === "sender") server.refuse.sender = refusal;
    if (what === "recipient") server.refuse.recipient = () => refusal;
    if (what === "content") server.refuse.content = () => refusal;

    const failing = sink.deliver([anEnvelope({ seq: 2 })], endless());

    await expect(failing).rejects.toMatchObject({
      name: "DeliveryError",
      kind,
      status: Number(refusal.slice(0, 3)),
      message: expect.stringContaining(refusal.replace(/[.?]$/, "")),
    });
    expect(server.mails).toHaveLength(1);
  });

  it.each<readonly [Step, string, string]>([
    ["greeting", "421 Too busy", "throttled"],
    ["greeting", "554 5.7.1 Not from your address", "misconfigured"],
    ["DATA", "554 5.5.1 No valid recipients", "misconfigured"],
    ["DATA", "451 4.3.0 Later", "transient"],
    ["content", "250-first\r\n250 last", "delivered"],
    ["content", "554-5.7.1 first\r\n554 5.7.1 last", "misconfigured"],
  ])("at %s with %s is heard", async (step, instead, kind) => {
    const server = await aBrokenMailServer(step, instead);

    expect(await outcome(server.port)).toMatchObject({ kind });
  });

  it("all content from the first is not believed to mean the alerts", async () => {
    const server = await aMailServer();
    server.refuse.content = () => "554 5.2.252 SendAsDenied";

    expect(await outcome(server.port)).toMatchObject({
      kind: "misconfigured",
      message: expect.stringContaining("It has taken no mail yet"),
    });
  });

  it("a mail for its size means the mail, also from the first", async () => {
    const server = await aMailServer();
    server.refuse.content = () => "552 5.3.4 Too large";

    expect(await outcome(server.port)).toMatchObject({ kind: "rejected" });
  });
});

describe("a mail server that fails", () => {
  const STEPS = ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "content"] as const;

  it.each(STEPS)("by hanging up at %s is waited for", async (step) => {
    const server = await aBrokenMailServer(step, "drop");

    expect(await outcome(server.port)).toMatchObject({ name: "DeliveryError", kind: "transient" });
  });

  it.each(STEPS)("by saying nothing at %s is waited for, and no longer than it may take", async (step) => {
    const server = await aBrokenMailServer(step, "hang");

    expect(await outcome(server.port, { timeout: "300ms" })).toMatchObject({
      name: "DeliveryError",
      kind: "transient",
      code: "ETIMEDOUT",
    });
  });

  it("by not being there is waited for", async () => {
    const server = await aMailServer();
    await server.stop();

    expect(await outcome(server.port)).toMatchObject({ kind: "transient", code: "ECONNREFUSED" });
    expect(await probed(server.port)).toMatchObject({ kind: "transient", code: "ECONNREFUSED" });
  });

  it.each(STEPS)("by saying nothing at %s is left at once on an abort", async (step) => {
    const server = await aBrokenMailServer(step, "hang");
    const stop = new AbortController();
    const delivering = aSink(server.port).deliver([anEnvelope()], stop.signal);
    delivering.catch(() => undefined);

    stop.abort(new Error("stopping"));

    await expect(delivering).rejects.toThrow("stopping");
  });
});

describe("a mail that some of a request's tenants have already", () => {
  it("is not sent to them again when the request is repeated", async () => {
    const server = await aMailServer();
    const sink = aSink(server.port);
    server.refuse.content = ({ headers }) =>
      headers["x-alertferry-tenant"] === "fabrikam" ? "451 4.3.0 Later" : undefined;
    await expect(sink.deliver(TWO_TENANTS, endless())).rejects.toMatchObject({ kind: "transient" });
    server.refuse = {};

    await sink.deliver(TWO_TENANTS, endless());

    expect(tenantsOf(server)).toEqual(["contoso", "fabrikam"]);
  });

  it("is not sent to them again when the request is divided, and the refused one stands alone", async () => {
    const server = await aMailServer();
    const sink = aSink(server.port);
    server.refuse.content = ({ headers }) =>
      headers["x-alertferry-tenant"] === "contoso" ? "554 5.6.0 No" : undefined;

    await expect(sink.deliver(TWO_TENANTS, endless())).rejects.toMatchObject({ kind: "rejected" });
    const [contoso, fabrikam] = TWO_TENANTS;
    await sink.deliver([fabrikam!], endless());
    await expect(sink.deliver([contoso], endless())).rejects.toMatchObject({ kind: "rejected" });

    expect(tenantsOf(server)).toEqual(["fabrikam"]);
  });

  it("is found by division with each of the others told once", async () => {
    const server = await aMailServer();
    const sink = aSink(server.port);
    const poison = anEnvelope({ seq: 4, raw: aRaw({ title: "poison" }) });
    const others = [1, 2, 3, 5, 6, 7, 8].map((seq) =>
      anEnvelope({ seq, tenant: seq % 2 === 0 ? CONTOSO : FABRIKAM }),
    );
    await sink.deliver([anEnvelope({ seq: 9 })], endless());
    server.refuse.content = ({ text }) => (text.includes("poison") ? "554 5.7.1 No" : undefined);
    const breaker = new Breaker(
      { minDelay: 1, maxDelay: 10 },
      { retrying: () => {}, opened: () => {}, closed: () => {} },
    );
    const limits = { maxAlerts: 100, maxBytes: 1_000_000, lingerMs: 0, concurrency: 1 };
    const deliverer = new Deliverer(sink, limits, breaker, { completed: () => {}, halved: () => {} });

    const { refused } = await deliverer.deliver([...others.slice(0, 3), poison, ...others.slice(3)]);

    expect(refused.map(({ envelope, error }) => [envelope.seq, error.kind])).toEqual([[4, "rejected"]]);
    const told = server.mails.flatMap(({ text }) =>
      [...text.matchAll(/number (\d+)$/gm)].map(([, n]) => Number(n)),
    );
    expect([...told].sort((a, b) => a - b)).toEqual([1, 2, 3, 5, 6, 7, 8, 9]);
  });

  it("is sent again to whoever asks for it after the request is over", async () => {
    const server = await aMailServer();
    const sink = aSink(server.port);

    await sink.deliver(TWO_TENANTS, endless());
    await sink.deliver(TWO_TENANTS, endless());

    expect(tenantsOf(server)).toEqual(["contoso", "fabrikam", "contoso", "fabrikam"]);
  });
});

describe("a recipient who is refused", () => {
  const TO = ["soc@mssp.example", "gone@mssp.example"];

  it("does not keep the others from being told once, and needs a person", async () => {
    const server = await aMailServer();
    server.refuse.recipient = (address) =>
      address.startsWith("gone") ? "550 5.1.1 No such user" : undefined;
    const sink = aSink(server.port, { to: TO });

    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(sink.deliver(TWO_TENANTS, endless())).rejects.toMatchObject({
        kind: "misconfigured",
        code: "5.1.1",
        message: expect.stringContaining("refused the recipient gone@mssp.example: 550 5.1.1 No such user"),
      });
    }
    server.refuse = {};
    await sink.deliver(TWO_TENANTS, endless());

    expect(
      server.mails.map(({ recipients, headers }) => [headers["x-alertferry-tenant"], ...recipients]),
    ).toEqual([
      ["contoso", "soc@mssp.example"],
      ["fabrikam", "soc@mssp.example"],
      ["contoso", "gone@mssp.example"],
      ["fabrikam", "gone@mssp.example"],
    ]);
    // The mail is the same to all.
    expect(new Set(server.mails.map(({ headers }) => headers["to"]))).toEqual(new Set([TO.join(", ")]));
    expect(new Set(server.mails.map(({ headers }) => headers["message-id"])).size).toBe(2);
  });

  it("for now is asked again soon", async () => {
    const server = await aMailServer();
    server.refuse.recipient = (address) => (address.startsWith("gone") ? "451 4.2.0 Later" : "550 5.1.1 No");

    expect(await outcome(server.port, { to: TO })).toMatchObject({ kind: "transient", status: 451 });
  });
});

describe("a sign-in", () => {
  it("is made with the user and password of the settings, or of the address", async () => {
    const server = await aMailServer({ authOptional: false });

    await aSink(server.port, { user: USER, password: PASSWORD }).deliver([anEnvelope()], endless());
    await aSink(server.port, { smtp: `smtp://${USER}:${PASSWORD}@127.0.0.1:${server.port}` }).deliver(
      [anEnvelope({ seq: 2 })],
      endless(),
    );

    expect(server.mails).toHaveLength(2);
  });

  it("that is refused needs a person", async () => {
    const server = await aMailServer({ authOptional: false });
    const wrong = { user: USER, password: "wrong-password" };
    const refusal = { kind: "unauthorized", status: 535, code: "5.7.8" };

    expect(await outcome(server.port, wrong)).toMatchObject(refusal);
    expect(await probed(server.port, wrong)).toMatchObject(refusal);
  });

  it("that is missing needs a person", async () => {
    const server = await aMailServer({ authOptional: false });

    expect(await outcome(server.port)).toMatchObject({ kind: "unauthorized", status: 530 });
  });
});

describe("TLS towards a mail server", () => {
  let authority: Authority;
  beforeAll(async () => {
    authority = await createAuthority();
  });

  it.each(["smtps", "smtp"])("is spoken to %s", async (protocol) => {
    const { server, ca } = await aSecureServer(protocol === "smtps");
    const settings = { smtp: `${protocol}://127.0.0.1:${server.port}`, starttls: "required", tls: { ca } };
    const sink = aSink(server.port, { ...settings, user: USER, password: PASSWORD });

    await sink.probe(endless());
    await sink.deliver([anEnvelope()], endless());

    expect(server.mails).toHaveLength(1);
  });

  it.each(["smtps", "smtp"])("needs a person where the authority of %s is not known", async (protocol) => {
    const { server } = await aSecureServer(protocol === "smtps");
    const settings = { smtp: `${protocol}://127.0.0.1:${server.port}`, starttls: "required" };

    for (const failure of [await outcome(server.port, settings), await probed(server.port, settings)]) {
      expect(failure).toMatchObject({
        kind: "misconfigured",
        message: expect.stringContaining("its certificate comes from an authority that is not trusted here"),
      });
    }
    expect(server.mails).toEqual([]);
  });

  it("needs a person where the certificate is for another name, and says for which", async () => {
    const { server, ca } = await aSecureServer(true, { hosts: ["mail.example"] });
    const settings = { smtp: `smtps://127.0.0.1:${server.port}`, tls: { ca } };

    expect(await outcome(server.port, settings)).toMatchObject({
      kind: "misconfigured",
      code: "ERR_TLS_CERT_ALTNAME_INVALID",
      message: expect.stringContaining("its certificate is for another name (DNS:mail.example)"),
    });
    await aSink(server.port, { ...settings, tls: { ca, serverName: "mail.example" } }).deliver(
      [anEnvelope()],
      endless(),
    );
    expect(server.mails).toHaveLength(1);
  });

  it("needs a person where the certificate has ended", async () => {
    const { server, ca } = await aSecureServer(true, { notAfter: new Date(Date.now() - 60_000) });
    const settings = { smtp: `smtps://127.0.0.1:${server.port}`, tls: { ca } };

    expect(await outcome(server.port, settings)).toMatchObject({
      kind: "misconfigured",
      message: expect.stringContaining("its certificate has expired"),
    });
  });

  it("is not done without where the server does not offer it", async () => {
    const server = await aMailServer();

    const failure = await outcome(server.port, { starttls: "required", user: USER, password: PASSWORD });

    expect(failure).toMatchObject({
      kind: "misconfigured",
      message: expect.stringContaining("does not offer STARTTLS"),
    });
    expect(server.mails).toEqual([]);
  });

  it("needs a person where the port speaks none", async () => {
    const server = await aMailServer();

    expect(await outcome(server.port, { smtp: `smtps://127.0.0.1:${server.port}` })).toMatchObject({
      kind: "misconfigured",
      message: expect.stringContaining("it does not speak TLS on this port"),
    });
  });

  it("needs a person where a file of its set-up is not there", async () => {
    const server = await aMailServer();

    expect(await outcome(server.port, { tls: { ca: "/nowhere/ca.pem" } })).toMatchObject({
      kind: "misconfigured",
      message: expect.stringContaining("/nowhere/ca.pem"),
    });
  });

  async function aSecureServer(secure: boolean, request: object = {}) {
    const { cert, key } = await authority.issue({ name: "mail", usage: "server", ...request });
    const ca = join(await temporaryFolder(), "ca.pem");
    await writeFile(ca, authority.ca);
    return { server: await aMailServer({ secure, cert, key }), ca };
  }
});

describe("a probe of a mail server", () => {
  it("signs in and leaves no mail", async () => {
    const server = await aMailServer({ authOptional: false });

    await aSink(server.port, { user: USER, password: PASSWORD }).probe(endless());

    expect([server.connections(), server.mails]).toEqual([1, []]);
  });

  it("is given up on an abort", async () => {
    const server = await aBrokenMailServer("EHLO", "hang");
    const stop = new AbortController();
    const probing = aSink(server.port).probe(stop.signal);
    probing.catch(() => undefined);

    stop.abort(new Error("stopping"));

    await expect(probing).rejects.toThrow("stopping");
  });
});

describe("a connection", () => {
  it("is closed after each mail", async () => {
    const server = await aMailServer();

    await aSink(server.port).deliver(envelopesOf(2), endless());

    await until("nobody is connected", () => server.open() === 0);
    expect(server.mails).toHaveLength(1);
  });
});

/** What a first delivery comes to. */
async function outcome(port: number, settings: Readonly<Record<string, unknown>> = {}) {
  return await aSink(port, settings)
    .deliver([anEnvelope()], endless())
    .then(
      () => ({ kind: "delivered" }),
      (error: unknown) => error,
    );
}

async function probed(port: number, settings: Readonly<Record<string, unknown>> = {}) {
  return await aSink(port, settings)
    .probe(endless())
    .then(
      () => ({ kind: "passed" }),
      (error: unknown) => error,
    );
}

function tenantsOf({ mails }: Awaited<ReturnType<typeof aMailServer>>) {
  return mails.map(({ headers }) => headers["x-alertferry-tenant"]);
}

function aSink(port: number, settings: Readonly<Record<string, unknown>> = {}) {
  const sink = email.create(
    email.Config.parse({
      smtp: `smtp://127.0.0.1:${port}`,
      starttls: "off",
      from: "alerts@mssp.example",
      to: ["soc@mssp.example"],
      ...settings,
    }),
  );
  onTestFinished(() => sink.close());
  return sink;
}
