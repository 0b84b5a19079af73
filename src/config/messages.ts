import { z } from "zod";
import { nearest } from "./suggest.ts";

/** What zod finds wrong, in words for people who write YAML. No sentence holds the value itself. */

type RawIssue = z.core.$ZodRawIssue;

/** Used by zod wherever the schema brings no sentence of its own. */
export function plainWords(issue: RawIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return wrongType(issue);
    case "invalid_value":
      return oneOf(issue.values.map(String), issue.input);
    case "invalid_union":
      return oneOf("options" in issue ? optionsOf(issue.options) : [], discriminatorIn(issue));
    case "too_small":
      return tooSmall(issue.origin, issue.minimum);
    case "too_big":
      return issue.origin === "string"
        ? `must have at most ${issue.maximum} characters`
        : `must be at most ${issue.maximum}`;
    case "invalid_key":
      return issue.issues[0]?.message ?? "is no name that can be used here";
    case "unrecognized_keys":
      return "unknown key";
    default:
      return "is not valid";
  }
}

const KINDS: Readonly<Record<string, string>> = {
  string: "must be text",
  number: "must be a number",
  int: "must be a whole number",
  boolean: "must be true or false",
  object: "must be a mapping of keys to values",
  record: "must be a mapping of names to values",
  array: "must be a list",
};

function wrongType(issue: RawIssue & { readonly code: "invalid_type" }): string {
  if (issue.input === undefined) return "is required";
  const kind = KINDS[issue.expected] ?? "is not valid";
  if (!(issue.inst instanceof z.ZodString) || typeof issue.input === "object") return kind;
  // `interval: 60` is told what a duration looks like; quotes help only where the same in quotes would pass.
  const quoted = issue.inst.safeParse(String(issue.input), { error: plainWords });
  return quoted.error?.issues[0]?.message ?? `${kind}; put the value in quotes`;
}

function oneOf(allowed: readonly string[], input: unknown): string {
  const [only] = allowed;
  if (only === undefined) return input === undefined ? "is required" : "is not valid";
  if (input === undefined) return `is required: ${allowed.join(", ")}`;
  const sentence = allowed.length === 1 ? `must be ${only}` : `must be one of ${allowed.join(", ")}`;
  const near = typeof input === "string" ? nearest(input, allowed) : undefined;
  return near === undefined ? sentence : `${sentence}; did you mean \`${near}\`?`;
}

function optionsOf(options: unknown): string[] {
  return Array.isArray(options) ? options.map(String) : [];
}

function discriminatorIn(issue: RawIssue & { readonly code: "invalid_union" }): unknown {
  const { input, discriminator } = issue;
  if (typeof input !== "object" || input === null || discriminator === undefined) return undefined;
  return Object.entries(input).find(([key]) => key === discriminator)?.[1];
}

function tooSmall(origin: string, minimum: number | bigint): string {
  if (origin === "string" || origin === "array") return "must not be empty";
  return `must be at least ${minimum}`;
}
