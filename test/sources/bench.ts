import { readFileSync } from "node:fs";
import type { IncomingHttpHeaders } from "node:http";
import { expect, onTestFinished } from "vitest";
import type { Alert } from "../../src/model/alert.ts";
import type { SourceError } from "../../src/model/failure.ts";
import { parseTicks, type Ticks } from "../../src/model/ticks.ts";
import type { Span } from "../../src/model/window.ts";
import { createApi } from "../../src/net/api.ts";
import { TokenCache } from "../../src/net/credentials.ts";
import { createHttpClient } from "../../src/net/http.ts";
import { Room } from "../../src/net/room.ts";
import type { ApiName, SourceName } from "../../src/simulate/collections.ts";
import { listen } from "../../src/simulate/listener.ts";
import type { WorldTenant } from "../../src/simulate/tenant.ts";
import type { ApiRequest, TenantApi } from "../../src/simulate/tenant-api.ts";
import type { Version } from "../../src/simulate/version.ts";
import { startWorld, type World, type WorldOptions } from "../../src/simulate/world.ts";
import type { ReadHow, Slice, Source, SourceDefinition, TenantAccess } from "../../src/sources/source.ts";

/** One source, and where its API keeps what the contract asks about. */
export interface SourceSubject {
  readonly definition: SourceDefinition<SourceName>;
  readonly api: ApiName;
  readonly path: string;
  /** Keys of the update time, the creation time and the tenant. */
  readonly updated: string;
  readonly created: string;
  readonly tenantId: string;
  /** The application role that opens the list. */
  readonly role: string;
  /** Where the title stands. */
  readonly title: string;
  /** The most the API gives in a page. */
  readonly maxTop: number;
}

interface BenchOptions extends Partial<WorldOptions> {
  readonly pageSize?: number;
  /** For one request; short only where a test waits for its end. */
  readonly timeoutMs?: number;
  readonly maxAnswerBytes?: number;
  readonly incidentAlerts?: boolean;
  /** Where the API is, if not in the world. */
  readonly origin?: string;
}

/** The real source over real sockets, before a simulated world with one tenant. */
export interface Bench {
  readonly world: World;
  readonly tenant: WorldTenant;
  /** Faults, limits and calls of the API that the source reads. */
  readonly api: TenantApi;
  readonly reader: Source;
  add: (count: number, options?: Parameters<WorldTenant["add"]>[2]) => readonly Version[];
  plant: (raw: string, at?: string) => Version;
  /** Every slice of a span. */
  read(span?: Span, signal?: AbortSignal, how?: ReadHow): Promise<readonly Slice[]>;
  /** What a read that fails yields before. */
  fail(
    span?: Span,
    how?: ReadHow,
  ): Promise<{ readonly slices: readonly Slice[]; readonly error: SourceError }>;
}

/** Most alerts of the contract lie in this hour. */
export const HOUR = spanOf("2026-05-04T05:00:00Z", "2026-05-04T06:00:00Z");
const LATE_IN_HOUR = "2026-05-04T05:50:00Z";
export const NOON = "2026-05-04T05:36:51.1234567Z";

export async function aBench(subject: SourceSubject, options: BenchOptions = {}): Promise<Bench> {
  const { pageSize, timeoutMs, maxAnswerBytes, origin, incidentAlerts, ...wanted } = options;
  const world = await startWorld({ tenants: ["contoso"], limits: "none", ...wanted });
  onTestFinished(() => world.close());
  const tenant = world.tenant("contoso");
  const source = subject.definition.type;
  const reader = subject.definition.create(
    accessFor(world, tenant, { pageSize, timeoutMs, maxAnswerBytes, origin, incidentAlerts }),
  );
  const collect = async (span: Span, signal: AbortSignal, how: ReadHow, slices: Slice[]) => {
    for await (const slice of reader.read(span, signal, how)) slices.push(kept(slice));
  };
  return {
    world,
    tenant,
    api: tenant[subject.api],
    reader,
    add: (count, more) => tenant.add(source, count, { at: LATE_IN_HOUR, spreadMs: 2_400_000, ...more }),
    plant: (raw, at = NOON) => tenant.plant(source, raw, at),
    read: async (span = HOUR, signal = endless(), how = {}) => {
      const slices: Slice[] = [];
      await collect(span, signal, how, slices);
      return slices;
    },
    fail: async (span = HOUR, how = {}) => {
      const slices: Slice[] = [];
      try {
        await collect(span, endless(), how, slices);
      } catch (error) {
        return { slices, error: error as SourceError };
      }
      throw new Error("The read was to fail, and did not.");
    },
  };
}

