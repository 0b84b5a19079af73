import { connect, isIP, type Socket } from "node:net";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { connect as connectTls, TLSSocket } from "node:tls";
import { DeliveryError } from "../model/failure.ts";
import { classifyNoAnswer } from "./classify.ts";
import { codeOf, NoAnswer, tlsOptions } from "./http.ts";
import type { Tls } from "./options.ts";
import { type Certificates, clientRefusal, readCertificate, tlsRefusal } from "./tls-failure.ts";

/** One connection of one batch: how it is opened, and what became of it. */

export interface ConnectionSettings {
  readonly host: string;
  readonly port: number;
  /** Absent: plain TCP. */
  readonly tls: Tls | undefined;
  /** Milliseconds for everything, from the question for the address to the receiver's last word. */
  readonly timeoutMs: number;
  /** Milliseconds for which a receiver is watched before it is believed. */
  readonly settleMs: number;
}

export interface Connection {
  readonly socket: Socket;
  /** As `step`, but rejects at once when the connection breaks, the time is over or the caller gives up. */
  race<T>(step: Promise<T>): Promise<T>;
  /**
   * Waits, over TLS, whether the receiver refuses us after the handshake: under TLS 1.3 a client is through before the
   * server has seen its certificate, and rsyslog (GnuTLS) refuses by closing cleanly, as if it had read it all.
   */
  accepted(): Promise<void>;
  /** Waits a while, during which the receiver must neither close nor break off. */
  settle(): Promise<void>;
  /** Closes our side. Resolves with the receiver's own clean close after that. */
  close(): Promise<void>;
  /** Closes our side where nothing depends on it any more: does not fail, and waits a second at most. */
  leave(): Promise<void>;
}

/** Opening a connection takes no longer than this, whatever the whole may take. */
const CONNECT_TIMEOUT_MS = 10_000;
/** A name may have several addresses; the next is tried after this. Node's own 250 ms are short for other continents. */
const NEXT_ADDRESS_MS = 2000;
const KEEP_ALIVE_MS = 10_000;
const LEAVE_MS = 1000;

type Stage = "connecting" | "handshaking" | "settling" | "sending" | "closing";

/**
 * Opens a connection, lets `use` have it and destroys it. The name is resolved and certificate files are read each time.
 *
 * @throws DeliveryError, or the signal's reason.
 */
export async function withConnection<T>(
  settings: ConnectionSettings,
  signal: AbortSignal,
  use: (connection: Connection) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const { socket, certificates } = open(settings);
  const peer = `${settings.host}:${settings.port}`;
  let stage: Stage = "connecting";
  const timers: NodeJS.Timeout[] = [];
  let giveUp = () => {};
  let closedCleanly = () => {};
  const clean = new Promise<void>((resolve) => {
    closedCleanly = resolve;
  });
  const broken = new Promise<never>((_, reject) => {
    const late = (ms: number) => () => reject(tooLate(peer, stage, ms));
    const connectMs = Math.min(settings.timeoutMs, CONNECT_TIMEOUT_MS);
    timers.push(setTimeout(late(settings.timeoutMs), settings.timeoutMs));
    timers.push(setTimeout(() => !isConnected(stage) && late(connectMs)(), connectMs));
    giveUp = () => reject(signal.reason);
    const onClose = () => reject(closedEarly(peer, stage, certificates()));
    socket.once("connect", () => {
      stage = "handshaking";
    });
    socket.on("error", (cause) => reject(brokenBy(cause, peer, stage, certificates())));
    socket.on("end", () => (stage === "closing" ? closedCleanly() : onClose()));
    socket.on("close", onClose);
  });
  broken.catch(() => undefined);
  signal.addEventListener("abort", giveUp, { once: true });
  const race = <Step>(step: Promise<Step>) => Promise.race([step, broken]);
  try {
    await race(connected(socket));
    socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS);
    // Only whoever reads notices that the other side closes.
    socket.resume();
    stage = "sending";
    const settle = async () => {
      await race(sleep(settings.settleMs));
      // What came while we were busy is heard first: timers run before sockets.
      await race(turn());
    };
    const close = async () => {
      await race(new Promise<void>((done) => socket.end(done)));
      stage = "closing";
      await race(clean);
    };
    return await use({
      socket,
      race,
      settle,
      close,
      async accepted() {
        if (settings.tls === undefined) return;
        stage = "settling";
        await settle();
        stage = "sending";
      },
      leave: () => Promise.race([close(), sleep(LEAVE_MS)]).catch(() => undefined),
    });
  } finally {
    for (const timer of timers) clearTimeout(timer);
    signal.removeEventListener("abort", giveUp);
    socket.destroy();
  }
}

function open(settings: ConnectionSettings): { socket: Socket; certificates: () => Certificates } {
  const { host, port, tls } = settings;
  const address = { host, port, autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_MS };
  if (tls === undefined)
    return { socket: connect(address), certificates: () => ({ own: undefined, theirs: undefined }) };
  try {
    const options = tlsOptions({ tls });
    // Node sends the name to the server only when it is told to, and an address is no name.
    const servername = tls.serverName ?? (isIP(host) === 0 ? host : undefined);
    const socket = connectTls({
      ...address,
      ...options,
      ...(servername === undefined ? {} : { servername }),
    });
    return {
      socket,
      certificates: () => ({ own: readCertificate(options.cert), theirs: socket.getPeerX509Certificate() }),
    };
  } catch (cause) {
    const code = codeOf(cause);
    const message =
      cause instanceof NoAnswer ? cause.message : `The files of \`tls\` cannot be used (${code}).`;
    throw new DeliveryError("misconfigured", message, { code });
  }
}

function isConnected(stage: Stage): boolean {
  return stage !== "connecting" && stage !== "handshaking";
}

function connected(socket: Socket): Promise<void> {
  return new Promise((done) => socket.once(socket instanceof TLSSocket ? "secureConnect" : "connect", done));
}

function brokenBy(cause: unknown, peer: string, stage: Stage, certificates: Certificates): DeliveryError {
  const code = codeOf(cause);
  const refusal = tlsRefusal(cause, certificates);
  if (refusal !== undefined)
    return new DeliveryError("misconfigured", `No TLS connection to ${peer}: ${refusal}.`, { code });
  const what = isConnected(stage)
    ? "broke off before it had confirmed the alerts; some may come twice"
    : "could not be reached";
  return new DeliveryError(classifyNoAnswer(new NoAnswer(code, "")), `${peer} ${what} (${code}).`, { code });
}

function closedEarly(peer: string, stage: Stage, certificates: Certificates): DeliveryError {
  const code = "ECLOSED";
  if (stage === "settling") {
    return new DeliveryError(
      "misconfigured",
      `${peer} closed the connection right after the TLS handshake, which is a refusal unless it is just being stopped: ${clientRefusal(certificates)}.`,
      { code },
    );
  }
  return new DeliveryError(
    "transient",
    `${peer} closed a connection before it was sure that it has read everything; some alerts may come twice.`,
    { code },
  );
}

/** What was waited for in vain. */
const WAITED_FOR: Readonly<Record<Stage, string>> = {
  connecting: "did not accept a connection",
  handshaking: "did not finish the TLS handshake",
  settling: "did not say whether it takes us",
  sending: "did not read everything",
  closing: "did not close the connection after reading everything, which alone proves that it has it,",
};

function tooLate(peer: string, stage: Stage, ms: number): DeliveryError {
  return new DeliveryError("transient", `${peer} ${WAITED_FOR[stage]} within ${ms} ms.`, {
    code: "ETIMEDOUT",
  });
}
