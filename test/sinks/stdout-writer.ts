import { DeliveryError } from "../../src/model/failure.ts";
import { stdout } from "../../src/sinks/stdout.ts";
import { envelopesOf } from "../support/envelopes.ts";

/** Writes to its own standard output until it has failed twice, and then ends well: a program for a test. */
const sink = stdout.create(stdout.Config.parse({}));
const signal = new AbortController().signal;
for (let failures = 0; failures < 2; ) {
  try {
    await sink.deliver(envelopesOf(100), signal);
  } catch (cause) {
    failures++;
    if (!(cause instanceof DeliveryError)) throw cause;
    process.stderr.write(`${cause.kind} ${cause.code}\n`);
  }
}
