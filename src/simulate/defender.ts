import type { JsonObject } from "../model/alert.ts";
import { type ApiFault, isPageFault, type PageFault, playFault, type Refuse } from "./api-faults.ts";
import { type Exchange, prefersNewerMembers, refuser, sendPage } from "./api-replies.ts";
import type { SourceName } from "./collections.ts";
import { type ApiName, COLLECTIONS, type Collection } from "./collections.ts";
import { writePage } from "./list-page.ts";
import { type ListRules, nextParameters, QueryError, readListQuery } from "./list-query.ts";
import { type Listener, listen } from "./listener.ts";
import { retryAfterHeader } from "./rate-limit.ts";
import { type Faulty, takeFault } from "./take-fault.ts";
import { type ApiRequest, keepRecord, type TenantApi } from "./tenant-api.ts";
import type { TenantStore } from "./tenant-store.ts";
import type { Claims, TokenMint } from "./tokens.ts";
import type { Version } from "./version.ts";

export interface DefenderTenant {
  readonly tenantId: string;
  readonly graph: TenantApi;
  readonly defender: TenantApi;
  readonly stores: Readonly<Record<SourceName, TenantStore>>;
}

/** The simulated Microsoft Graph and Defender for Endpoint, each on its own address. */
export interface Defender {
  readonly graph: Listener;
  readonly defender: Listener;
  /** By tenant id in lower case. */
  readonly tenants: Map<string, DefenderTenant>;
  /** Audiences that each API accepts in a token. */
  readonly audiences: Readonly<Record<ApiName, Set<string>>>;
  readonly rules: ListRules;
  /** Whether pages are compressed for clients that accept it, as the real services do. */
  compresses: boolean;
  /** Holds for all tenants, before their tokens are looked at. */
  readonly faults: Record<ApiName, Faulty<ApiFault>>;
  readonly now: () => number;
  /** Told of every call of a known tenant, in the very tick in which its answer has gone out whole. */
  onAnswer(listener: (call: AnsweredCall) => void): () => void;
}

interface AnsweredCall {
  readonly tenantId: string;
  readonly api: ApiName;
  readonly record: ApiRequest;
}

export async function startDefender(mint: TokenMint, now: () => number): Promise<Defender> {
  const listeners = new Set<(call: AnsweredCall) => void>();
  const serve = (api: ApiName) =>
    listen((request, response) =>
      answer({ world, mint, listeners, api, request, response, origin: world[api].origin }),
    );
  const [graph, defender] = await Promise.all([serve("graph"), serve("defender")]);
  const world: Defender = {
    graph,
    defender,
    tenants: new Map(),
    audiences: { graph: new Set([graph.origin]), defender: new Set([defender.origin]) },
    rules: { orderBy: "honoured", nextLink: "skip" },
    compresses: true,
    faults: { graph: { fault: undefined }, defender: { fault: undefined } },
    now,
    onAnswer: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  return world;
}

interface Call extends Exchange {
  readonly world: Defender;
  readonly mint: TokenMint;
  readonly listeners: ReadonlySet<(call: AnsweredCall) => void>;
  readonly origin: string;
}

async function answer(call: Call): Promise<void> {
  const { world, mint, listeners, api, request, response, origin } = call;
  request.resume();
  const refuse = refuser(call);
  const general = takeFault(world.faults[api]);
  if (
    general !== undefined &&
    !isPageFault(general) &&
    !(await playFault(general, request, response, refuse))
  )
    return;

  const token = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1];
  if (token === undefined) return refuse(401, "InvalidAuthenticationToken", "Access token is empty.");
  const claims = mint.read(token);
  const tenant = claims === undefined ? undefined : world.tenants.get(claims.tid.toLowerCase());
  if (claims === undefined || tenant === undefined) {
    return refuse(401, "InvalidAuthenticationToken", "Access token validation failure.");
  }

  const url = new URL(request.url ?? "/", origin);
  const record = keepRecord(tenant[api], request, url, world.now());
  response.once("finish", () => {
    for (const listener of listeners) listener({ tenantId: tenant.tenantId, api, record });
  });
  try {
    await answerTenant(call, { tenant, claims, url, refuse, record, general });
  } finally {
    // The answer is on its way but not yet read, so whoever has read it finds the record complete.
    record.status = response.headersSent ? response.statusCode : 0;
    const { statuses } = tenant[api];
    statuses.set(record.status, (statuses.get(record.status) ?? 0) + 1);
  }
}

/** A call whose tenant is known. */
interface TenantCall {
  readonly tenant: DefenderTenant;
  readonly claims: Claims;
  readonly url: URL;
  readonly refuse: Refuse;
  readonly record: ApiRequest;
  readonly general: ApiFault | undefined;
}

