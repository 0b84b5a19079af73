import { hash } from "node:crypto";
import type { Redis } from "ioredis";
import { msFromTicks } from "../model/ticks.ts";
import type { Keys } from "./keys.ts";

/** What names one version of one alert. */
export interface VersionName {
  readonly id: string;
  readonly version: string;
}

/** What became of a version on its way to one sink. */
export interface SentRecord {
  /** `suppressed`: an update that the tenant does not want; it has no number. */
  readonly state: "queued" | "delivered" | "dead-lettered" | "suppressed";
  readonly seq: number;
  readonly revision: number;
  readonly queuedMs: number;
  /** The beginning of the id of the batch that it was last queued in. */
  readonly batch: string;
  readonly settledMs: number | undefined;
  /** Requests that its batch took; undefined until it is settled. */
  readonly attempts: number | undefined;
  /** Whether the sink had to cut something away. */
  readonly shortened: boolean;
}

/** Where something is kept: a hash, and the field in it. */
export interface Cell {
  readonly key: string;
  readonly field: string;
}

const STATES = { q: "queued", d: "delivered", x: "dead-lettered", s: "suppressed" } as const;
const DAY_MS = 86_400_000;
/** `b-` and 32 bits: enough to find a batch among those of an alert. */
const NAMED_LENGTH = 10;

/**
 * Where it stands that a sink was given a version. Many small hashes, since Redis packs those of up to some hundred
 * fields into about a third of the memory, and since a day's hashes can expire together.
 */
export function sentCell(prefix: string, { id, version }: VersionName): Cell {
  const { bucket, field } = place(`${id}\n${version}`);
  const day = version.startsWith("~") ? "undated" : Math.floor(msFromTicks(BigInt(version)) / DAY_MS);
  return { key: `${prefix}${day}:${bucket}`, field };
}

/** Where something is kept of an alert, behind a prefix; `month` of its creation, `2026-05`, or `undated`. */
export function alertCell(month: string, id: string): { readonly suffix: string; readonly field: string } {
  const { bucket, field } = place(id);
  return { suffix: `${month}:${bucket}`, field };
}

/** Where the revision of an alert is counted. */
export function revisionCell(prefix: string, month: string, id: string): Cell {
  const { suffix, field } = alertCell(month, id);
  return { key: `${prefix}${suffix}`, field };
}

const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** 66 bits of a digest tell the alerts of one bucket apart; its last four, which the last sign holds, are the bucket. */
function place(name: string): { readonly bucket: string; readonly field: string } {
  const digest = hash("sha256", name, "base64url");
  return { bucket: (BASE64URL.indexOf(digest.at(-1) ?? "") >> 2).toString(16), field: digest.slice(0, 11) };
}

/** What is remembered of versions that were given to a sink, in the order asked for; undefined: never given. */
export async function readSent(
  redis: Redis,
  keys: Keys,
  at: { readonly tenant: string; readonly source: string; readonly sink: string },
  versions: readonly VersionName[],
): Promise<(SentRecord | undefined)[]> {
  const found = await readCells(
    redis,
    versions.map((version) => sentCell(keys.sent(at.tenant, at.source, at.sink), version)),
  );
  return found.map((text) => (text === null ? undefined : parseSent(text)));
}

/** Reads cells with one command for each hash. */
export async function readCells(redis: Redis, cells: readonly Cell[]): Promise<(string | null)[]> {
  const byKey = new Map<string, number[]>();
  for (const [index, { key }] of cells.entries()) {
    const indices = byKey.get(key);
    if (indices === undefined) byKey.set(key, [index]);
    else indices.push(index);
  }
  const results: (string | null)[] = cells.map(() => null);
  const fieldAt = (index: number) => cells[index]?.field ?? "";
  await Promise.all(
    [...byKey].map(async ([key, indices]) => {
      const values = await redis.hmget(key, ...indices.map(fieldAt));
      for (const [position, index] of indices.entries()) results[index] = values[position] ?? null;
    }),
  );
  return results;
}

/** Collects keys once each, and gives their indices as Redis scripts count them. */
export function keyList(first: readonly string[]): {
  readonly keys: string[];
  readonly indexOf: (key: string) => number;
} {
  const keys = [...first];
  const known = new Map<string, number>();
  return {
    keys,
    indexOf(key) {
      const index = known.get(key) ?? keys.push(key);
      known.set(key, index);
      return index;
    },
  };
}

/** What the cell holds of a version that is not to be sent. */
export function suppressedText(nowMs: number): string {
  return `s0 0 ${nowMs.toString(36)}`;
}

/** What the cell holds of a sealing, behind state, number and revision: `mb3k9abc b-1a2b3c4d` */
export function sealingText(nowMs: number, batchId: string): string {
  return `${nowMs.toString(36)} ${batchId.slice(0, NAMED_LENGTH)}`;
}

function parseSent(text: string): SentRecord | undefined {
  const [head = "", revision = "", queued = "", batch = "", settled, attempts] = text.split(" ");
  const state = STATES[head.charAt(0) as keyof typeof STATES];
  if (state === undefined) return undefined;
  return {
    state,
    seq: Number(head.slice(1)),
    revision: Number(revision),
    queuedMs: Number.parseInt(queued, 36),
    batch,
    settledMs: settled === undefined ? undefined : Number.parseInt(settled, 36),
    attempts: attempts === undefined ? undefined : Number.parseInt(attempts, 10),
    shortened: attempts?.endsWith("s") ?? false,
  };
}
