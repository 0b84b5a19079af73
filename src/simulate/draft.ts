import type { JsonObject } from "../model/alert.ts";
import type { Ticks } from "../model/ticks.ts";
import type { Surroundings } from "./invention.ts";
import type { Random } from "./random.ts";

/** What to invent: the same draft gives the same alert, byte for byte. */
export interface Draft {
  readonly around: Surroundings;
  /** Fixed for all versions of the alert. */
  readonly alert: Random;
  /** Names the alert within its tenant and source, from 0. */
  readonly index: number;
  /** 1 for the first version; each further one differs in more than its time. */
  readonly revision: number;
  readonly created: Ticks;
  readonly updated: Ticks;
  readonly shape: AlertShapeOptions;
}

export interface AlertShapeOptions {
  /**
   * `small` has only the fields that name and filter an alert, for large numbers; `huge` has hundreds of kilobytes of
   * evidence, as one in 500 of the `real` ones has and none of the `usual` ones.
   */
  readonly size?: "real" | "usual" | "small" | "huge";
  /** Keys that take the place of the invented ones; undefined takes a key away. */
  readonly with?: JsonObject;
}

/** `new` → `New`: the words of Graph in the manner of Defender for Endpoint. */
export function pascal<Word extends string | null>(word: Word): Word | string {
  return word === null ? word : `${word.charAt(0).toUpperCase()}${word.slice(1)}`;
}

/** How people work on an alert from version to version. */
export function triage(revision: number): {
  readonly status: string;
  readonly classification: string | null;
  readonly determination: string | null;
} {
  if (revision === 1) return { status: "new", classification: null, determination: null };
  if (revision % 3 === 0)
    return { status: "resolved", classification: "truePositive", determination: "malware" };
  return { status: "inProgress", classification: "unknown", determination: "unknown" };
}
