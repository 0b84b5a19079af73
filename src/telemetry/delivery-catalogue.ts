import type { EventEntry } from "./catalogue.ts";

/** Of the catalogue: what can happen on the way from a sink's queue to the sink. */
export const DELIVERY_EVENTS = {
  "deliver.completed": {
    level: "debug",
    fields: ["sink", "alerts", "bytes", "shortened", "durationMs"],
    says: "Delivered.",
    means: "The sink has acknowledged a request.",
  },
  "deliver.retrying": {
    level: "warn",
    fields: ["sink", "attempt", "retryInMs", "error", "repeated"],
    says: "A delivery failed and is tried again.",
    means: "The alerts wait in the queue. It may be one request's bad luck.",
  },
  "deliver.recovered": {
    level: "info",
    fields: ["sink", "durationMs", "repeated"],
    says: "The sink takes what had failed.",
    means: "It never came to a rest. `repeated` failures were not said one by one.",
  },
  "deliver.halved": {
    level: "warn",
    fields: ["sink", "alerts", "error", "repeated"],
    says: "The sink refused a request; it is divided to find the alert that is meant.",
    means: "The other alerts of the request are delivered.",
  },
  "deliver.dead-lettered": {
    level: "error",
    fields: ["tenant", "source", "sink", "reason", "deadLetter", "eventId", "attempts", "error", "repeated"],
    says: "The sink refused an alert for good; it was set aside.",
    means: "`error.message` has the receiver's own words. The alert is kept as `deadLetter`.",
  },
  "deliver.tenant-mismatch": {
    level: "error",
    fields: ["tenant", "source", "sink", "reason", "deadLetter", "eventId", "attempts", "error", "repeated"],
    says: "An alert that names another tenant was about to be sent; it was set aside.",
    means: "It reached no sink. This is a mix-up on our side of the source.",
  },
  "dead-letters.many": {
    level: "warn",
    fields: ["sink", "deadLetters"],
    says: "Many dead letters of this sink wait for a person.",
    means: "Said again with each power of ten.",
  },
  "dead-letters.cleared": {
    level: "info",
    fields: ["sink", "durationMs"],
    says: "No dead letter of this sink is left.",
    means: "All of them were sent again or discarded.",
  },
  "dead-letters.retried": {
    level: "info",
    fields: ["deadLetters", "client"],
    says: "Dead letters are on their way again.",
    means: "Somebody at `client` asked for it over HTTP. What is refused again becomes a dead letter again.",
  },
  "dead-letters.trimmed": {
    level: "warn",
    fields: ["deadLetters"],
    says: "Old dead letters were discarded.",
    means: "`deadLetters.maxCount` or `deadLetters.maxAge` asks for it. They cannot be retried any more.",
  },
  "deliver.restored": {
    level: "info",
    fields: ["sink", "batches"],
    says: "Batches that waited outside of the sink's queue are in it again.",
    means:
      "Redis had forgotten its last moments. Some of these batches may have been delivered by then, and come twice.",
  },
  "deliver.failed": {
    level: "error",
    fields: ["sink", "error", "repeated"],
    says: "A batch could not be worked on; it stays in the queue.",
    means: "A fault of the daemon or of its set-up: `error.message` says which. Other batches go on.",
  },
  "sink.opened": {
    level: "error",
    fields: ["sink", "retryInMs", "error", "repeated"],
    says: "The sink is in trouble and rests; its alerts wait in the queue.",
    means:
      "`error.kind`, `error.code` and `error.message` say why. It is probed with growing pauses; other sinks are not affected.",
  },
  "sink.closed": {
    level: "info",
    fields: ["sink", "durationMs", "repeated"],
    says: "The sink takes alerts again.",
    means: "What waited is being delivered.",
  },
} as const satisfies Record<string, EventEntry>;
