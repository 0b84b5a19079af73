import type { Alert } from "../../src/model/alert.ts";
import type { Batch, Numbers } from "../../src/model/batch.ts";
import type { Ticks } from "../../src/model/ticks.ts";
import type { LongWindow, Span } from "../../src/model/window.ts";
import {
  type Fence,
  FencedOff,
  type Resume,
  type SealedBatch,
  type SentRecord,
  type Store,
} from "../../src/queue/ports.ts";
import type { DoneWindow, WindowRequest } from "../../src/queue/windows.ts";

/** What rounds of reading and lanes use of a store. */
type Used = Pick<
  Store,
  | "readState"
  | "pendingOf"
  | "begin"
  | "commit"
  | "seal"
  | "sent"
  | "materials"
  | "suppress"
  | "setAside"
  | "loadBatch"
  | "settle"
  | "openWindow"
  | "window"
  | "openWindows"
  | "recordHole"
  | "openHoles"
  | "recordGap"
  | "advance"
  | "backlogBytes"
>;

export interface MemoryParts {
  /** Bytes that a batch takes. */
  readonly sizeOf: (batch: Batch) => number | Promise<number>;
  /** Whether a read job's lock is still held. */
  readonly holds?: (fence: Fence) => boolean;
  /** Called before every question, and before and after every change; may wait, and may throw as a crash would. */
  readonly onStep?: (name: string, when: "before" | "after") => Promise<void> | undefined;
}

interface PlaceFacts {
  begun: { readonly since: Ticks; readonly from: Ticks } | undefined;
  reach: { readonly cursor: Ticks; readonly since: Ticks } | undefined;
  roundMs: number | undefined;
  resume: Resume | undefined;
  /** Those of the rounds under no name, those of a long window under its id. */
  readonly pending: Map<string | undefined, Map<string, SealedBatch>>;
  readonly gaps: Map<string, string>;
  readonly holes: Set<string>;
}

interface Row {
  seq: number;
  batches: number;
}

/**
 * The store as rounds of reading know it, in memory and without what they do not ask. It numbers, remembers and bounds
 * as the scripts in Redis do; `test/integration/memory-store.test.ts` walks both side by side.
 */
