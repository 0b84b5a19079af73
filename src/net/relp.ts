import { DeliveryError } from "../model/failure.ts";
import { type Connection, type ConnectionSettings, withConnection } from "./syslog-connection.ts";
import type { SyslogTransport } from "./syslog-transport.ts";

/** The Reliable Event Logging Protocol of rsyslog, as its specification (relp.html in librelp) has it. */

/** Messages under way without an answer; librelp's own window. */
const WINDOW = 128;
/** An answer is a status and few words. */
const LONGEST_ANSWER_BYTES = 64_000;
const OFFERS = "relp_version=0\nrelp_software=alertferry\ncommands=syslog";

/** What the other side says: an answer to one of our numbers, or a command of its own. */
export interface RelpFrame {
  readonly number: number;
  readonly command: string;
  readonly data: string;
}

/** `2 syslog 5 hello\n`; without data `3 close 0\n`. */
export function relpFrame(number: number, command: string, data = ""): string {
  return `${number} ${command} ${Buffer.byteLength(data)}${data === "" ? "" : ` ${data}`}\n`;
}

/** Cuts a stream into frames, wherever its pieces end. */
export class RelpReader {
  #rest: Buffer = Buffer.alloc(0);

  /** @returns the frames that are whole by now; undefined when this is no RELP. */
  read(piece: Buffer): readonly RelpFrame[] | undefined {
    this.#rest = Buffer.concat([this.#rest, piece]);
    const frames: RelpFrame[] = [];
    for (;;) {
      const first = firstFrame(this.#rest);
      if (first === "foreign") return undefined;
      if (first === "unfinished") return frames;
      frames.push(first);
      this.#rest = this.#rest.subarray(first.bytes);
    }
  }
}

/** Number and length have at most 9 digits, a command at most 32 letters. */
const HEAD = /^(\d{1,9}) ([A-Za-z]{1,32}) (\d{1,9})([ \n])/;
const LONGEST_HEAD = 53;

function firstFrame(bytes: Buffer): (RelpFrame & { readonly bytes: number }) | "unfinished" | "foreign" {
  const head = HEAD.exec(bytes.toString("latin1", 0, LONGEST_HEAD));
  if (head === null) return bytes.length < LONGEST_HEAD && !bytes.includes("\n") ? "unfinished" : "foreign";
  const [start, number, command = "", length, sign] = head;
  // Without data the line ends right behind the length.
  const dataStart = sign === "\n" ? start.length - 1 : start.length;
  const dataEnd = dataStart + Number(length);
  if (dataEnd > LONGEST_ANSWER_BYTES) return "foreign";
  if (bytes.length <= dataEnd) return "unfinished";
  if (bytes[dataEnd] !== 0x0a) return "foreign";
  return {
    number: Number(number),
    command,
    data: bytes.toString("utf8", dataStart, dataEnd),
    bytes: dataEnd + 1,
  };
}

/**
 * Syslog over RELP: the receiver answers for every message once it has it in its queue, so this is the only way to it
 * that truly acknowledges. One connection a batch, like the others.
 */
export function createRelp(settings: ConnectionSettings): SyslogTransport {
  const peer = `${settings.host}:${settings.port}`;
  return {
    send: (messages, signal) =>
      withConnection(settings, signal, async (connection) => {
        const answers = listen(connection, peer);
        await connection.accepted();
        await open(connection, answers, peer);
        await sendAll(messages, connection, answers, peer);
        await sayGoodBye(connection, messages.length + 2);
      }),
    probe: (signal) =>
      withConnection(settings, signal, async (connection) => {
        const answers = listen(connection, peer);
        await connection.accepted();
        await open(connection, answers, peer);
        await sayGoodBye(connection, 2);
      }),
  };
}

/** @returns the next answer (`rsp`) of the other side. */
type Answers = () => Promise<RelpFrame>;

function listen({ socket, race }: Connection, peer: string): Answers {
  const reader = new RelpReader();
  const come: RelpFrame[] = [];
  let wake: () => void = () => {};
  let isForeign = false;
  socket.on("data", (piece: Buffer) => {
    const frames = isForeign ? undefined : reader.read(piece);
    isForeign = frames === undefined;
    come.push(...(frames ?? []).filter(({ command }) => command === "rsp"));
    wake();
  });
  return async () => {
    for (;;) {
      const answer = come.shift();
      if (answer !== undefined) return answer;
      if (isForeign)
        throw new DeliveryError("misconfigured", `${peer} does not speak RELP on this port.`, {
          code: "ENORELP",
        });
      await race(
        new Promise<void>((resolve) => {
          wake = resolve;
        }),
      );
    }
  };
}

async function open({ socket }: Connection, answers: Answers, peer: string): Promise<void> {
  socket.write(relpFrame(1, "open", OFFERS));
  const { data } = await answers();
  if (statusOf(data) === 200 && /^commands=.*\bsyslog\b/m.test(data)) return;
  throw new DeliveryError("misconfigured", `${peer} does not take syslog by RELP: ${wordsOf(data)}`, {
    code: String(statusOf(data)),
  });
}

/** Sends message `i` under the number `i + 2`; answers may come in any order. */
async function sendAll(
  messages: readonly string[],
  { socket }: Connection,
  answers: Answers,
  peer: string,
): Promise<void> {
  const open = new Set<number>();
  for (let next = 0; next < messages.length || open.size > 0; ) {
    const window = messages.slice(next, next + WINDOW - open.size);
    const frames = window.map((message, index) => relpFrame(next + index + 2, "syslog", message));
    for (const index of window.keys()) open.add(next + index + 2);
    next += window.length;
    if (frames.length > 0) socket.write(frames.join(""));
    const answer = await answers();
    if (open.delete(answer.number)) settle(answer, peer);
  }
}

function settle({ number, data }: RelpFrame, peer: string): void {
  if (statusOf(data) === 200) return;
  throw new DeliveryError("rejected", `${peer} refused an alert: ${wordsOf(data)}`, {
    code: String(statusOf(data)),
    culprit: number - 2,
  });
}

/** A courtesy: everything has been answered for. */
async function sayGoodBye({ socket, leave }: Connection, number: number): Promise<void> {
  socket.write(relpFrame(number, "close"));
  await leave();
}

function statusOf(data: string): number {
  return Number(/^\d{3}\b/.exec(data)?.[0]);
}

/** The first line: offers follow it. Whether it repeats what was sent is not known, so only its beginning is told. */
function wordsOf(data: string): string {
  return data.split("\n")[0]?.slice(0, 60) || "no words";
}
