import { createHash } from "node:crypto";
import { domainToASCII } from "node:url";
import { z } from "zod";
import { readFacts } from "../formats/facts.ts";
import type { Envelope, NonEmpty } from "../model/envelope.ts";
import { DeliveryError } from "../model/failure.ts";
import { createMailer, type Mail, type MailServer } from "../net/mail.ts";
import { Duration, Secret, Tls } from "../net/options.ts";
import { bySeverity, type Letter, renderMail, severityOf, type Told } from "./email-text.ts";
import { commonSettings, defineSink, type Sink } from "./sink.ts";

/** `soc@example.com`, `SOC <soc@example.com>` */
const ADDRESS = /^(?:[^\p{C}<>,;@"]+<(?<named>[^<>]+)>|(?<bare>[^<>]+))$/u;
const BARE_ADDRESS = /^[^\p{C}\s<>,;@"]+@[^\p{C}\s<>,;@"]+$/u;

const Address = z.string().refine((text) => {
  const { named, bare = named } = ADDRESS.exec(text)?.groups ?? {};
  return BARE_ADDRESS.test(bare ?? "");
}, "must be an address such as soc@example.com or SOC <soc@example.com>");

const Config = z
  .strictObject({
    smtp: z
      .url({ protocol: /^smtps?$/, error: "must be a URL that begins with smtps:// or smtp://" })
      .refine((text) => userIn(text) !== undefined, "holds a % that stands for no character")
      .describe(
        "Mail server: smtps://host speaks TLS from the start (port 465), smtp://host after STARTTLS (port 587). `user` and `password` may stand in it, percent-encoded.",
      ),
    user: z
      .string()
      .min(1, "must not be empty")
      .optional()
      .describe("User to sign in as; without it nobody."),
    password: Secret.optional().describe("Password of that user."),
    starttls: z
      .enum(["required", "off"])
      .default("required")
      .describe(
        "off: smtp:// stays without any encryption, the password too. For a relay on the same machine.",
      ),
    from: Address.describe("Sender of the mails."),
    to: z.array(Address).min(1, "must name at least one address").describe("Who gets the mails."),
    digest: Duration.prefault("1m").describe(
      "How long alerts gather into one mail a tenant. The longer of this and `batch.linger` holds.",
    ),
    maxPerHour: z
      .int()
      .min(1)
      .default(60)
      .describe(
        "The most alerts of a tenant that are told one by one within an hour, the most severe first; of those beyond a mail says how many there are.",
      ),
    tls: Tls.prefault({}).describe("TLS towards the mail server."),
    ...commonSettings({ maxAlerts: 100, maxBytes: "4MB", linger: "0ms", concurrency: 8 }),
  })
  .refine(({ user, password }) => (user === undefined) === (password === undefined), {
    path: ["password"],
    error: "`user` and `password` go together",
  })
  // Gathering is the pipeline's work: an alert counts as delivered once the mail that tells it was taken.
  .overwrite((config) => ({
    ...config,
    batch: { ...config.batch, linger: Math.max(config.batch.linger, config.digest) },
  }));
type Config = z.output<typeof Config>;

export const email = defineSink({
  type: "email",
  summary:
    "Mails to people: one a tenant for the alerts that came within `digest`; of a flood most are only counted.",
  Config,
  create: createEmail,
});

const HOUR_MS = 3_600_000;
/** RFC 5321 section 4.2.3: "exceeded storage allocation". */
const TOO_LARGE = 552;

function createEmail(config: Config): Sink {
  const mailer = createMailer(serverOf(config));
  const allowance = createAllowance(config.maxPerHour);
  // Who has been told of an alert whose delivery is not over: another mail of the same request failed, or another
  // recipient was refused. The pipeline brings the same objects again, alone or in other company.
  const told = new WeakMap<Envelope, readonly string[]>();

  let hasAccepted = false;

  function recipientsOf(envelope: Envelope): readonly string[] {
    const already = told.get(envelope) ?? [];
    return config.to.map(bareAddress).filter((address) => !already.includes(address));
  }

  /** @returns why some recipients were refused it; undefined when all have it. Throws when nobody has. */
  async function send(mail: Mail, alerts: NonEmpty<Told>, signal: AbortSignal) {
    const { accepted, refused } = await mailer.send(mail, signal);
    hasAccepted = true;
    for (const { envelope } of alerts) told.set(envelope, [...(told.get(envelope) ?? []), ...accepted]);
    return refused;
  }

  /** @returns the length of the mail, or why it did not come to everybody while other mails may. Throws for all else. */
  async function tell(alerts: NonEmpty<Told>, signal: AbortSignal): Promise<DeliveryError | number> {
    const [{ envelope: first }] = alerts;
    const recipients = recipientsOf(first);
    if (recipients.length === 0) return 0;
    const granted = allowance.take(first.tenant.id, alerts.length, Date.now());
    const mail = composeMail(alerts, granted.alerts, recipients, config);
    try {
      return (
        (await send(mail, alerts, signal)) ?? Buffer.byteLength(mail.text) + Buffer.byteLength(mail.html)
      );
    } catch (cause) {
      granted.giveBack();
      if (!(cause instanceof DeliveryError) || cause.kind !== "rejected") throw cause;
      return cause;
    }
  }

  return {
    async deliver(envelopes, signal) {
      let bytes = 0;
      let failed: DeliveryError | undefined;
      for (const alerts of groupsOf(envelopes, told)) {
        const outcome = await tell(alerts, signal);
        if (typeof outcome === "number") bytes += outcome;
        else failed ??= outcome;
      }
      if (failed !== undefined) throw hasAccepted ? failed : doubted(failed);
      for (const envelope of envelopes) told.delete(envelope);
      return { bytes };
    },
    probe: (signal) => mailer.probe(signal),
    async close() {},
  };
}

function serverOf(config: Config): MailServer {
  const url = new URL(config.smtp);
  const isSecure = url.protocol === "smtps:";
  const named = userIn(config.smtp);
  return {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: Number(url.port || (isSecure ? 465 : 587)),
    security: isSecure ? "tls" : config.starttls === "required" ? "starttls" : "none",
    user: config.user ?? named?.user,
    password: config.password ?? named?.password,
    tls: config.tls,
    timeoutMs: config.timeout,
  };
}

/** @returns undefined when the address cannot be read; without a user where it names none. */
function userIn(smtp: string): { readonly user?: string; readonly password?: string } | undefined {
  try {
    const { username, password } = new URL(smtp);
    return username === ""
      ? {}
      : { user: decodeURIComponent(username), password: decodeURIComponent(password) };
  } catch {
    return undefined;
  }
}

/** One mail a tenant: nobody may read of one customer in the mail about another. Who was told already parts them too. */
function groupsOf(
  envelopes: NonEmpty<Envelope>,
  told: WeakMap<Envelope, readonly string[]>,
): readonly NonEmpty<Told>[] {
  const groups = new Map<string, [Told, ...Told[]]>();
  for (const envelope of envelopes) {
    const key = [envelope.tenant.id, ...(told.get(envelope) ?? [])].join("\n");
    const alert = { envelope, facts: readFacts(envelope) };
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [alert]);
    else group.push(alert);
  }
  return [...groups.values()];
}

function composeMail(
  alerts: NonEmpty<Told>,
  granted: number,
  recipients: readonly string[],
  config: Pick<Config, "from" | "to">,
): Mail {
  const [{ envelope: first }] = alerts;
  const chosen = new Set(bySeverity(alerts).slice(0, granted));
  const letter: Letter = {
    tenant: first.tenant,
    told: alerts.filter((alert) => chosen.has(alert)),
    more: alerts.filter((alert) => !chosen.has(alert)),
  };
  return {
    from: config.from,
    to: config.to,
    recipients,
    messageId: messageId(alerts, config),
    references: threadOf(alerts, config),
    headers: {
      // So that nobody's "out of office" comes back. RFC 3834 section 5.
      "Auto-Submitted": "auto-generated",
      "X-Alertferry-Tenant": first.tenant.id,
      "X-Alertferry-Severity": severityOf(letter),
    },
    ...renderMail(letter),
  };
}

/**
 * The same for the same alerts and recipients: a mail that comes twice, since the server's yes was lost, is one mail to
 * most mailboxes. A replay is another mail, since it was asked for by somebody who misses the first.
 */
function messageId(alerts: NonEmpty<Told>, { from, to }: Pick<Config, "from" | "to">): string {
  const hash = createHash("sha256").update(to.join("\n"));
  for (const { envelope } of alerts) hash.update(`\n${envelope.eventId} ${envelope.replay}`);
  return `${hash.digest("hex").slice(0, 40)}@${domainOf(from)}`;
}

/** Mails about one incident alone are one thread, under an id that every process makes for itself. */
function threadOf(alerts: NonEmpty<Told>, { from }: Pick<Config, "from">): readonly string[] {
  const incidents = new Set(alerts.map(({ facts }) => facts.incidentId));
  const [incident] = incidents;
  if (incident === undefined || incidents.size > 1) return [];
  const { tenantId } = alerts[0].envelope.tenant;
  const hash = createHash("sha256").update(`${tenantId}\n${incident}`).digest("hex");
  return [`incident.${hash.slice(0, 32)}@${domainOf(from)}`];
}

/** As nodemailer names it in its answer. */
function bareAddress(address: string): string {
  const bare = /<(.*)>/.exec(address)?.[1] ?? address;
  return `${bare.split("@")[0]}@${domainOf(bare)}`;
}

function domainOf(address: string): string {
  return domainToASCII(address.replace(/^.*@|>$/g, ""));
}

/** A server that has taken nothing yet more likely refuses the sender than the alerts, unless they are too many. */
function doubted(error: DeliveryError): DeliveryError {
  const { message, status, code } = error;
  if (error.kind !== "rejected" || status === TOO_LARGE) return error;
  const hint = "It has taken no mail yet, so the sender or the sign-in may be wrong.";
  return new DeliveryError("misconfigured", `${message} ${hint}`, { status, code });
}

/** How many alerts of each tenant may still be told one by one. */
function createAllowance(perHour: number) {
  const taken = new Map<string, { readonly atMs: number; alerts: number }[]>();
  return {
    take(tenant: string, wanted: number, nowMs: number): { readonly alerts: number; giveBack(): void } {
      const recent = (taken.get(tenant) ?? []).filter(({ atMs }) => atMs > nowMs - HOUR_MS);
      const left = perHour - recent.reduce((sum, { alerts }) => sum + alerts, 0);
      const entry = { atMs: nowMs, alerts: Math.min(left, wanted) };
      taken.set(tenant, [...recent, entry]);
      return {
        alerts: entry.alerts,
        giveBack() {
          entry.alerts = 0;
        },
      };
    },
  };
}
