import { parseTicks, type Ticks } from "../model/ticks.ts";

/** What a filter can ask about one alert: instants as ticks, words as they stand in the alert. */
export type Facts = Readonly<Record<string, Ticks | string | number | null>>;

/** The properties a filter may name. */
export type FilterSchema = Readonly<Record<string, "instant" | "word" | "number">>;

export interface Filter {
  /** Bounds of the update time that every match lies in; both ends are open where the filter names none. */
  readonly from: Ticks | undefined;
  /** Not included. */
  readonly to: Ticks | undefined;
  /** What the bounds do not say; undefined when they say it all. */
  readonly test: ((facts: Facts) => boolean) | undefined;
}

/** The filter is not one; the message is what the service answers. */
export class FilterError extends Error {
  override readonly name = "FilterError";
}

interface Token {
  readonly kind: "word" | "text" | "instant" | "number" | "mark";
  readonly value: string;
}

const TOKENS: readonly (readonly [Token["kind"], RegExp])[] = [
  ["mark", /[(),]/y],
  ["text", /'(?:[^']|'')*'/y],
  ["instant", /\d{4}-\d{2}-\d{2}T[^\s(),]*/y],
  ["number", /-?\d+/y],
  ["word", /[A-Za-z_@][\w./@]*/y],
];
const COMPARISONS = ["eq", "ne", "gt", "ge", "lt", "le"] as const;
type Comparison = (typeof COMPARISONS)[number];

const EVERYTHING: Filter = { from: undefined, to: undefined, test: undefined };

/**
 * Reads a `$filter` of the part of OData that the alert lists support: comparisons joined by `and`, `or`, `not`,
 * `in` and parentheses.
 *
 * @param updated the property whose bounds are told apart, because alerts are kept in its order.
 * @throws FilterError
 */
export function parseFilter(text: string, schema: FilterSchema, typeName: string, updated: string): Filter {
  const tokens = tokenize(text);
  let at = 0;
  const peek = (value: string) => tokens[at]?.value.toLowerCase() === value && tokens[at]?.kind !== "text";
  const take = (value: string): boolean => {
    if (!peek(value)) return false;
    at++;
    return true;
  };
  const fail = (): never => {
    throw new FilterError(`Invalid filter clause: Syntax error at position ${text.length} in '${text}'.`);
  };

  const anyOf = (): Filter => {
    let left = allOf();
    while (take("or")) left = either(left, allOf(), updated);
    return left;
  };
  const allOf = (): Filter => {
    let left = one();
    while (take("and")) left = both(left, one());
    return left;
  };
  const one = (): Filter => {
    if (take("not")) {
      const inner = asTest(one(), updated);
      return { ...EVERYTHING, test: (facts) => !inner(facts) };
    }
    if (take("(")) {
      const inner = anyOf();
      if (!take(")")) fail();
      return inner;
    }
    return comparison();
  };
  const comparison = (): Filter => {
    const property = tokens[at++];
    if (property?.kind !== "word") return fail();
    const type = schema[property.value];
    if (type === undefined) {
      throw new FilterError(
        `Invalid filter clause: Could not find a property named '${property.value}' on type '${typeName}'.`,
      );
    }
    if (take("in")) return membership(property.value);
    const operator = COMPARISONS.find((candidate) => take(candidate));
    if (operator === undefined) return fail();
    const operand = readOperand(tokens[at++], type) ?? fail();
    return property.value === updated
      ? bounds(operator, operand.value, updated)
      : words(property.value, operator, operand.value);
  };
  const membership = (property: string): Filter => {
    const wanted: unknown[] = [];
    if (!take("(")) fail();
    do wanted.push(fold((readOperand(tokens[at++], schema[property] ?? "word") ?? fail()).value));
    while (take(","));
    if (!take(")")) fail();
    return { ...EVERYTHING, test: (facts) => wanted.includes(fold(facts[property] ?? null)) };
  };

  const filter = anyOf();
  if (at !== tokens.length) fail();
  return filter;
}

type Operand = Ticks | string | number | null;

