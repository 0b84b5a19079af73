import { createHash } from "node:crypto";
import { connect, createServer, type NetConnectOpts, type Server, type Socket } from "node:net";
import { createCutter, isPush, wordsOf } from "./resp.ts";

/** A command on its way to Redis. */
export interface RelayedCommand {
  /** Lower case. */
  readonly name: string;
  /** Of `EVALSHA` and `EVAL`: the digest of the script. */
  readonly digest: string | undefined;
  readonly words: readonly Buffer[];
}

/** Sees the traffic in the tick in which it passes. Whoever answers with `hold` has the connection stand still. */
export interface RelayWatcher {
  command?(command: RelayedCommand): "hold" | undefined;
  /** What Redis said to a command, before the daemon hears it. */
  reply?(command: RelayedCommand, reply: Buffer): "hold" | undefined;
}

/** Where a relay listens, or where its Redis does: a port of loopback or the path of a socket. */
export type Address = { readonly port: number } | { readonly path: string };

/** One connection of the daemon with its connection to Redis behind. */
interface Link {
  readonly front: Socket;
  readonly back: Socket;
  /** Sent to Redis and not answered yet. */
  readonly asked: RelayedCommand[];
  /** What waits behind a command, or a reply, that is held. */
  readonly held: { readonly to: Socket; readonly bytes: Buffer }[];
  isHeld: boolean;
}

/**
 * Stands between the daemons and a Redis, passes on command by command and reply by reply, and lets watchers act at
 * the very command they wait for. States: *listening* until it is closed; whether Redis is there does not matter.
 */
export class RedisRelay {
  readonly #address: Address;
  readonly #behind: Address;
  readonly #links = new Set<Link>();
  readonly #watchers = new Set<RelayWatcher>();
  #server: Server | undefined;

  constructor(address: Address, behind: Address) {
    this.#address = address;
    this.#behind = behind;
  }

  async open(): Promise<void> {
    const server = createServer((front) => this.#join(front));
    const at = "port" in this.#address ? { ...this.#address, host: "127.0.0.1" } : this.#address;
    await new Promise<void>((listening, fail) => {
      server.once("error", fail);
      server.listen(at, listening);
    });
    this.#server = server;
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.cut();
    if (server !== undefined) await new Promise((closed) => server.close(closed));
  }

  watch(watcher: RelayWatcher): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Ends every connection, as a Redis does that dies. */
  cut(): void {
    for (const { front, back } of this.#links) {
      front.destroy();
      back.destroy();
    }
  }

  /** Lets everything go on that is held. */
  release(): void {
    for (const link of this.#links) {
      link.isHeld = false;
      for (const { to, bytes } of link.held.splice(0)) to.write(bytes);
    }
  }

  #join(front: Socket): void {
    const target: NetConnectOpts =
      "port" in this.#behind ? { ...this.#behind, host: "127.0.0.1" } : { ...this.#behind };
    const back = connect(target);
    const link: Link = { front, back, asked: [], held: [], isHeld: false };
    this.#links.add(link);
    const commands = createCutter();
    const replies = createCutter();
    front.on("data", (chunk) => {
      for (const bytes of commands(chunk)) this.#ask(link, bytes);
    });
    back.on("data", (chunk) => {
      for (const bytes of replies(chunk)) this.#answer(link, bytes);
    });
    for (const socket of [front, back]) {
      socket.setNoDelay(true);
      socket.on("error", () => undefined);
    }
    // What a dead daemon has sent is still Redis's to read.
    front.on("close", () => {
      this.#links.delete(link);
      back.end();
    });
    back.on("close", () => front.destroy());
  }

  #ask(link: Link, bytes: Buffer): void {
    const command = commandOf(bytes);
    // Whatever waits behind a command that is held comes later, and nobody is told of it yet.
    const holds = !link.isHeld && this.#told((watcher) => watcher.command?.(command));
    link.asked.push(command);
    this.#pass(link, holds, { to: link.back, bytes });
  }

  #answer(link: Link, bytes: Buffer): void {
    const command = isPush(bytes) ? undefined : link.asked.shift();
    const holds = command !== undefined && this.#told((watcher) => watcher.reply?.(command, bytes));
    this.#pass(link, holds, { to: link.front, bytes });
  }

  #told(tell: (watcher: RelayWatcher) => "hold" | undefined): boolean {
    const verdicts = [...this.#watchers].map(tell);
    return verdicts.includes("hold");
  }

  #pass(link: Link, holds: boolean, parcel: { readonly to: Socket; readonly bytes: Buffer }): void {
    link.isHeld ||= holds;
    if (link.isHeld) link.held.push(parcel);
    else parcel.to.write(parcel.bytes);
  }
}

export function digestOf(script: string | Buffer): string {
  return createHash("sha1").update(script).digest("hex");
}

function commandOf(bytes: Buffer): RelayedCommand {
  const words = wordsOf(bytes);
  const name = (words[0] ?? "").toString().toLowerCase();
  const script = words[1];
  const digest =
    script === undefined || !name.startsWith("eval")
      ? undefined
      : name === "evalsha"
        ? script.toString()
        : digestOf(script);
  return { name, digest, words };
}
