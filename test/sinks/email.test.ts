import { describe, expect, it, onTestFinished } from "vitest";
import { email } from "../../src/sinks/email.ts";
import { anEnvelope, aRaw, CONTOSO } from "../support/envelopes.ts";
import { describeSink, endless } from "../support/sink-contract.ts";
import { aMailServer, type MailServer, PASSWORD, type TakenMail, USER } from "../support/smtp.ts";

const FABRIKAM = { id: "fabrikam", name: "Fabrikam", tenantId: "b0000000-0000-4000-8000-00000000c002" };

describeSink(
  "email",
  async () => {
    const server = await aMailServer();
    return {
      sink: aSink(server, { maxPerHour: 1000, user: USER, password: PASSWORD }),
      received: () => server.mails.flatMap(eventsIn),
      requests: () => server.mails.length,
      hold: server.hold,
      // As a careless filter does, it gives back what it was sent.
      breakDown: () => {
        server.refuse.content = ({ text }) => `554 5.7.1 I will not have ${text.replace(/\s+/g, " ")}`;
      },
      secrets: [PASSWORD, Buffer.from(`\0${USER}\0${PASSWORD}`).toString("base64")],
    };
  },
  // A mail tells of an alert and does not hold its text; which version it tells of stands in it.
  { of: ({ eventId }) => eventId },
);

describe("a mail", () => {
  it("names customer, severity, device, user, title, time and the portal, as text and as HTML", async () => {
    const { mails } = await sent([alertOf({ incidentId: "4711" })]);

    const [mail] = mails;
    expect(mail?.headers).toMatchObject({
      subject: '[High] Contoso | "Öst": Suspicious PowerShell download on ws-001.corp.example',
      from: "Alertferry <alerts@mssp.example>",
      to: "soc@mssp.example, Lead <lead@mssp.example>",
      "auto-submitted": "auto-generated",
      "x-alertferry-tenant": "contoso",
      "x-alertferry-severity": "high",
      "mime-version": "1.0",
    });
    expect(mail?.headers["content-type"]).toMatch(/^multipart\/alternative;/);
    expect([mail?.from, mail?.recipients]).toEqual([
      "alerts@mssp.example",
      ["soc@mssp.example", "lead@mssp.example"],
    ]);
    const facts = [
      CONTOSO.name,
      CONTOSO.tenantId,
      "HIGH",
      "ws-001.corp.example",
      "alice@contoso.example",
      "Suspicious PowerShell download",
      "2026-05-04 05:36:51 UTC",
      "2026-05-04 05:30:00 UTC",
      `https://security.microsoft.com/alerts/da1?tid=${CONTOSO.tenantId}`,
      "4711",
      "T1059.001",
      "A script was run.",
      anEnvelope().eventId,
    ];
    for (const fact of facts) {
      expect(mail?.text).toContain(fact);
      expect(unescaped(mail?.html ?? "")).toContain(fact);
    }
  });

  it("tells of a whole digest, in its order, and says the highest severity first", async () => {
    const severities = ["low", "high", "informational", "high", "unheard-of"];
    const { mails } = await sent(
      severities.map((severity, index) => alertOf({ severity, title: `No. ${index}` }, { seq: index + 1 })),
    );

    expect(mails).toHaveLength(1);
    expect(mails[0]?.headers["subject"]).toBe(
      '[High] Contoso | "Öst": 5 alerts (2 high, 1 low, 1 informational, 1 unknown)',
    );
    expect(mails[0]?.text.match(/^\d+\. .*/gm)).toEqual([
      "1. LOW: No. 0",
      "2. HIGH: No. 1",
      "3. INFORMATIONAL: No. 2",
      "4. HIGH: No. 3",
      "5. UNKNOWN: No. 4",
    ]);
  });

  it("holds alerts of one tenant only", async () => {
    const { mails } = await sent([
      alertOf({ title: "for Contoso" }),
      alertOf({ title: "for Fabrikam", alertWebUrl: null, evidence: [] }, { seq: 2, tenant: FABRIKAM }),
      alertOf({ title: "for Contoso too" }, { seq: 3 }),
    ]);

    expect(mails.map(({ headers }) => headers["x-alertferry-tenant"])).toEqual(["contoso", "fabrikam"]);
    const [contoso, fabrikam] = mails.map(
      ({ text, html, headers }) => `${text}${html}${JSON.stringify(headers)}`,
    );
    expect([contoso?.includes("abrikam"), fabrikam?.includes("ontoso")]).toEqual([false, false]);
    expect(mails.map(eventsIn).map((events) => events.length)).toEqual([2, 1]);
  });

  it("says of an update and of a replay that they are", async () => {
    const { mails } = await sent([alertOf({}, { revision: 3 })], [alertOf({}, { replay: true })]);

    expect(mails.map(({ headers }) => headers["subject"]?.slice(7, 15))).toEqual(["Update: ", "Again: C"]);
    expect(mails[0]?.text).toContain("revision 3");
  });

  it("tells of an alert that says nothing of itself", async () => {
    const { mails } = await sent([anEnvelope({ raw: "{}", device: undefined, updatedMs: undefined })]);

    expect(mails[0]?.headers["subject"]).toBe('[Unknown] Contoso | "Öst": (no title)');
    expect(mails[0]?.text).not.toMatch(/undefined|null|NaN|Device/);
  });

  it("names the first few of many devices and users", async () => {
    const evidence = Array.from({ length: 40 }, (_, index) => deviceOf(`ws-${index}`));

    const { mails } = await sent([alertOf({ evidence })]);

    expect(mails[0]?.text).toContain("Device:      ws-0, ws-1, ws-2, ws-3, ws-4 and 35 more");
  });
});

