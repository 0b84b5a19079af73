import { z } from "zod";

/** A way to walk a zod schema as the tree of keys that a user sees. */

type Schema = z.core.$ZodType;

export interface Meta {
  readonly description: string | undefined;
  /** The value is never printed or logged. */
  readonly secret: boolean;
  /** The value is the path of a file, relative to the file it is written in. */
  readonly file: boolean;
}

interface Unwrapped {
  /** The object, list, string … without what was wrapped around it. */
  readonly leaf: Schema;
  readonly optional: boolean;
  /** What is taken when the key is absent, as a user would write it. */
  readonly fallback: unknown;
  readonly meta: Meta;
}

/** Of schemas that have been seen: a configuration of many tenants and sinks asks the same again and again. */
const unwrapped = new WeakMap<Schema, Unwrapped>();

/** Takes `.optional()`, `.default()`, `.prefault()`, `.transform()` … off; the outermost description counts. */
export function unwrap(schema: Schema): Unwrapped {
  const known = unwrapped.get(schema);
  if (known !== undefined) return known;
  const found = takeOff(schema);
  unwrapped.set(schema, found);
  return found;
}

function takeOff(schema: Schema): Unwrapped {
  const own = z.globalRegistry.get(schema);
  const inner = innerOf(schema);
  const below = inner === undefined ? undefined : unwrap(inner);
  const defaulted = schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault;
  return {
    leaf: below?.leaf ?? schema,
    optional: defaulted || schema instanceof z.ZodOptional || (below?.optional ?? false),
    fallback: defaulted ? schema.def.defaultValue : below?.fallback,
    meta: {
      description: own?.description ?? below?.meta.description,
      secret: own?.["secret"] === true || (below?.meta.secret ?? false),
      file: own?.["file"] === true || (below?.meta.file ?? false),
    },
  };
}

function innerOf(schema: Schema): Schema | undefined {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) return schema.def.innerType;
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) return schema.def.innerType;
  if (schema instanceof z.ZodReadonly) return schema.def.innerType;
  return schema instanceof z.ZodPipe ? schema.def.in : undefined;
}

/** The members of a union by the text of their discriminator: `type` → [`file`, …] */
export function variantsOf(union: z.ZodDiscriminatedUnion): ReadonlyMap<string, z.ZodObject> {
  const variants = new Map<string, z.ZodObject>();
  for (const option of union.options) {
    const { leaf } = unwrap(option);
    if (!(leaf instanceof z.ZodObject)) continue;
    const discriminator = leaf.shape[union.def.discriminator];
    if (!(discriminator instanceof z.ZodLiteral)) continue;
    for (const value of discriminator.values) variants.set(String(value), leaf);
  }
  return variants;
}