/** The way to the APIs that the daemon gives to the sources of a tenant, with limits that a test can reach. */
function accessFor(
  world: World,
  tenant: WorldTenant,
  options: { readonly [key in "pageSize" | "timeoutMs" | "maxAnswerBytes"]?: number | undefined } & {
    readonly origin?: string | undefined;
    readonly incidentAlerts?: boolean | undefined;
  } = {},
): TenantAccess {
  const ca = readFileSync(world.cloud.ca, "utf8");
  const http = createHttpClient({
    timeoutMs: options.timeoutMs ?? 20_000,
    ca,
    maxAnswerBytes: options.maxAnswerBytes ?? 64_000_000,
    connections: 64,
  });
  onTestFinished(() => http.close());
  const { tenantId, clientId, clientSecret } = tenant;
  const auth = { type: "client-secret", clientId, clientSecret } as const;
  const tokens = new TokenCache({
    tenantId,
    auth,
    authority: world.cloud.authority,
    ca,
    proxy: undefined,
  });
  const api = (name: ApiName, audience: string, linkHosts: readonly string[]) =>
    createApi({ origin: options.origin ?? world.cloud[name], audience, linkHosts }, http, tokens);
  const oldHost = "api.securitycenter.microsoft.com";
  return {
    tenantId,
    room: new Room(16_000_000),
    pageSize: options.pageSize ?? 1000,
    incidentAlerts: options.incidentAlerts ?? false,
    graph: api("graph", "https://graph.microsoft.com", []),
    defender: api("defender", `https://${oldHost}`, [oldHost]),
  };
}

/** The bytes of a slice's alerts are gone once the next one is asked for. */
function kept(slice: Slice): Slice {
  return { ...slice, alerts: slice.alerts.map((alert) => ({ ...alert, raw: Buffer.from(alert.raw) })) };
}

export function endless(): AbortSignal {
  return new AbortController().signal;
}

export function spanOf(from: string, to: string): Span {
  return { from: ticksOf(from), to: ticksOf(to) };
}

/** The span of the tick that an instant lies in, and of as many ticks more. */
export function tickOf(instant: string, ticks = 1n): Span {
  return { from: ticksOf(instant), to: ticksOf(instant) + ticks };
}

export function ticksOf(instant: string): Ticks {
  const ticks = parseTicks(instant);
  if (ticks === undefined) throw new Error(`${instant} is no instant.`);
  return ticks;
}

export function alertsOf(slices: readonly Slice[]): readonly Alert[] {
  return slices.flatMap(({ alerts }) => alerts);
}

/** Says that the slices hold these versions, each once, to the last byte. */
export function expectAll(slices: readonly Slice[], versions: readonly Pick<Version, "raw">[]): void {
  const raws = alertsOf(slices).map(({ raw }) => String(raw));
  expect(raws).toHaveLength(versions.length);
  expect(new Set(raws)).toEqual(new Set(versions.map(({ raw }) => raw)));
}

/** The bounds that a call asked for. */
export function askedSpan({ query }: ApiRequest): Span {
  const [from, to] = query["$filter"]?.match(/\d{4}-\S+/g) ?? [];
  return spanOf(from ?? "", to ?? "");
}

/** An alert with no more in it than names it. */
export function bareAlert(subject: SourceSubject, more: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    id: "da00000000-bare_1",
    [subject.created]: "2026-05-04T05:30:00Z",
    [subject.updated]: NOON,
    ...more,
  });
}

interface ScriptedAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

/** An API that says word for word what a test wants it to; `call` counts from 1. */
export async function aScriptedApi(
  answer: (url: URL, call: number, headers: IncomingHttpHeaders) => ScriptedAnswer,
) {
  let calls = 0;
  const listener = await listen((request, response) => {
    request.resume();
    const url = new URL(request.url ?? "/", listener.origin);
    const { status = 200, headers, body } = answer(url, ++calls, request.headers);
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(body);
  });
  onTestFinished(() => listener.stop());
  return { origin: listener.origin };
}

/** The text of a page of a list. */
export function page(elements: readonly string[], nextLink?: string): string {
  const link = nextLink === undefined ? "" : `,"@odata.nextLink":${JSON.stringify(nextLink)}`;
  return `{"@odata.context":"https://example.test/$metadata"${link},"value":[${elements.join()}]}`;
}