export function createMemoryStore({ sizeOf, holds = () => true, onStep }: MemoryParts): Store {
  const places = new Map<string, PlaceFacts>();
  const batches = new Map<string, { readonly batch: Batch; readonly numbers: Numbers; bytes: number }>();
  const backlogs = new Map<string, number>();
  const rows = new Map<string, Row>();
  const sent = new Map<string, SentRecord>();
  const revisions = new Map<string, { readonly revision: number; readonly version: string }>();
  const materials = new Map<string, { readonly version: string; readonly material: string }>();
  const windows = new Map<string, LongWindow | DoneWindow>();
  const asideIds = new Set<string>();

  const placeOf = (tenant: string, source: string) =>
    found(places, `${tenant}/${source}`, () => ({
      begun: undefined,
      reach: undefined,
      roundMs: undefined,
      resume: undefined,
      pending: new Map(),
      gaps: new Map(),
      holes: new Set<string>(),
    }));

  const pendingOf = (tenant: string, source: string, window: string | undefined) =>
    found(placeOf(tenant, source).pending, window, () => new Map<string, SealedBatch>());

  /** One step: whole or not at all, and not without the lock. */
  async function step<T>(name: string, fence: Fence | undefined, tenant: string, work: () => T): Promise<T> {
    const before = onStep?.(name, "before");
    if (before !== undefined) await before;
    if (fence !== undefined && !holds(fence)) throw new FencedOff(tenant);
    const result = work();
    const after = onStep?.(name, "after");
    if (after !== undefined) await after;
    return result;
  }

  function number(batch: Batch, alerts: readonly Alert[], row: Row): Numbers {
    const numbers: { seqs: number[]; revisions: number[] } = { seqs: [], revisions: [] };
    for (const alert of alerts) {
      const name = sentName(batch.tenant.id, batch.source, batch.sink, alert);
      const record = sent.get(name);
      const known = record?.state === "suppressed" ? undefined : record;
      if (known === undefined) keepMaterial(batch, alert);
      const seq = known?.seq ?? ++row.seq;
      const revision = known?.revision ?? revise(batch, alert);
      sent.set(name, {
        ...{ state: "queued", seq, revision, queuedMs: batch.sealedMs, batch: batch.id.slice(0, 10) },
        ...{ settledMs: undefined, attempts: undefined, shortened: false },
      });
      numbers.seqs.push(seq);
      numbers.revisions.push(revision);
    }
    return numbers;
  }

  function keepMaterial({ tenant, source, sink }: Batch, { id, version, material }: Alert): void {
    const name = `${tenant.id}\n${source}\n${sink}\n${id}`;
    const before = materials.get(name)?.version ?? "";
    const isDated = /^\d+$/.test(before);
    if (isDated && (before.length > version.length || (before.length === version.length && before > version)))
      return;
    materials.set(name, { version, material });
  }

  function revise({ tenant, source }: Batch, { id, version }: Alert): number {
    const name = `${tenant.id}\n${source}\n${id}`;
    const last = revisions.get(name);
    const revision = last === undefined ? 1 : last.revision + (last.version === version ? 0 : 1);
    revisions.set(name, { revision, version });
    return revision;
  }

  /** @returns whether it was not open before. */
  function open(request: WindowRequest): boolean {
    if (isOpen(windows.get(request.id))) return false;
    windows.set(request.id, { ...request, cursor: request.from, read: 0, queued: 0, grown: 0 });
    return true;
  }

  const used: Used = {
    async readState(tenant, source) {
      await onStep?.("readState", "before");
      const { reach, roundMs, resume, gaps, holes } = placeOf(tenant, source);
      const pending = [...pendingOf(tenant, source, undefined).values()];
      return { reach, roundMs, resume, pending, gaps: new Map(gaps), holes: [...holes] };
    },

    async pendingOf({ id, tenant, source }) {
      await onStep?.("pendingOf", "before");
      return [...pendingOf(tenant, source, id).values()];
    },

    begin: ({ tenant, source }, wanted) =>
      step("begin", undefined, tenant, () => {
        const place = placeOf(tenant, source);
        place.begun ??= wanted;
        return place.begun;
      }),

    commit: (fence, { tenant, source }, { cursor, since, roundMs, resume, queued }) =>
      step("commit", fence, tenant, () => {
        const place = placeOf(tenant, source);
        place.reach = { cursor, since };
        place.roundMs = roundMs ?? place.roundMs;
        place.resume = resume;
        for (const { id } of queued) pendingOf(tenant, source, undefined).delete(id);
      }),

    async sent({ tenant, source, sink }, versions) {
      await onStep?.("sent", "before");
      return versions.map((version) => sent.get(sentName(tenant, source, sink, version)));
    },

    async materials({ tenant, source, sink }, alerts) {
      await onStep?.("materials", "before");
      return alerts.map(({ id }) => materials.get(`${tenant}\n${source}\n${sink}\n${id}`)?.material);
    },

    suppress: ({ tenant, source, sink }, versions, nowMs) =>
      step("suppress", undefined, tenant, () => {
        for (const version of versions) {
          const name = sentName(tenant, source, sink, version);
          if (sent.has(name)) continue;
          sent.set(name, {
            ...{ state: "suppressed", seq: 0, revision: 0, queuedMs: nowMs, batch: "" },
            ...{ settledMs: undefined, attempts: undefined, shortened: false },
          });
        }
      }),

    async seal(fence, batch, alerts, { mode, window, maxBacklogBytes, priorityFor }) {
      const { id, source, sink } = batch;
      const tenant = batch.tenant.id;
      const bytes = await sizeOf(batch);
      const row = found(rows, `${tenant}/${sink}`, () => ({ seq: 0, batches: 0 }));
      const sealed = { id, sink, priority: priorityFor(row.batches) };
      return await step("seal", fence, tenant, () => {
        const pending = pendingOf(tenant, source, window);
        if (pending.has(id) || batches.has(id)) return sealed;
        const isKnown = (alert: Alert) => sent.has(sentName(tenant, source, sink, alert));
        if (mode === "new" && alerts.some(isKnown)) return "known";
        const backlog = backlogs.get(sink) ?? 0;
        if (backlog > 0 && backlog + bytes > maxBacklogBytes) return "full";
        batches.set(id, { batch, numbers: number(batch, alerts, row), bytes });
        backlogs.set(sink, backlog + bytes);
        row.batches += 1;
        pending.set(id, sealed);
        return sealed;
      });
    },

    setAside: (fence, tenant, letters) =>
      step("setAside", fence, tenant, () =>
        letters.filter(({ id }) => !asideIds.has(id) && asideIds.add(id)),
      ),

    async loadBatch(id) {
      const found = batches.get(id);
      return found === undefined ? undefined : { ...found, letGo: () => undefined };
    },

    settle: (batch, { dead, attempts, shortened = [] }, settledMs) =>
      step("settle", undefined, batch.tenant.id, () => {
        const { id, tenant, source, sink } = batch;
        const held = batches.get(id);
        if (held === undefined) return false;
        batches.delete(id);
        backlogs.set(sink, (backlogs.get(sink) ?? 0) - held.bytes);
        found(rows, `${tenant.id}/${sink}`, () => ({ seq: 0, batches: 0 })).batches -= 1;
        const deadIds = new Set(dead.map(({ eventId }) => eventId));
        for (const { alertId, version, eventId } of batch.alerts) {
          const name = sentName(tenant.id, source, sink, { id: alertId, version });
          const record = sent.get(name);
          const state = deadIds.has(eventId) ? "dead-lettered" : "delivered";
          const isShort = shortened.includes(eventId);
          if (record !== undefined)
            sent.set(name, { ...record, state, settledMs, attempts, shortened: isShort });
        }
        return true;
      }),

    openWindow: (request) =>
      step("openWindow", undefined, request.tenant, () => {
        open(request);
      }),

    recordHole: (request, isOfRounds) =>
      step("recordHole", undefined, request.tenant, () => {
        if (isOfRounds) placeOf(request.tenant, request.source).holes.add(request.id);
        return open(request);
      }),

    async openHoles({ tenant, source }, ids) {
      // Redis is not asked either.
      if (ids.length === 0) return [];
      return await step("openHoles", undefined, tenant, () => {
        const found = ids.map((id) => windows.get(id)).filter(isOpen);
        const openIds = new Set(found.map(({ id }) => id));
        for (const id of ids) if (!openIds.has(id)) placeOf(tenant, source).holes.delete(id);
        return found;
      });
    },

    async window(id) {
      await onStep?.("window", "before");
      return windows.get(id);
    },

    async openWindows() {
      return [...windows.values()]
        .filter(isOpen)
        .sort((a, b) => a.createdMs - b.createdMs || (a.id < b.id ? -1 : 1));
    },

    recordGap: (fence, { tenant, source }, { sink, pointer, known }, span, createdMs) =>
      step("recordGap", fence, tenant, () => {
        const id = `gap.${pointer}.${tenant}.${source}.${span.from}`;
        const old = [known, id].map((name) => windows.get(name ?? id)).find((each) => touches(each, span));
        if (isOpen(old)) {
          windows.set(old.id, {
            ...old,
            from: earlier(old.from, span.from),
            to: span.to > old.to ? span.to : old.to,
            cursor: earlier(old.cursor, span.from),
            grown: old.grown + 1,
          });
          return { id: old.id, isNew: false };
        }
        placeOf(tenant, source).gaps.set(pointer, id);
        const fresh = { read: 0, queued: 0, grown: 0, cursor: span.from, createdMs };
        windows.set(id, { id, kind: "gap", tenant, source, sinks: [sink], ...span, ...fresh });
        return { id, isNew: true };
      }),

    advance: (fence, { id, tenant, source, grown }, { cursor, read, queued, batches: given, nowMs }) =>
      step("advance", fence, tenant, () => {
        const window = windows.get(id);
        if (!isOpen(window)) throw new FencedOff(tenant);
        for (const batch of given) pendingOf(tenant, source, id).delete(batch.id);
        const counted = { ...window, read: window.read + read, queued: window.queued + queued };
        windows.set(id, counted);
        if (window.grown !== grown) return "grown";
        const isDone = cursor >= window.to;
        windows.set(id, { ...counted, cursor, ...(isDone ? { doneMs: nowMs } : {}) });
        return isDone ? "done" : "more";
      }),

    async backlogBytes(sink) {
      await onStep?.("backlogBytes", "before");
      return backlogs.get(sink) ?? 0;
    },
  };
  // What rounds and lanes do not use is not there, and would throw.
  return used as Store;
}

function isOpen(window: LongWindow | DoneWindow | undefined): window is LongWindow {
  return window !== undefined && !("doneMs" in window);
}

function touches(window: LongWindow | DoneWindow | undefined, { from, to }: Span): boolean {
  return isOpen(window) && from <= window.to && to >= window.from;
}

function sentName(
  tenant: string,
  source: string,
  sink: string,
  { id, version }: { readonly id: string; readonly version: string },
): string {
  return `${tenant}\n${source}\n${sink}\n${id}\n${version}`;
}

function earlier(a: Ticks, b: Ticks): Ticks {
  return a < b ? a : b;
}

function found<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
