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
  return {
    async deliver(envelopes, signal) {
      signal.throwIfAborted();
      const lines = envelopes.map(encodeLine).join("");
      await new Promise<void>((resolve, reject) => {
        const onError = (cause: Error) => reject(brokenPipe(cause));
        stream.once("error", onError);
        stream.write(lines, (cause) => {
          // An error is told to the callback first and emitted afterwards; the listener stays for that.
          if (cause) return reject(brokenPipe(cause));
          stream.removeListener("error", onError);
          resolve();
        });
      });
      return { bytes: Buffer.byteLength(lines) };
    },
    async probe() {},
    async close() {},
  };
}

function brokenPipe(cause: Error): DeliveryError {
  return new DeliveryError("misconfigured", `Standard output cannot be written (${cause.message}).`, {
    cause,
  });
}
