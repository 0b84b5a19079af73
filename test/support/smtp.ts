import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { onTestFinished } from "vitest";

/** A mail as it was taken. */
export interface TakenMail {
  readonly from: string;
  readonly recipients: readonly string[];
  /** As it came over the wire. */
  readonly source: string;
  /** Unfolded and decoded; names in lower case. One that stands twice is an error of whoever wrote the mail. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  readonly html: string;
}

/** A refusal as the server says it; the code stands in front. */
export type Refusal = `${number} ${string}`;

export interface MailServer {
  readonly port: number;
  readonly mails: readonly TakenMail[];
  /** How many there ever were. */
  readonly connections: () => number;
  /** How many there are now. */
  readonly open: () => number;
  /** What the server says to each of these, instead of yes. */
  refuse: {
    connection?: Refusal;
    sender?: Refusal;
    recipient?: (address: string) => Refusal | undefined;
    content?: (mail: TakenMail) => Refusal | undefined;
  };
  /** Takes what comes and does not say so until the function given back is called. */
  hold(): () => void;
  stop(): Promise<void>;
}

export const USER = "ferry";
export const PASSWORD = "only-for-the-mail-server";

/** The real `smtp-server`; it ends with the test. Asks nobody to sign in unless `authOptional` is false. */
export async function aMailServer(options: SMTPServerOptions = {}): Promise<MailServer> {
  const mails: TakenMail[] = [];
  let connections = 0;
  let gate: Promise<void> | undefined;
  const say = (refusal: Refusal | undefined) => {
    if (refusal === undefined) return undefined;
    return Object.assign(new Error(refusal.slice(4)), { responseCode: Number(refusal.slice(0, 3)) });
  };
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: options.secure || options.key ? [] : ["STARTTLS"],
    ...options,
    onConnect(_session, done) {
      connections++;
      done(say(taken.refuse.connection));
    },
    onAuth({ username, password }, _session, done) {
      if (username === USER && password === PASSWORD) return done(null, { user: username });
      done(say("535 5.7.8 Wrong user or password"));
    },
    onMailFrom(_address, _session, done) {
      done(say(taken.refuse.sender));
    },
    onRcptTo({ address }, _session, done) {
      done(say(taken.refuse.recipient?.(address)));
    },
    onData(stream, { envelope }, done) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        const mail = {
          from: envelope.mailFrom === false ? "" : envelope.mailFrom.address,
          recipients: envelope.rcptTo.map(({ address }) => address),
          ...parseMail(Buffer.concat(chunks).toString("latin1")),
        };
        const refusal = say(taken.refuse.content?.(mail));
        if (refusal !== undefined) return done(refusal);
        mails.push(mail);
        void Promise.resolve(gate).then(() => done());
      });
    },
  });
  // Whoever hangs up in the middle is what the tests are about.
  server.on("error", () => undefined);
  server.listen(0, "127.0.0.1");
  await once(server.server, "listening");
  let isStopped = false;
  const stop = async () => {
    if (isStopped) return;
    isStopped = true;
    await new Promise<void>((stopped) => {
      server.close(() => stopped());
      for (const connection of server.connections) connection.close();
    });
  };
  onTestFinished(stop);
  const taken: MailServer = {
    port: (server.server.address() as AddressInfo).port,
    mails,
    connections: () => connections,
    open: () => server.connections.size,
    refuse: {},
    hold() {
      let release = () => {};
      gate = new Promise((go) => {
        release = go;
      });
      return release;
    },
    stop,
  };
  return taken;
}

/** Every step of a conversation, in its order, and what a well-behaved server says to it. */
const STEPS = {
  greeting: "220 mail.example ESMTP",
  EHLO: "250 mail.example",
  MAIL: "250 2.1.0 Ok",
  RCPT: "250 2.1.5 Ok",
  DATA: "354 Go ahead",
  content: "250 2.0.0 Taken",
} as const;
export type Step = keyof typeof STEPS;

