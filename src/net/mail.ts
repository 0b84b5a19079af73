import { createTransport } from "nodemailer";
import { DeliveryError, type FailureKind } from "../model/failure.ts";
import { classifyNoAnswer } from "./classify.ts";
import { NoAnswer, tlsOptions } from "./http.ts";
import type { Tls } from "./options.ts";
import { readCertificate, tlsRefusal } from "./tls-failure.ts";
import { quoted } from "./words.ts";

/** The only home of nodemailer: one mail over one SMTP connection, and what the server's answer means. */

export interface MailServer {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte, after STARTTLS (without it nothing is sent), or not at all. */
  readonly security: "tls" | "starttls" | "none";
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly tls: Tls;
  /** Milliseconds for one mail, from the question for the address to the server's last word. */
  readonly timeoutMs: number;
}

export interface Mail {
  readonly from: string;
  /** Who stands in the head of the mail. */
  readonly to: readonly string[];
  /** Whom it is brought to, some or all of them. */
  readonly recipients: readonly string[];
  /** Without angle brackets. */
  readonly messageId: string;
  /** Ids of the thread that it belongs to, oldest first. */
  readonly references: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

interface Sent {
  /** Those of the recipients that the server has taken the mail for. */
  readonly accepted: readonly string[];
  /** Why it refused the others; undefined when there are none. */
  readonly refused: DeliveryError | undefined;
}

export interface Mailer {
  /**
   * Resolves once the server has taken responsibility for the mail, for one recipient at least.
   *
   * @throws DeliveryError, or the signal's reason.
   */
  send(mail: Mail, signal: AbortSignal): Promise<Sent>;
  /** Connects, speaks TLS, signs in and says goodbye. Throws as `send` does. */
  probe(signal: AbortSignal): Promise<void>;
}

/** What nodemailer tells of a failure. */
interface Failure {
  /** nodemailer's own: `EAUTH`, `ESOCKET` … */
  readonly code: string;
  /** Node's, where there was one: `ECONNREFUSED`, `CERT_HAS_EXPIRED` … */
  readonly originalCode: string | undefined;
  /** `RCPT TO`, `AUTH PLAIN`, `CONN` … */
  readonly command: string;
  /** `550`; 0 when the server had not answered. */
  readonly status: number;
  /** `550 5.1.1 No such user` */
  readonly response: string;
  readonly recipient: string | undefined;
}

export function createMailer(server: MailServer): Mailer {
  function open() {
    const { host, port, security, user, password, timeoutMs } = server;
    return createTransport({
      host,
      port,
      secure: security === "tls",
      requireTLS: security === "starttls",
      ignoreTLS: security === "none",
      // Read each time, so that a renewed file is used.
      tls: tlsOptions({ tls: server.tls }),
      ...(user === undefined ? {} : { auth: { user, pass: password ?? "" } }),
      connectionTimeout: timeoutMs,
      greetingTimeout: timeoutMs,
      socketTimeout: timeoutMs,
      dnsTimeout: timeoutMs,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
  }

  async function attempt<T>(
    outer: AbortSignal,
    sent: readonly string[],
    act: (transport: ReturnType<typeof open>, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    outer.throwIfAborted();
    const inner = new AbortController();
    const giveUp = () => inner.abort(outer.reason);
    const timer = setTimeout(() => inner.abort(), server.timeoutMs);
    outer.addEventListener("abort", giveUp, { once: true });
    try {
      return await act(open(), inner.signal);
    } catch (cause) {
      outer.throwIfAborted();
      throw inner.signal.aborted ? tooLate(server) : failure(cause, server, sent);
    } finally {
      clearTimeout(timer);
      outer.removeEventListener("abort", giveUp);
    }
  }

  return {
    async send(mail, signal) {
      const sent = [mail.text, mail.subject, server.password ?? ""];
      return await attempt(signal, sent, async (transport, inner) => {
        const { recipients, to, references, ...rest } = mail;
        const answer = await transport.sendMail({
          ...rest,
          to: [...to],
          references: [...references],
          ...(references.length === 0 ? {} : { inReplyTo: references.at(-1) ?? "" }),
          envelope: { from: mail.from, to: [...recipients] },
          signal: inner,
        });
        const refused = answer.rejectedErrors ?? [];
        return {
          accepted: answer.accepted.map(addressOf),
          refused:
            refused.length === 0 ? undefined : refusal(mildest(refused.map(readFailure)), server, sent),
        };
      });
    },

    async probe(signal) {
      await attempt(signal, [server.password ?? ""], async (transport, inner) => {
        const aborted = new Promise<never>((_, reject) => {
          inner.addEventListener("abort", () => reject(inner.reason), { once: true });
        });
        // What is left behind by giving up ends by its own time limits.
        await Promise.race([transport.verify(), aborted]);
      });
    },
  };
}

function addressOf(address: string | { readonly address: string }): string {
  return typeof address === "string" ? address : address.address;
}

/** Of several refusals the one that may pass: then the others are asked again with it. */
function mildest(failures: readonly Failure[]): Failure {
  const [first = NOTHING] = failures;
  return failures.find(({ status }) => status < 500) ?? first;
}

const NOTHING: Failure = {
  code: "unknown",
  originalCode: undefined,
  command: "",
  status: 0,
  response: "",
  recipient: undefined,
};

function readFailure(cause: unknown): Failure {
  if (!(cause instanceof Error)) return NOTHING;
  const text = (key: string) => {
    const value: unknown = Reflect.get(cause, key);
    return typeof value === "string" ? value : undefined;
  };
  const status: unknown = Reflect.get(cause, "responseCode");
  return {
    code: text("code") ?? cause.name,
    originalCode: text("originalCode"),
    command: text("command") ?? "",
    status: typeof status === "number" ? status : 0,
    response: text("response") ?? "",
    recipient: text("recipient"),
  };
}

function failure(cause: unknown, server: MailServer, sent: readonly string[]): DeliveryError {
  if (cause instanceof NoAnswer)
    return new DeliveryError("misconfigured", cause.message, { code: cause.code });
  const told = readFailure(cause);
  // All recipients were refused, and each for its own reason.
  const each: unknown = cause instanceof Error ? Reflect.get(cause, "rejectedErrors") : undefined;
  if (Array.isArray(each) && each.length > 0) return refusal(mildest(each.map(readFailure)), server, sent);
  return told.status === 0 ? noAnswer(cause, told, server) : refusal(told, server, sent);
}

/** The server's own no. Only its words go on: nodemailer hangs more on its errors. */
function refusal(told: Failure, server: MailServer, sent: readonly string[]): DeliveryError {
  const { status, response } = told;
  const { kind, what } = verdict(told, server);
  const code = /^\d{3}[ -](\d\.\d{1,3}\.\d{1,3})\b/.exec(response)?.[1] ?? String(status);
  return new DeliveryError(kind, `The mail server ${placeOf(server)} ${what}${quoted(response, sent)}.`, {
    status,
    code,
  });
}

/**
 * What a refusal of a command asks for. RFC 5321 sections 4.2.2 and 4.2.3, RFC 4954 section 6.
 */
function verdict(told: Failure, server: MailServer): { readonly kind: FailureKind; readonly what: string } {
  const { status, command, code } = told;
  const { refuses: what, kind } =
    code === "EMESSAGE" ? CONTENT : (COMMANDS.find(({ begins }) => command.startsWith(begins)) ?? SESSION);
  const words = what.replace("{user}", server.user ?? "").replace("{recipient}", told.recipient ?? "");
  return { kind: kindOf(status, kind, command), what: words };
}

interface Refused {
  readonly begins: string;
  /** What a permanent refusal means. */
  readonly kind: FailureKind;
  readonly refuses: string;
}

const COMMANDS: readonly Refused[] = [
  { begins: "AUTH", kind: "unauthorized", refuses: "refused the sign-in of {user}" },
  { begins: "STARTTLS", kind: "misconfigured", refuses: "does not offer STARTTLS" },
  { begins: "MAIL FROM", kind: "misconfigured", refuses: "refused the sender" },
  { begins: "RCPT TO", kind: "misconfigured", refuses: "refused the recipient {recipient}" },
  { begins: "DATA", kind: "misconfigured", refuses: "refused to be given the mail" },
];
const CONTENT: Refused = { begins: "DATA", kind: "rejected", refuses: "refused the mail" };
const SESSION: Refused = { begins: "", kind: "misconfigured", refuses: "refused to talk to us" };

/** Codes that ask for a sign-in, whatever was said before. RFC 4954 section 6. */
const SIGN_IN = new Set([530, 534, 535, 538]);

function kindOf(status: number, permanent: FailureKind, command: string): FailureKind {
  // 421: too much or stopping; 450: greylisting and limits. Both ask to come back later, and not soon.
  if (status === 421 || status === 450) return "throttled";
  // 503 says that the conversation went wrong, not the mail.
  if (status < 500 || status === 503) return "transient";
  if (SIGN_IN.has(status)) return "unauthorized";
  // Said of the announced size.
  if (status === 552 && command === "MAIL FROM") return "rejected";
  return permanent;
}

function noAnswer(cause: unknown, told: Failure, server: MailServer): DeliveryError {
  const place = placeOf(server);
  const code = told.originalCode ?? told.code;
  if (told.code === "EAUTH") {
    return new DeliveryError(
      "unauthorized",
      `The mail server ${place} offers no way to sign in that we know.`,
      {
        code,
      },
    );
  }
  const certificates = { own: readCertificate(ownCertificate(server)), theirs: undefined };
  const why = tlsRefusal(Object.assign(new Error(code), { code, cert: certificateIn(cause) }), certificates);
  if (why !== undefined)
    return new DeliveryError("misconfigured", `No TLS connection to ${place}: ${why}.`, { code });
  const kind = code === "EENVELOPE" ? "misconfigured" : classifyNoAnswer(new NoAnswer(code, ""));
  return new DeliveryError(kind, `The mail server ${place} could not be reached or broke off (${code}).`, {
    code,
  });
}

/** The certificate that was refused, which Node hangs on the error about its name. */
function certificateIn(cause: unknown): unknown {
  return cause instanceof Error ? Reflect.get(cause, "cert") : undefined;
}

function ownCertificate(server: MailServer): unknown {
  return server.tls.cert === undefined ? undefined : tlsOptions({ tls: server.tls }).cert;
}

function tooLate(server: MailServer): DeliveryError {
  return new DeliveryError(
    "transient",
    `The mail server ${placeOf(server)} was not done within ${server.timeoutMs} ms.`,
    { code: "ETIMEDOUT" },
  );
}

function placeOf({ host, port }: MailServer): string {
  return `${host}:${port}`;
}