function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  for (;;) {
    while (text[at] === " ") at++;
    if (at >= text.length) return tokens;
    const found = TOKENS.map(([kind, pattern]) => {
      pattern.lastIndex = at;
      const value = pattern.exec(text)?.[0];
      return value === undefined ? undefined : { kind, value };
    }).find((token) => token !== undefined);
    if (found === undefined)
      throw new FilterError(`Invalid filter clause: Syntax error at position ${at} in '${text}'.`);
    tokens.push(found);
    at += found.value.length;
  }
}

/** The operand in a box, because null is one. */
function readOperand(
  token: Token | undefined,
  type: FilterSchema[string],
): { readonly value: Operand } | undefined {
  if (token === undefined) return undefined;
  if (token.kind === "word" && token.value === "null") return { value: null };
  if (type === "instant") return token.kind === "instant" ? readInstant(token.value) : undefined;
  if (type === "number") return token.kind === "number" ? { value: Number(token.value) } : undefined;
  return token.kind === "text" ? { value: token.value.slice(1, -1).replaceAll("''", "'") } : undefined;
}

/** The service's instants have seven digits; it refuses a literal with more, and one without a zone. */
function readInstant(text: string): { readonly value: Ticks } | undefined {
  const ticks = /^[^.]+(\.\d{1,7})?(Z|[+-]\d{2}:\d{2})$/i.test(text) ? parseTicks(text) : undefined;
  return ticks === undefined ? undefined : { value: ticks };
}

function bounds(operator: Comparison, operand: Operand, updated: string): Filter {
  if (typeof operand !== "bigint") return words(updated, operator, operand);
  switch (operator) {
    case "ge":
      return { ...EVERYTHING, from: operand };
    case "gt":
      return { ...EVERYTHING, from: operand + 1n };
    case "lt":
      return { ...EVERYTHING, to: operand };
    case "le":
      return { ...EVERYTHING, to: operand + 1n };
    case "eq":
      return { ...EVERYTHING, from: operand, to: operand + 1n };
    case "ne":
      return words(updated, operator, operand);
  }
}

function words(property: string, operator: Comparison, operand: Operand): Filter {
  const wanted = fold(operand);
  return { ...EVERYTHING, test: (facts) => compare(fold(facts[property] ?? null), operator, wanted) };
}

function compare(value: Operand, operator: Comparison, wanted: Operand): boolean {
  if (operator === "eq") return value === wanted;
  if (operator === "ne") return value !== wanted;
  if (value === null || wanted === null) return false;
  if (operator === "gt") return value > wanted;
  if (operator === "ge") return value >= wanted;
  return operator === "lt" ? value < wanted : value <= wanted;
}

/** Words of enumerations match in any case. */
function fold(value: Operand): Operand {
  return typeof value === "string" ? value.toLowerCase() : value;
}

function both(left: Filter, right: Filter): Filter {
  const { test: leftTest } = left;
  const { test: rightTest } = right;
  return {
    from: pick(left.from, right.from, (a, b) => a > b),
    to: pick(left.to, right.to, (a, b) => a < b),
    test:
      leftTest === undefined
        ? rightTest
        : rightTest === undefined
          ? leftTest
          : (facts) => leftTest(facts) && rightTest(facts),
  };
}

function either(left: Filter, right: Filter, updated: string): Filter {
  const leftTest = asTest(left, updated);
  const rightTest = asTest(right, updated);
  return { ...EVERYTHING, test: (facts) => leftTest(facts) || rightTest(facts) };
}

function asTest({ from, to, test }: Filter, updated: string): (facts: Facts) => boolean {
  return (facts) => {
    const at = facts[updated];
    if (typeof at !== "bigint") return false;
    return (
      (from === undefined || at >= from) &&
      (to === undefined || at < to) &&
      (test === undefined || test(facts))
    );
  };
}

function pick(
  left: Ticks | undefined,
  right: Ticks | undefined,
  wins: (left: Ticks, right: Ticks) => boolean,
): Ticks | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  return wins(left, right) ? left : right;
}
