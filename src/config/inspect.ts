import { dirname, resolve } from "node:path";
import { z } from "zod";
import type { ConfigProblem } from "../model/failure.ts";
import { childOf, type MappingNode, type Node, placeOf, type ScalarNode } from "./document.ts";
import { plainWords } from "./messages.ts";
import { type Meta, unwrap, variantsOf } from "./schema-tree.ts";
import { shown } from "./shown.ts";
import { suggestion } from "./suggest.ts";

/** What is learnt about the files on the way to a configuration. */
export interface Findings {
  readonly problems: ConfigProblem[];
  readonly warnings: ConfigProblem[];
  /** Values that stand where the schema says secret. */
  readonly secrets: Set<string>;
}

/** Checks the node against the schema; undefined when there is a problem, which is then among the findings. */
export function check<Schema extends z.ZodType>(
  schema: Schema,
  node: Node,
  findings: Findings,
): z.output<Schema> | undefined {
  const parsed = schema.safeParse(evaluate(schema, node, findings), { error: plainWords });
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues) {
    // Unknown keys have been found by evaluate(), which knows those that are allowed; what it said first counts.
    const unknown = issue.code === "unrecognized_keys" ? issue.keys : [];
    for (const key of unknown) {
      findings.problems.push({
        ...placeOf(node, [...issue.path, key]),
        message: `unknown key \`${shown(key)}\``,
      });
    }
    if (unknown.length === 0)
      findings.problems.push({ ...placeOf(node, issue.path), message: issue.message });
  }
  return undefined;
}

/**
 * The node as a plain value, read with the schema at hand: finds unknown keys and secrets, turns what a reference
 * brought into the number or boolean that is wanted, and makes file paths absolute.
 */
function evaluate(schema: z.core.$ZodType | undefined, node: Node, findings: Findings): unknown {
  const { leaf, meta } = schema === undefined ? { leaf: undefined, meta: undefined } : unwrap(schema);
  if (node.kind === "scalar") return scalarValue(leaf, meta, node, findings);
  if (node.kind === "sequence") {
    const element = listIn(leaf)?.element;
    return node.items.map((item) => evaluate(element, item, findings));
  }
  const keys = keysFor(leaf, node);
  const plain: [string, unknown][] = [];
  for (const [key, value] of node.entries) {
    const below = keys?.(key);
    if (keys !== undefined && below === undefined) reportUnknown(leaf, node, key, findings);
    plain.push([key, evaluate(below, value, findings)]);
  }
  return Object.fromEntries(plain);
}

/** The list, also where one value may stand instead of it. */
function listIn(leaf: z.core.$ZodType | undefined): z.ZodArray | undefined {
  const options: readonly z.core.$ZodType[] = leaf instanceof z.ZodUnion ? leaf.options : [];
  return [leaf, ...options].find((option) => option instanceof z.ZodArray);
}

/** Which schema each key of the mapping has; undefined where the schema does not say. */
function keysFor(leaf: z.core.$ZodType | undefined, node: MappingNode) {
  if (leaf instanceof z.ZodRecord) return () => leaf.valueType;
  const object = objectFor(leaf, node);
  return object === undefined
    ? undefined
    : (key: string) => (Object.hasOwn(object.shape, key) ? object.shape[key] : undefined);
}

function objectFor(leaf: z.core.$ZodType | undefined, node: MappingNode): z.ZodObject | undefined {
  if (leaf instanceof z.ZodObject) return leaf;
  if (!(leaf instanceof z.ZodDiscriminatedUnion)) return undefined;
  const discriminator = childOf(node, leaf.def.discriminator);
  return discriminator?.kind === "scalar" ? variantsOf(leaf).get(String(discriminator.value)) : undefined;
}

function reportUnknown(
  leaf: z.core.$ZodType | undefined,
  node: MappingNode,
  key: string,
  findings: Findings,
): void {
  const allowed = Object.keys(objectFor(leaf, node)?.shape ?? {});
  // Of two keys that are equally near, the one that does not stand here yet was meant.
  const freeFirst = [...allowed].sort((a, b) => Number(node.entries.has(a)) - Number(node.entries.has(b)));
  const message = `unknown key \`${shown(key)}\`${suggestion(key, freeFirst)}`;
  findings.problems.push({ ...placeOf(node, [key]), message });
}

function scalarValue(
  leaf: z.core.$ZodType | undefined,
  meta: Meta | undefined,
  node: ScalarNode,
  findings: Findings,
): unknown {
  const { value, place } = node;
  if (typeof value !== "string") return value;
  noteSecrets(value, meta?.secret ?? false, node, findings);
  if (meta?.file && value !== "") return resolve(dirname(place.file), value);
  if (node.reference !== "whole") return value;
  if (leaf instanceof z.ZodBoolean && /^(true|false)$/.test(value)) return value === "true";
  if (leaf instanceof z.ZodNumber && /^-?\d+(\.\d+)?$/.test(value)) return Number(value);
  return value;
}

/** The password of a URL is a secret wherever the URL stands. */
function noteSecrets(value: string, isSecret: boolean, node: ScalarNode, findings: Findings): void {
  const password = value.includes("://") && URL.canParse(value) ? new URL(value).password : "";
  const found = [isSecret ? value : "", password, decode(password)].filter((secret) => secret !== "");
  for (const secret of found) findings.secrets.add(secret);
  if (node.reference !== "none" || found.length === 0) return;
  const message = "a secret stands in the file itself; refer to it with ${env:NAME} or ${file:/path}";
  findings.warnings.push({ ...node.place, message });
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