describe("what an alert says", () => {
  const HOSTILE = [
    ["a second header", "Hi\r\nBcc: mallory@evil.example"],
    ["a body", "Hi\r\n\r\n<script>alert(1)</script>"],
    ["a part", "Hi\r\n--boundary\r\nContent-Type: text/html"],
    ["an end of the mail", "Hi\r\n.\r\nMAIL FROM:<mallory@evil.example>"],
    ["an encoded word", "=?UTF-8?Q?=0D=0ABcc:_mallory=40evil.example?="],
    ["other separators of lines", "Hi\u0085Bcc: a\u2028Bcc: b\u2029Bcc: c\u000bBcc: d"],
    ["NUL and escapes", "Hi\u0000\u001b[31m"],
    ["half a character", "Hi \ud83d"],
    ["a megabyte", "x".repeat(1_000_000)],
  ] as const;

  it.each(HOSTILE)("begins no header, part or mail: %s", async (_, title) => {
    const tenant = { ...CONTOSO, name: title.slice(0, 200) };
    const { mails } = await sent([
      alertOf(
        { title, description: title, evidence: [deviceOf(title)], category: title },
        { tenant, device: title },
      ),
    ]);

    // The receiver's parser refuses a header that is none or stands twice.
    const [mail, ...others] = mails;
    expect(others).toEqual([]);
    expect(Object.keys(mail?.headers ?? {}).sort()).toEqual([
      "auto-submitted",
      "content-type",
      "date",
      "from",
      "message-id",
      "mime-version",
      "subject",
      "to",
      "x-alertferry-severity",
      "x-alertferry-tenant",
    ]);
    expect(mail?.recipients).toEqual(["soc@mssp.example", "lead@mssp.example"]);
    const subject = mail?.headers["subject"] ?? "";
    expect(subject.length).toBeLessThanOrEqual(150);
    expect(subject).not.toMatch(/[\p{Cc}\p{Cs}\u2028\u2029]/u);
    expect((mail?.source.split("\r\n") ?? []).filter((line) => line.length > 998)).toEqual([]);
  });

  it("is text in the HTML, whatever it looks like", async () => {
    const title = `<img src=x onerror=alert(1)> & "quoted" 'too'</td></tr></table>`;

    const { mails } = await sent([alertOf({ title }, { tenant: { ...CONTOSO, name: "<b>Contoso</b>" } })]);

    const html = mails[0]?.html ?? "";
    expect(html).toContain("&lt;img src=x onerror=alert(1)&gt; &amp; &quot;quoted&quot; &#39;too&#39;");
    const elements = new Set([...html.matchAll(/<\/?([a-z0-9!]+)/gi)].map(([, name]) => name));
    expect([...elements].sort()).toEqual([
      "!doctype",
      "a",
      "body",
      "h3",
      "html",
      "p",
      "span",
      "table",
      "td",
      "tr",
    ]);
    expect(html.match(/<a [^>]*>/g)).toEqual([
      `<a href="https://security.microsoft.com/alerts/da1?tid=${CONTOSO.tenantId}">`,
    ]);
  });

  it("holds no address that a click would open", async () => {
    const title = "Seen: https://evil.example/a?b=c.d, HTTP://evil.example and www.evil.example/x";

    const { mails } = await sent([alertOf({ title })]);

    expect(mails[0]?.text).toContain(
      "Seen: hxxps://evil[.]example/a?b=c.d, HxxP://evil[.]example and www[.]evil[.]example/x",
    );
  });

  it("cannot turn the direction of writing", async () => {
    const { mails } = await sent([alertOf({ title: "invoice\u202efdp.exe\u2066" })]);

    expect(mails[0]?.headers["subject"]).toContain("invoicefdp.exe");
  });

  it("may be written in any script", async () => {
    const title = "Grüße, 日本語, \u{1f600}, עברית";

    const { mails } = await sent([alertOf({ title })]);

    expect(mails[0]?.headers["subject"]).toContain(title);
    expect(mails[0]?.text).toContain(title);
  });
});

