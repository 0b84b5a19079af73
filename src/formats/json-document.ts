import { isObject, type JsonObject } from "../model/alert.ts";
import { cutBy, type Step } from "./shrink.ts";
import { clean } from "./text.ts";

/** The members that say something; undefined when none does. */
export function group(members: JsonObject): JsonObject | undefined {
  const said: Record<string, unknown> = {};
  let some = false;
  for (const key in members) {
    const value = members[key];
    if (value === undefined || isEmptyList(value)) continue;
    said[key] = value;
    some = true;
  }
  return some ? said : undefined;
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

/** The document with more members in the object at a path. */
export function withMembers(document: JsonObject, path: readonly string[], more: JsonObject): JsonObject {
  const [key, ...deeper] = path;
  if (key === undefined) return { ...document, ...more };
  const inner = document[key];
  return { ...document, [key]: withMembers(isObject(inner) ? inner : {}, deeper, more) };
}

/** Cuts the text at a path of members in dots, but leaves `floor` bytes of it. */
export function cutAt(path: string, floor: number): Step<JsonObject> {
  return changeAt(path, (value, excess) =>
    typeof value === "string" ? cutBy(value, excess, floor) : undefined,
  );
}

/** Shortens the list at a path to its first elements. */
export function fewerAt(path: string, keep: number): Step<JsonObject> {
  return changeAt(path, (value) =>
    Array.isArray(value) && value.length > keep ? value.slice(0, keep) : undefined,
  );
}

/** Leaves out the elements of a list that take much room alone. */
export function smallerAt(path: string, maxBytes: number): Step<JsonObject> {
  return changeAt(path, (value) => {
    if (!Array.isArray(value)) return undefined;
    const small = value.filter((each) => Buffer.byteLength(JSON.stringify(each)) <= maxBytes);
    return small.length === value.length ? undefined : small;
  });
}

export function dropAt(path: string): Step<JsonObject> {
  return changeAt(path, (value) => (value === undefined ? undefined : GONE));
}

const GONE = Symbol("gone");

/** @param change gives the new value, GONE, or undefined for no change. */
export function changeAt(
  path: string,
  change: (value: unknown, excess: number) => unknown,
): Step<JsonObject> {
  const keys = path.split(".");
  return {
    name: path,
    apply: (document, excess) => withChange(document, keys, (value) => change(value, excess)),
  };
}

function withChange(
  members: JsonObject,
  [key, ...deeper]: readonly string[],
  change: (value: unknown) => unknown,
): JsonObject | undefined {
  if (key === undefined || !Object.hasOwn(members, key)) return undefined;
  const value = members[key];
  const changed =
    deeper.length === 0 ? change(value) : isObject(value) ? withChange(value, deeper, change) : undefined;
  if (changed === undefined) return undefined;
  const { [key]: _, ...others } = members;
  // What was emptied by the change is gone with it: `{}` tells nothing.
  const isGone =
    changed === GONE || isEmptyList(changed) || (isObject(changed) && Object.keys(changed).length === 0);
  return isGone ? others : { ...members, [key]: changed };
}

/** Deeper than any alert is; what a hostile one nests below is left out, so that no writer runs out of stack. */
const DEEPEST = 16;

/** A copy of foreign JSON: clean texts, no nulls, nothing empty, bounded depth. */
export function tame(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return clean(value) || undefined;
  if (typeof value !== "object") return value;
  if (value === null || depth >= DEEPEST) return undefined;
  if (Array.isArray(value)) {
    const list = value.map((each) => tame(each, depth + 1)).filter((each) => each !== undefined);
    return list.length === 0 ? undefined : list;
  }
  const members = Object.entries(value)
    .map(([key, each]) => [clean(key), tame(each, depth + 1)] as const)
    .filter(([, each]) => each !== undefined);
  return members.length === 0 ? undefined : Object.fromEntries(members);
}
