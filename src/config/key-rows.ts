import { z } from "zod";
import { ByteSize, Duration, Guid, HttpUrl } from "../net/options.ts";
import { code } from "./markdown.ts";
import { unwrap } from "./schema-tree.ts";

/** One key of the configuration as the reference page shows it. */
export interface KeyRow {
  /** `batch.maxBytes` */
  readonly key: string;
  readonly type: string;
  readonly default: string;
  readonly meaning: string;
}

/** The keys of an object; those of an object inside it follow with its name in front. */
export function keyRows(object: z.ZodObject, prefix = ""): KeyRow[] {
  return Object.entries(object.shape).flatMap(([name, schema]) => {
    const { leaf } = unwrap(schema);
    const key = prefix === "" ? name : `${prefix}.${name}`;
    return leaf instanceof z.ZodObject ? keyRows(leaf, key) : [keyRow(key, schema)];
  });
}

export function keyRow(key: string, schema: z.core.$ZodType): KeyRow {
  return {
    key,
    type: typeName(schema),
    default: defaultText(schema),
    meaning: unwrap(schema).meta.description ?? "",
  };
}

const NAMED: ReadonlyMap<z.core.$ZodType, string> = new Map([
  [unwrap(Duration).leaf, "duration"],
  [unwrap(ByteSize).leaf, "size"],
  [unwrap(Guid).leaf, "GUID"],
  [unwrap(HttpUrl).leaf, "URL"],
]);

function typeName(schema: z.core.$ZodType): string {
  const { leaf, meta } = unwrap(schema);
  if (meta.secret) return "secret";
  if (meta.file) return "path";
  const named = NAMED.get(leaf);
  if (named !== undefined) return named;
  if (leaf instanceof z.ZodURL) return "URL";
  if (leaf instanceof z.ZodEnum) return leaf.options.map((option) => code(String(option))).join(", ");
  if (leaf instanceof z.ZodLiteral) return [...leaf.values].map((value) => code(String(value))).join(", ");
  if (leaf instanceof z.ZodBoolean) return "`true`, `false`";
  if (leaf instanceof z.ZodNumber) return numberName(leaf);
  if (leaf instanceof z.ZodArray) return `list of ${typeName(leaf.element)}`;
  if (leaf instanceof z.ZodObject || leaf instanceof z.ZodDiscriminatedUnion || leaf instanceof z.ZodRecord)
    return "mapping";
  return "text";
}

function numberName(schema: z.ZodNumber): string {
  const { minValue: least, maxValue: most } = schema;
  const word = schema.format?.includes("int") ? "whole number" : "number";
  const isLimit = (limit: number | null): limit is number =>
    limit !== null && Math.abs(limit) < Number.MAX_SAFE_INTEGER;
  if (isLimit(least) && isLimit(most)) return `${word} ${least} to ${most}`;
  return isLimit(least) ? `${word} from ${least}` : word;
}

function defaultText(schema: z.core.$ZodType): string {
  const { fallback, optional } = unwrap(schema);
  if (fallback === undefined) return optional ? "none" : "**required**";
  if (Array.isArray(fallback) || typeof fallback === "object") return code(JSON.stringify(fallback));
  return code(String(fallback));
}