describe("more alerts than may be told one by one within an hour", () => {
  it("are counted by severity, and the most severe are told", async () => {
    const alerts = ["low", "high", "medium", "low", "high"].map((severity, index) =>
      alertOf({ severity, title: `No. ${index}` }, { seq: index + 1 }),
    );

    const { mails } = await sent(alerts, { maxPerHour: 3 });

    expect(mails[0]?.headers["subject"]).toContain("5 alerts (2 high, 1 medium, 2 low)");
    expect(mails[0]?.text.match(/^\d+\. .*/gm)).toEqual([
      "1. HIGH: No. 1",
      "2. MEDIUM: No. 2",
      "3. HIGH: No. 4",
    ]);
    for (const body of [mails[0]?.text, unescaped(mails[0]?.html ?? "")]) {
      expect(body).toContain("2 more alerts: 2 low.");
      expect(body).toContain(`https://security.microsoft.com/alerts?tid=${CONTOSO.tenantId}`);
    }
  });

  it("are counted in every further mail of that tenant, and of no other", async () => {
    const { mails } = await sent(
      [alertOf({}, { seq: 1 }), alertOf({}, { seq: 2 })],
      [alertOf({ severity: "medium" }, { seq: 3 }), alertOf({}, { seq: 4 })],
      [alertOf({}, { seq: 5, tenant: FABRIKAM })],
      { maxPerHour: 2 },
    );

    expect(mails.map((mail) => eventsIn(mail).length)).toEqual([2, 0, 1]);
    expect(mails[1]?.text).toContain("2 more alerts: 1 high, 1 medium.");
    expect(mails.map(({ text }) => text.includes("more alert"))).toEqual([false, true, false]);
  });

  it("do not grow because a mail was refused", async () => {
    const server = await aMailServer();
    const sink = aSink(server, { maxPerHour: 1 });
    server.refuse.sender = "451 4.3.0 Try again";
    const alert = alertOf({});
    for (let attempt = 0; attempt < 3; attempt++)
      await expect(sink.deliver([alert], endless())).rejects.toMatchObject({ kind: "transient" });
    server.refuse = {};

    await sink.deliver([alert], endless());

    expect(eventsIn(server.mails[0]!)).toHaveLength(1);
  });
});

describe("the name of a mail", () => {
  it("is the same for the same alerts, whoever sends it", async () => {
    const alerts = () => [alertOf({}, { seq: 1 }), alertOf({}, { seq: 2 })];

    const [first, again] = [await sent(alerts()), await sent(alerts())];
    const [other] = (await sent([alertOf({}, { seq: 1 })])).mails;

    const name = first.mails[0]?.headers["message-id"];
    expect(name).toMatch(/^<[0-9a-f]{40}@mssp\.example>$/);
    expect(again.mails[0]?.headers["message-id"]).toBe(name);
    expect(other?.headers["message-id"]).not.toBe(name);
  });

  it("is another for a replay, which somebody asked for who misses the first", async () => {
    const { mails } = await sent([alertOf({})], [alertOf({}, { replay: true })]);

    expect(mails[0]?.headers["message-id"]).not.toBe(mails[1]?.headers["message-id"]);
  });

  it("leads to the thread of the incident, of that tenant", async () => {
    const { mails } = await sent(
      [alertOf({ incidentId: "7" }, { seq: 1 })],
      [alertOf({ incidentId: "7" }, { seq: 2 }), alertOf({ incidentId: "7" }, { seq: 3 })],
      [alertOf({ incidentId: "8" }, { seq: 4 })],
      [alertOf({ incidentId: "7" }, { seq: 5, tenant: FABRIKAM })],
    );

    const threads = mails.map(({ headers }) => headers["references"]);
    expect(threads[0]).toMatch(/^<incident\.[0-9a-f]{32}@mssp\.example>$/);
    expect(threads[1]).toBe(threads[0]);
    expect(new Set(threads).size).toBe(3);
    expect(mails.map(({ headers }) => headers["in-reply-to"])).toEqual(threads);
  });

  it("leads to no thread where the mail is about several incidents, or about none", async () => {
    const { mails } = await sent(
      [alertOf({ incidentId: "7" }, { seq: 1 }), alertOf({ incidentId: "8" }, { seq: 2 })],
      [alertOf({ incidentId: null }, { seq: 3 })],
    );

    expect(mails.map(({ headers }) => headers["references"])).toEqual([undefined, undefined]);
  });
});

