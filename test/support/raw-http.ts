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
  readonly bytes: string | Buffer;
  /** Any address of 127.0.0.0/8 is this machine's: a client of its own for the server. */
  readonly from?: string;
  /** Whether the sending side is closed behind the bytes; else it stays open until the server leaves. */
  readonly halfClose?: boolean;
  readonly timeoutMs?: number;
}

/** Sends bytes that need not be a request, and reads all that comes until the server leaves or `timeoutMs` is over. */
export function sendRaw({ port, bytes, from, halfClose, timeoutMs = 20_000 }: RawRequest): Promise<string> {
  return new Promise((done) => {
    const chunks: Buffer[] = [];
    const socket = connect({
      port,
      host: "127.0.0.1",
      ...(from === undefined ? {} : { localAddress: from }),
    });
    const timer = setTimeout(() => socket.destroy(), timeoutMs);
    socket.on("data", (chunk) => chunks.push(chunk));
    // Being cut off is an answer too; what came before it counts.
    socket.on("error", () => undefined);
    socket.once("close", () => {
      clearTimeout(timer);
      done(Buffer.concat(chunks).toString("latin1"));
    });
    if (halfClose === true) socket.end(bytes);
    else socket.write(bytes);
  });
}

/** The first answer in what came, whose body goes to the end of it. */
export function readAnswer(text: string): RawAnswer {
  const end = text.indexOf("\r\n\r\n");
  const [statusLine = "", ...lines] = text.slice(0, Math.max(0, end)).split("\r\n");
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return {
    status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1] ?? 0),
    headers: Object.fromEntries(headers),
    body: text.slice(end + 4),
  };
}
