import type { Collection } from "./collections.ts";
import { FilterError, parseFilter } from "./odata.ts";
import type { StoreQuery } from "./tenant-store.ts";

/** How the simulated services treat what no document settles. */
export interface ListRules {
  /** `$orderby` is not documented for alerts: some clients use it, some services ignore or refuse it. */
  orderBy: "honoured" | "ignored" | "refused";
  /** How next links continue: by `$skip`, which ends at the cap of the API, or by an opaque token without end. */
  nextLink: "skip" | "skiptoken";
}

export interface ListQuery extends StoreQuery {
  readonly count: boolean;
  /** `$top` as it was asked for. */
  readonly askedTop: number | undefined;
  /** The value of `$expand`. */
  readonly expand: string | undefined;
}

/** The query is refused with this message. */
export class QueryError extends Error {
  override readonly name = "QueryError";
}

const SKIP_TOKEN = "$skiptoken";

/**
 * Reads the query of a list call by the rules of its API.
 *
 * @throws QueryError
 */
export function readListQuery(
  parameters: URLSearchParams,
  collection: Collection,
  rules: ListRules,
): ListQuery {
  checkOptions(parameters, collection, rules);
  const askedTop = wholeNumber(parameters, "$top");
  const skip = wholeNumber(parameters, "$skip") ?? skipFromToken(parameters.get(SKIP_TOKEN));
  limit("Top", askedTop, collection.refusedTop);
  if (!parameters.has(SKIP_TOKEN)) limit("Skip", skip, collection.maxSkip);
  return {
    ...readFilter(parameters.get("$filter"), collection),
    ...readOrder(parameters.get("$orderby"), collection, rules),
    skip,
    top: Math.min(askedTop ?? collection.defaultTop, collection.maxTop),
    count: parameters.get("$count") === "true",
    askedTop,
    expand: parameters.get("$expand") ?? undefined,
  };
}

/** Query options that the list does not know are refused; parameters without `$` are nobody's business. */
function checkOptions(
  parameters: URLSearchParams,
  { options, api, typeName }: Collection,
  rules: ListRules,
): void {
  for (const name of parameters.keys()) {
    const isKnown = options.includes(name) || (name === SKIP_TOKEN && rules.nextLink === "skiptoken");
    if (name.startsWith("$") && !isKnown) throw invalid(`Query option '${name.slice(1)}' is not allowed.`);
  }
  const expand = parameters.get("$expand");
  if (api === "defender" && expand !== null && expand !== "evidence") {
    throw invalid(`Could not find a property named '${expand}' on type '${typeName}'.`);
  }
}

/** The query of the next page. */
export function nextParameters(parameters: URLSearchParams, skip: number, rules: ListRules): string {
  const next = new Map(parameters);
  next.delete("$skip");
  next.delete(SKIP_TOKEN);
  if (rules.nextLink === "skip") next.set("$skip", String(skip));
  else next.set(SKIP_TOKEN, Buffer.from(`skip:${skip}`).toString("base64url"));
  return [...next].map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
}

function readFilter(
  text: string | null,
  { schema, typeName, updated }: Collection,
): Pick<StoreQuery, "from" | "to" | "test"> {
  if (text === null) return { from: undefined, to: undefined, test: undefined };
  try {
    return parseFilter(text, schema, typeName, updated);
  } catch (error) {
    if (error instanceof FilterError) throw new QueryError(error.message);
    throw error;
  }
}

/** Lists come newest first unless asked otherwise. */
function readOrder(
  text: string | null,
  collection: Collection,
  rules: ListRules,
): Pick<StoreQuery, "by" | "descending"> {
  const standard = { by: "updated", descending: true } as const;
  if (text === null || rules.orderBy === "ignored") return standard;
  if (rules.orderBy === "refused") throw invalid("Query option 'OrderBy' is not allowed.");
  const [property, direction = "asc"] = text.trim().split(/\s+/);
  const by =
    property === collection.updated ? "updated" : property === collection.created ? "created" : undefined;
  if (by === undefined || !/^(asc|desc)$/.test(direction)) {
    throw invalid(`Could not find a property named '${property}' on type '${collection.typeName}'.`);
  }
  return { by, descending: direction === "desc" };
}

function wholeNumber(parameters: URLSearchParams, name: string): number | undefined {
  const text = parameters.get(name);
  if (text === null) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw invalid(`Invalid value '${text}' for ${name} query option found.`);
  return Number(text);
}

function skipFromToken(token: string | null): number {
  if (token === null) return 0;
  const match = /^skip:(\d+)$/.exec(Buffer.from(token, "base64url").toString());
  if (match === null) throw invalid("The skip token is not valid.");
  return Number(match[1]);
}

function limit(option: string, value: number | undefined, most: number | undefined): void {
  if (value === undefined || most === undefined || value <= most) return;
  throw invalid(
    `The limit of '${most}' for ${option} query has been exceeded. The value from the incoming request is '${value}'.`,
  );
}

function invalid(reason: string): QueryError {
  return new QueryError(`The query specified in the URI is not valid. ${reason}`);
}