async function answerTenant(call: Call, asked: TenantCall): Promise<void> {
  const { world, api, request, response } = call;
  const { tenant, claims, url, refuse } = asked;
  const own = tenant[api];
  const fault = takeFault(own);
  if (fault !== undefined && !isPageFault(fault) && !(await playFault(fault, request, response, refuse)))
    return;
  const wait = own.calls.count(own.limit, world.now());
  if (wait > 0) {
    return refuse(
      429,
      "TooManyRequests",
      "Please retry again later.",
      retryAfterHeader(own.retryAfter, wait),
    );
  }
  const flaw = tokenFlaw(claims, own, world, api);
  if (flaw !== undefined) return refuse(401, "InvalidAuthenticationToken", flaw);
  const target = findTarget(api, url.pathname);
  if (target === undefined || request.method !== "GET") return refuse(404, "NotFound", "Resource not found.");
  const { collection, id } = target;
  if (!collection.roles.some((role) => claims.roles.includes(role))) {
    const roles = `API required roles: ${collection.roles.join()}, application roles: ${claims.roles.join()}.`;
    return refuse(403, "Forbidden", `Missing application roles. ${roles}`);
  }
  if (id !== undefined) return answerOne(call, asked, collection, id);
  const spoiled = [asked.general, fault].find(
    (candidate) => candidate !== undefined && isPageFault(candidate),
  );
  await answerList(call, asked, collection, spoiled as PageFault | undefined);
}

function tokenFlaw(claims: Claims, own: TenantApi, world: Defender, api: ApiName): string | undefined {
  if (!world.audiences[api].has(claims.aud.replace(/\/$/, ""))) {
    return "Access token validation failure. Invalid audience.";
  }
  if (claims.exp * 1000 <= Date.now()) return "Lifetime validation failed, the token is expired.";
  if (claims.iat * 1000 < own.tokensValidFrom) return "Continuous access evaluation resulted in challenge.";
  return undefined;
}

function findTarget(
  api: ApiName,
  path: string,
): { readonly collection: Collection; readonly id: string | undefined } | undefined {
  for (const collection of COLLECTIONS) {
    if (collection.api !== api) continue;
    for (const own of collection.paths) {
      if (path === own || path === `${own}/`) return { collection, id: undefined };
      if (path.startsWith(`${own}/`))
        return { collection, id: decodeURIComponent(path.slice(own.length + 1)) };
    }
  }
  return undefined;
}

async function answerList(
  call: Call,
  { tenant, url, refuse, record }: TenantCall,
  collection: Collection,
  fault: PageFault | undefined,
): Promise<void> {
  const { world, request, origin } = call;
  let query: ReturnType<typeof readListQuery>;
  try {
    query = readListQuery(url.searchParams, collection, world.rules);
  } catch (error) {
    if (error instanceof QueryError) return refuse(400, "BadRequest", error.message);
    throw error;
  }
  // Expanding alerts in the incident list fails for good on every tenant of some size (elastic/integrations#18144).
  if (collection.source === "graph_incidents" && query.expand !== undefined)
    return refuse(500, "UnknownError", "");
  const unfiltered = { ...query, from: undefined, to: undefined, test: undefined };
  const asked = fault?.kind === "ignored-filter" ? unfiltered : query;
  const store = tenant.stores[collection.source];
  const { versions, total } = store.query(asked, world.now());
  const whole = () => store.query({ ...asked, skip: 0, top: total }, world.now()).versions;
  if (isPoisoned(tenant[collection.api], whole)) return refuse(500, "UnknownError", "");
  const read = query.skip + versions.length;
  const goesOn = read < total && isPaged(collection, query);
  const page = `${origin}${url.pathname}`;
  const pieces = writePage(
    {
      collection,
      versions,
      count: query.count ? total : undefined,
      nextLink: goesOn ? `${page}?${nextParameters(url.searchParams, read, world.rules)}` : undefined,
      ownLink: `${page}${url.search}`,
      from: query.from,
      withEvidence: collection.api === "graph" || query.expand === "evidence",
      withNewerMembers: collection.api !== "graph" || prefersNewerMembers(request),
    },
    fault,
  );
  record.returned = versions.length;
  await sendPage(call, pieces, { compress: world.compresses, cutOff: fault?.kind === "cut-off" });
}

/** Defender takes `$top` as all that is wanted; Graph takes it as the size of a page. */
function isPaged({ api }: Collection, { askedTop }: ReturnType<typeof readListQuery>): boolean {
  return api === "graph" || askedTop === undefined;
}

function isPoisoned({ poison }: TenantApi, asked: () => readonly Version[]): boolean {
  return poison !== undefined && asked().some(poison);
}

async function answerOne(
  call: Call,
  { tenant, url, refuse }: TenantCall,
  collection: Collection,
  id: string,
): Promise<void> {
  const { now } = call.world;
  const version = tenant.stores[collection.source].current(id, now());
  if (version === undefined) {
    return refuse(404, collection.api === "graph" ? "NotFound" : "ResourceNotFound", "Resource not found.");
  }
  const isExpanded = collection.source === "graph_incidents" && url.searchParams.get("$expand") === "alerts";
  if (isExpanded && tenant.graph.unexpandable?.(version) === true) return refuse(500, "UnknownError", "");
  const alerts = isExpanded ? alertsIn(id, tenant.stores.graph_alerts.visible(now())) : [];
  const context = `"@odata.context":${JSON.stringify(`${collection.context}/$entity`)},`;
  const expanded = isExpanded ? `,"alerts":[${alerts.map(({ raw }) => raw).join()}]` : "";
  await sendPage(call, [Buffer.from(`{${context}${version.raw.slice(1, -1)}${expanded}}`)], {
    compress: call.world.compresses,
    cutOff: false,
  });
}

/** The alerts that name an incident as theirs. */
function alertsIn(incidentId: string, alerts: readonly Version[]): readonly Version[] {
  return alerts.filter(({ raw }) => (JSON.parse(raw) as JsonObject)["incidentId"] === incidentId);
}