describe("settings of mails", () => {
  const parse = (more: object) =>
    email.Config.safeParse({
      smtp: "smtps://mail.example",
      from: "a@mssp.example",
      to: ["b@mssp.example"],
      ...more,
    });

  it("gather for as long as the digest, or longer where that is asked for", () => {
    expect(parse({ digest: "5m" }).data?.batch.linger).toBe(300_000);
    expect(parse({ digest: "5m", batch: { linger: "10m" } }).data?.batch.linger).toBe(600_000);
    expect(parse({}).data?.batch.linger).toBe(60_000);
  });

  it.each([
    "a@mssp.example",
    "SOC <a@mssp.example>",
    "Grüße 日本 <a@mssp.example>",
    "a+b@m\u00fcnchen.example",
  ])("allow %s", (address) => {
    expect(parse({ from: address, to: [address] }).success).toBe(true);
  });

  it.each([
    ["nobody to tell", { to: [] }],
    ["an address that is none", { to: ["soc"] }],
    ["an address with half a bracket", { to: ["SOC <soc@mssp.example"] }],
    ["a name that is no part of the address", { to: ["SOC soc@mssp.example"] }],
    ["two addresses in one", { to: ["a@mssp.example, b@mssp.example"] }],
    ["an address that ends in a header", { from: "a@mssp.example\r\nBcc: c@mssp.example" }],
    ["a name that ends in a header", { from: "A\r\nBcc: c@mssp.example <a@mssp.example>" }],
    ["what is no URL", { smtp: "mail.example" }],
    ["another protocol", { smtp: "https://mail.example" }],
    ["a password that cannot be decoded", { smtp: "smtps://user:100%@mail.example" }],
    ["a user without a password", { user: "ferry" }],
    ["a password without a user", { password: "secret" }],
  ])("do not allow %s", (_, more) => {
    expect(parse(more).success).toBe(false);
  });
});

/** The mails that come of these deliveries, one after the other; settings may follow. */
async function sent(...given: readonly (readonly ReturnType<typeof anEnvelope>[] | object)[]) {
  const server = await aMailServer();
  const settings = given.find((each) => !Array.isArray(each)) ?? {};
  const sink = aSink(server, { ...settings });
  for (const batch of given) {
    if (!Array.isArray(batch)) continue;
    const [first, ...others] = batch;
    await sink.deliver([first, ...others], endless());
  }
  return { mails: server.mails };
}

function alertOf(facts: Readonly<Record<string, unknown>>, more: Parameters<typeof anEnvelope>[0] = {}) {
  return anEnvelope({
    ...more,
    raw: aRaw({
      alertWebUrl: `https://security.microsoft.com/alerts/da1?tid=${CONTOSO.tenantId}`,
      createdDateTime: "2026-05-04T05:30:00Z",
      category: "Execution",
      description: "A script was run.",
      incidentId: null,
      mitreTechniques: ["T1059.001"],
      status: "new",
      serviceSource: "microsoftDefenderForEndpoint",
      evidence: [
        deviceOf("ws-001.corp.example"),
        {
          "@odata.type": "#microsoft.graph.security.userEvidence",
          userAccount: { accountName: "alice", userPrincipalName: "alice@contoso.example" },
        },
      ],
      ...facts,
    }),
  });
}

function deviceOf(name: string) {
  return { "@odata.type": "#microsoft.graph.security.deviceEvidence", deviceDnsName: name };
}

/** The alerts that a mail tells one by one. */
function eventsIn({ text }: TakenMail): readonly string[] {
  return [...text.matchAll(/^ {3}Event: +([0-9a-f]{64}),/gm)].map(([, id = ""]) => id);
}

function unescaped(html: string): string {
  const signs: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };
  return html.replace(/&([a-z0-9#]+);/g, (_, name: string) => signs[name] ?? "?");
}

function aSink(server: MailServer, settings: Readonly<Record<string, unknown>> = {}) {
  const sink = email.create(
    email.Config.parse({
      smtp: `smtp://127.0.0.1:${server.port}`,
      starttls: "off",
      from: "Alertferry <alerts@mssp.example>",
      to: ["soc@mssp.example", "Lead <lead@MSSP.example>"],
      ...settings,
    }),
  );
  onTestFinished(() => sink.close());
  return sink;
}
