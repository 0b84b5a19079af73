import { z } from "zod";
import { isObject, type JsonObject } from "../model/alert.ts";
import { ConfigFile } from "./schema.ts";

/** Values that may be written as a reference instead; plain text may always be. */
const REFERENCE = {
  description: "A reference: ${env:NAME}, ${env:NAME:-fallback} or ${file:/path}.",
  type: "string",
  pattern: "\\$\\{(env|file):",
};

/** JSON Schema (draft 2020-12) of the configuration file, for completion and checks in editors. */
export function jsonSchema(): JsonObject {
  const schema = z.toJSONSchema(ConfigFile, { io: "input", target: "draft-2020-12" });
  const { $schema, ...rest } = schema;
  return { $schema, title: "alertferry", ...withReferences(rest), $defs: { reference: REFERENCE } };
}

/** As it is kept in the repository and printed by `alertferry schema`. */
export function renderJsonSchema(): string {
  return `${JSON.stringify(jsonSchema(), null, 2)}\n`;
}

/** Walks the schemas inside a schema; what its other keywords hold (`default`, `enum`) is data. */
function withReferences(schema: JsonObject): JsonObject {
  const { secret: _secret, file: _file, ...known } = schema;
  const walked = Object.fromEntries(
    Object.entries(known).map(([keyword, value]) => [keyword, walk(keyword, value)]),
  );
  if (!isRestricted(walked)) return walked;
  const { description, default: fallback, ...restriction } = walked;
  return {
    ...(description === undefined ? {} : { description }),
    ...(fallback === undefined ? {} : { default: fallback }),
    anyOf: [restriction, { $ref: "#/$defs/reference" }],
  };
}

function walk(keyword: string, value: unknown): unknown {
  if (keyword === "properties" && isObject(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([key, below]) => [key, isObject(below) ? withReferences(below) : below]),
    );
  }
  if ((keyword === "items" || keyword === "additionalProperties") && isObject(value))
    return withReferences(value);
  if ((keyword === "oneOf" || keyword === "anyOf") && Array.isArray(value)) {
    return value.map((option: unknown) => (isObject(option) ? withReferences(option) : option));
  }
  return value;
}

/** Would refuse the text of a reference. The `type` that tells variants apart is written out. */
function isRestricted(schema: JsonObject): boolean {
  const type = schema["type"];
  if (type === "integer" || type === "number" || type === "boolean") return true;
  return type === "string" && ("pattern" in schema || "format" in schema || "enum" in schema);
}