/**
 * A server that behaves up to a step: there it says `instead`, or hangs up (`drop`), or says nothing (`hang`). It speaks
 * for itself, so it may also say what no library would.
 */
export async function aBrokenMailServer(at: Step, instead: string): Promise<{ readonly port: number }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    let isContent = false;
    const answer = (step: Step) => {
      if (step !== at) return void socket.write(`${STEPS[step]}\r\n`);
      if (instead === "drop") return void socket.destroy();
      if (instead !== "hang") socket.write(`${instead}\r\n`);
    };
    const read = (line: string) => {
      if (isContent && line !== ".") return;
      if (isContent) {
        isContent = false;
        return answer("content");
      }
      const verb = line.slice(0, 4).toUpperCase();
      if (verb === "QUIT") return void socket.end("221 Bye\r\n");
      if (verb === "DATA" && !(at === "DATA" && instead !== "hang")) isContent = true;
      if (verb in STEPS) answer(verb as Step);
    };
    let rest = "";
    socket.on("data", (chunk: Buffer) => {
      const lines = (rest + chunk.toString("latin1")).split("\r\n");
      rest = lines.pop() ?? "";
      for (const line of lines) read(line);
    });
    answer("greeting");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((closed) => server.close(closed));
  });
  return { port: (server.address() as AddressInfo).port };
}

/** RFC 5322, 2045 to 2047, as far as our mails go: a head, and alternatives in a body. */
function parseMail(source: string): Pick<TakenMail, "source" | "headers" | "text" | "html"> {
  const { headers, body } = parsePart(source);
  const boundary = /boundary="?([^";]+)"?/.exec(headers["content-type"] ?? "")?.[1];
  const parts = boundary === undefined ? [] : body.split(`--${boundary}`).slice(1, -1).map(parsePart);
  const textOf = (type: string) => {
    const part = parts.find(({ headers: head }) => head["content-type"]?.startsWith(type));
    return part === undefined ? "" : decodeBody(part.body, part.headers["content-transfer-encoding"]);
  };
  return { source, headers, text: textOf("text/plain"), html: textOf("text/html") };
}

function parsePart(source: string) {
  const content = source.replace(/^\r\n/, "");
  const end = content.indexOf("\r\n\r\n");
  const headers: Record<string, string> = {};
  for (const line of content
    .slice(0, end)
    .replace(/\r\n[ \t]+/g, " ")
    .split("\r\n")) {
    const [, name = "", value = ""] = /^([!-9;-~]+):\s*(.*)$/.exec(line) ?? [];
    if (name === "") throw new Error("A line in the head of a mail is no header.");
    const key = name.toLowerCase();
    if (key in headers) throw new Error(`The header ${name} stands twice.`);
    headers[key] = decodeWords(value);
  }
  return { headers, body: content.slice(end + 4).replace(/\r\n$/, "") };
}

/** `=?UTF-8?Q?=C3=96st?=`; white space between two of them belongs to neither. */
function decodeWords(value: string): string {
  return value.replace(/(\?=)\s+(?==\?)/g, "$1").replace(/(=\?[^?]+\?[BQ]\?[^?]*\?=)+/gi, (run) => {
    const bytes = [...run.matchAll(/=\?[^?]+\?([BQ])\?([^?]*)\?=/gi)].map(([, kind = "", text = ""]) =>
      kind.toUpperCase() === "B" ? Buffer.from(text, "base64") : decodeQuoted(text.replaceAll("_", " ")),
    );
    return Buffer.concat(bytes).toString("utf8");
  });
}

function decodeBody(body: string, encoding = "7bit"): string {
  if (encoding === "base64") return Buffer.from(body, "base64").toString("utf8");
  const bytes =
    encoding === "quoted-printable" ? decodeQuoted(body.replace(/=\r\n/g, "")) : Buffer.from(body, "latin1");
  return bytes.toString("utf8").replaceAll("\r\n", "\n");
}

function decodeQuoted(text: string): Buffer {
  const latin = text.replace(/=([0-9A-F]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(latin, "latin1");
}
