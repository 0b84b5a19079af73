import { z } from "zod";
import { unwrap, variantsOf } from "../../src/config/schema-tree.ts";

export interface Key {
  /** `tenants[].auth(client-secret).clientId`, `sinks.*(file).path` */
  readonly path: string;
  readonly schema: z.core.$ZodType;
}

/** Every key of the schema; variants of a union and entries of a record or list are told apart in the path. */
export function keysOf(schema: z.core.$ZodType, path = ""): Key[] {
  const { leaf } = unwrap(schema);
  if (leaf instanceof z.ZodRecord) return keysOf(leaf.valueType, `${path}.*`);
  if (leaf instanceof z.ZodArray) return keysOf(leaf.element, `${path}[]`);
  if (leaf instanceof z.ZodDiscriminatedUnion) {
    return [...variantsOf(leaf)].flatMap(([name, variant]) => keysOf(variant, `${path}(${name})`));
  }
  if (!(leaf instanceof z.ZodObject)) return [];
  return Object.entries(leaf.shape).flatMap(([name, below]) => {
    const key = path === "" ? name : `${path}.${name}`;
    return [{ path: key, schema: below }, ...keysOf(below, key)];
  });
}
