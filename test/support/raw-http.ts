import { connect } from "node:net";

/** An answer as it came over the wire. */
export interface RawAnswer {
  readonly status: number;
  /** By lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface RawRequest {
  readonly port: number;
  /** As latin1. */
  readonly bytes: string;
  /** Any address of 127.0.0.0/8 is this machine's: a client of its own for the server. */
  readonly from?: string;
  /** Whether the connection is reset as soon as all is sent. */
  readonly reset?: boolean;
  /** How long nothing may come before it is left. */
  readonly patienceMs?: number;
}

/** Sends bytes that need not be a request, and reads all that comes until the server leaves, or patience ends. */
export function sendRaw({ port, bytes, from, reset, patienceMs = 20_000 }: RawRequest): Promise<string> {
  return new Promise((done) => {
    const chunks: Buffer[] = [];
    const socket = connect({
      port,
      host: "127.0.0.1",
      ...(from === undefined ? {} : { localAddress: from }),
    });
    socket.setTimeout(patienceMs, () => socket.destroy());
    socket.on("data", (chunk) => chunks.push(chunk));
    // Being cut off is an answer too; what came before it counts.
    socket.on("error", () => undefined);
    socket.once("close", () => done(Buffer.concat(chunks).toString("latin1")));
    socket.write(bytes, "latin1", () => {
      if (reset === true) socket.resetAndDestroy();
    });
  });
}

/** Every answer in what came, in order; of one that was cut off, what came of it. */
export function readAnswers(text: string): RawAnswer[] {
  const answers: RawAnswer[] = [];
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf("\r\n\r\n", at);
    const answer = readHead(text.slice(at, end < 0 ? undefined : end));
    if (end < 0) return [...answers, { ...answer, body: "" }];
    // What is sent piece by piece names no length, and ends with what came.
    const length = Number(answer.headers["content-length"] ?? text.length);
    // What answers HEAD says how long it would be.
    const hasBody = !/^HTTP\/1\.1 /.test(text.slice(end + 4, end + 13));
    const until = end + 4 + (hasBody ? length : 0);
    answers.push({ ...answer, body: text.slice(end + 4, until) });
    at = until;
  }
  return answers;
}

/** The only answer, or the first of several. */
export function readAnswer(text: string): RawAnswer {
  return readAnswers(text)[0] ?? { status: 0, headers: {}, body: "" };
}

function readHead(text: string): Omit<RawAnswer, "body"> {
  const [statusLine = "", ...lines] = text.split("\r\n");
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1] ?? 0);
  return { status, headers: Object.fromEntries(headers) };
}
