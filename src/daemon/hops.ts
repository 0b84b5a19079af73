import { type Batch, readableMs } from "../model/batch.ts";
import type { ReaderParts } from "../pipeline/forward.ts";
import type { Place } from "../pipeline/routes.ts";
import type { Source } from "../sources/source.ts";
import type { Events } from "../telemetry/events.ts";

/**
 * For one run of reading: notes when each slice was there, and tells of every batch that is sealed how long its alerts
 * were on the way until then. The lane that delivers a batch tells the rest. A batch that two windows of a place seal at
 * the same moment is told of twice.
 */
export function timeHops(
  place: Place,
  parts: ReaderParts,
  events: Pick<Events, "travelled">,
): { readonly place: Place; readonly parts: ReaderParts } {
  let readMs = parts.nowMs();
  const timed = (reader: Source): Source => ({
    ...reader,
    async *read(span, signal, how) {
      for await (const slice of reader.read(span, signal, how)) {
        readMs = parts.nowMs();
        yield slice;
      }
    },
  });
  const { store } = parts;
  const seal: typeof store.seal = async (fence, batch, alerts, how) => {
    const sealed = await store.seal(fence, batch, alerts, how);
    if (typeof sealed === "object") tell(batch, readMs, events);
    return sealed;
  };
  return {
    place: { ...place, reader: timed(place.reader), backlogReader: timed(place.backlogReader) },
    parts: { ...parts, store: { ...store, seal } },
  };
}

function tell(batch: Batch, readMs: number, events: Pick<Events, "travelled">): void {
  const { sink, alerts, window } = batch;
  // What is read late because we were away, or were asked to read it again, is not late by Microsoft.
  if (window.kind === "live") {
    const dated = alerts.flatMap(({ updatedMs }) => updatedMs ?? []);
    events.travelled(
      sink,
      "published",
      dated.map((ms) => Math.max(0, batch.notReadableBeforeMs - ms)),
    );
  }
  events.travelled(
    sink,
    "read",
    alerts.map((alert) => readMs - readableMs(batch, alert)),
  );
  events.travelled(sink, "enqueued", [batch.sealedMs - readMs], alerts.length);
}
