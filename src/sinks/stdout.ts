import { z } from "zod";
import { DeliveryError } from "../model/failure.ts";
import { encodeLine } from "./line.ts";
import { commonSettings, defineSink, type Sink } from "./sink.ts";

const Config = z.strictObject({
  format: z
    .enum(["raw"])
    .default("raw")
    .describe("raw: one line of JSON an alert, the source's object under `event`."),
  ...commonSettings({ maxAlerts: 500, maxBytes: "1MB", linger: "0ms", concurrency: 1 }),
});

export const stdout = defineSink({
  type: "stdout",
  summary: "One line of JSON an alert on standard output. The daemon's own log then goes to standard error.",
  Config,
  create: () => createStdout(process.stdout),
});

/** Writes to the given stream and waits until it has taken each batch. */
export function createStdout(stream: NodeJS.WritableStream): Sink {
  if (!stream.listeners("error").includes(heard)) stream.on("error", heard);
  return {
    async deliver(envelopes, signal) {
      signal.throwIfAborted();
      const lines = envelopes.map(encodeLine).join("");
      await new Promise<void>((resolve, reject) => {
        const onAbort = () => reject(signal.reason);
        signal.addEventListener("abort", onAbort, { once: true });
        stream.write(lines, (cause) => {
          signal.removeEventListener("abort", onAbort);
          if (cause) reject(brokenPipe(cause));
          else resolve();
        });
      });
      return { bytes: Buffer.byteLength(lines) };
    },
    async probe() {},
    async close() {},
  };
}

/** The write that meets a broken pipe is told of it; the event that says the same would, unheard, end the process. */
function heard(): void {}

function brokenPipe(cause: Error): DeliveryError {
  const code = "code" in cause ? String(cause.code) : "unknown";
  return new DeliveryError("misconfigured", `Standard output cannot be written (${code}).`, { cause, code });
}
