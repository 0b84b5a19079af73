import { z } from "zod";
import { FORMAT_NAMES, type FormatName, render } from "../formats/index.ts";
import { DeliveryError } from "../model/failure.ts";
import { commonSettings, defineSink, type Sink, shortenedOf } from "./sink.ts";

const Config = z.strictObject({
  format: z
    .enum(FORMAT_NAMES)
    .default("raw")
    .describe("Notation of the lines, one an alert. raw: the source's object under `event`."),
  ...commonSettings({ maxAlerts: 500, maxBytes: "1MB", linger: "0ms", concurrency: 1 }),
});

export const stdout = defineSink({
  type: "stdout",
  summary: "One line an alert on standard output. The daemon's own log then goes to standard error.",
  Config,
  create: ({ format }) => createStdout(process.stdout, format),
});

/** Writes to the given stream and waits until it has taken each batch. */
export function createStdout(stream: NodeJS.WritableStream, format: FormatName): Sink {
  if (!stream.listeners("error").includes(heard)) stream.on("error", heard);
  return {
    async deliver(envelopes, signal) {
      signal.throwIfAborted();
      const rendered = envelopes.map((envelope) => render(format, envelope, Number.POSITIVE_INFINITY));
      const lines = rendered.map(({ text }) => `${text}\n`).join("");
      await new Promise<void>((resolve, reject) => {
        const onAbort = () => reject(signal.reason);
        signal.addEventListener("abort", onAbort, { once: true });
        stream.write(lines, (cause) => {
          signal.removeEventListener("abort", onAbort);
          if (cause) reject(brokenPipe(cause));
          else resolve();
        });
      });
      return { bytes: Buffer.byteLength(lines), shortened: shortenedOf(envelopes, rendered) };
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
