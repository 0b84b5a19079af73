import { DeliveryError } from "../../src/model/failure.ts";
import { file } from "../../src/sinks/file.ts";
import { envelopesOf } from "../support/envelopes.ts";

/** Writes ten alerts to the file that it is told, under whatever limits it was started with: a program for a test. */
const sink = file.create(file.Config.parse({ path: process.argv[2] }));
try {
  await sink.deliver(envelopesOf(10), new AbortController().signal);
} catch (cause) {
  if (!(cause instanceof DeliveryError)) throw cause;
  process.stderr.write(`${cause.kind} ${cause.code}\n`);
}
