import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Balance, type BalanceOptions, createTally, type Tally } from "./balance.ts";
import { type Authority, type Certificate, createAuthority, writeAuthority } from "./certificates.ts";
import { type Defender, startDefender } from "./defender.ts";
import { startEntra } from "./entra.ts";
import { type AppRegistration, createDirectory, type Entra, type Resource } from "./entra-directory.ts";
import { startHec } from "./hec.ts";
import type { HecOptions, HecReceiver } from "./hec-receiver.ts";
import { createLedger, type Ledger } from "./ledger.ts";
import { randomFrom } from "./random.ts";
import { createTenant, type WorldTenant } from "./tenant.ts";
import { createTenantApi } from "./tenant-api.ts";
import { createTokenMint } from "./tokens.ts";
import { startTraffic, type Traffic, type TrafficOptions } from "./traffic.ts";
import type { Version } from "./version.ts";

/**
 * A whole simulated world on loopback ports: sign-in host, Graph, Defender for Endpoint and a Splunk receiver, which
 * speak the real protocols, refusals included, and a ledger of what the sources held and what arrived.
 */
export interface World {
  readonly entra: Entra;
  readonly defender: Defender;
  /** The first receiver. */
  readonly hec: HecReceiver;
  readonly hecToken: string;
  /** What `clouds.<name>` of a configuration takes. */
  readonly cloud: {
    readonly authority: string;
    readonly graph: string;
    readonly defender: string;
    readonly monitor: string;
    /** File with the certificate to trust. */
    readonly ca: string;
    readonly callLimits: boolean;
  };
  readonly authority: Authority;
  readonly tenants: readonly WorldTenant[];
  /** @throws when there is no tenant of that name. */
  tenant(id: string): WorldTenant;
  addTenant(tenant: TenantRequest): WorldTenant;
  /** A further receiver with a ledger of its own. */
  addHec(options?: WorldHecOptions): Promise<{ readonly hec: HecReceiver; readonly tally: Tally }>;
  /** A certificate with an RSA key that every application of the world may sign in with. */
  clientCertificate(): Promise<Certificate>;
  traffic(options: TrafficOptions): Traffic;
  /** Versions that every poller must have delivered by now. */
  expected(options?: BalanceOptions): readonly Version[];
  /** The first receiver's balance. */
  balance(options?: BalanceOptions): Balance;
  readonly tally: Tally;
  /** Stops everything; leaves no socket, timer or file. */
  close(): Promise<void>;
}

type TenantRequest =
  | string
  | { readonly id: string; readonly name?: string; readonly tenantId?: string; readonly clientId?: string };

/** `secure` has the receiver speak HTTPS with a certificate of the world's authority. */
type WorldHecOptions = Partial<HecOptions> & { readonly secure?: boolean };

export interface WorldOptions {
  readonly tenants: readonly TenantRequest[];
  /** The same seed invents the same alerts. */
  readonly seed?: string;
  /** One application for all tenants, as an MSSP has it, or one each. Default `shared`. */
  readonly apps?: "shared" | "per-tenant";
  /** The services' own limits on calls, or none. Default `real`. */
  readonly limits?: "real" | "none";
  readonly tokenLifetimeSeconds?: number;
  readonly hec?: WorldHecOptions;
  /**
   * How long a version has to be visible before traffic may supersede it, and before it is owed if something else
   * supersedes it. Default 3,000.
   */
  readonly quietBeforeUpdateMs?: number;
}

const GRAPH_LIMIT = { perMinute: 150 };
const DEFENDER_LIMIT = { perMinute: 100, perHour: 1500 };
const HEC_TOKEN = "5f3c1de8-0a53-4c0e-9d0a-3f2a7c1b9e55";
const AUDIENCES: Readonly<Record<Resource, readonly string[]>> = {
  graph: ["https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000"],
  defender: [
    "https://api.securitycenter.microsoft.com",
    "https://securitycenter.onmicrosoft.com/windowsatpservice",
  ],
  monitor: ["https://monitor.azure.com"],
};

export async function startWorld(options: WorldOptions): Promise<World> {
  const { seed = "alertferry", quietBeforeUpdateMs = 3000 } = options;
  const ground = await layGround(options, seed, createLedger(Date.now, quietBeforeUpdateMs));
  const { authority, entra, defender, ledger, directory, certificate } = ground;
  const startReceiver = async ({ secure = false, ...more }: WorldHecOptions = {}) => {
    const tls = secure ? { tls: certificate } : {};
    const hec = await startHec({ tokens: [{ value: HEC_TOKEN }], ...tls, ...more });
    return { hec, tally: createTally(hec, ledger) };
  };
  const { hec, tally } = await startReceiver(options.hec);
  const receivers = [hec];
  const traffics: Traffic[] = [];
  const random = randomFrom(seed, "traffic");
  const tenants = options.tenants.map((request) => settle(request, ground));

  return {
    entra,
    defender,
    hec,
    hecToken: [...hec.tokens.keys()][0] ?? HEC_TOKEN,
    cloud: {
      authority: entra.origin,
      graph: defender.graph.origin,
      defender: defender.defender.origin,
      monitor: "https://monitor.azure.com",
      ca: ground.ca,
      callLimits: options.limits !== "none",
    },
    authority,
    tenants,
    tenant: (id) => {
      const tenant = tenants.find((candidate) => candidate.id === id);
      if (tenant === undefined) throw new Error(`The simulated world has no tenant ${id}.`);
      return tenant;
    },
    addTenant: (request) => {
      const tenant = settle(request, ground);
      tenants.push(tenant);
      return tenant;
    },
    addHec: async (wanted) => {
      const further = await startReceiver(wanted);
      receivers.push(further.hec);
      return further;
    },
    clientCertificate: async () => {
      const client = await authority.issue({ name: "alertferry client", usage: "client", keyType: "rsa" });
      for (const app of entra.apps.values()) app.certificates.push(client.x509);
      return client;
    },
    traffic: (wanted) => {
      const traffic = startTraffic(() => tenants, wanted, { random, now: Date.now, quietBeforeUpdateMs });
      traffics.push(traffic);
      return traffic;
    },
    expected: ({ of = () => true, graceMs = 0 } = {}) =>
      ledger.versions.filter((version) => of(version) && ledger.isOwed(version, graceMs)),
    balance: (wanted) => tally.balance(wanted),
    tally,
    close: async () => {
      for (const traffic of traffics) traffic.stop();
      const listeners = [entra, ...receivers].map(({ listener }) => listener);
      await Promise.all([...listeners, defender.graph, defender.defender].map((listener) => listener.stop()));
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** What tenants stand on. */
interface Ground {
  readonly options: WorldOptions;
  readonly seed: string;
  readonly ledger: Ledger;
  readonly authority: Authority;
  readonly directory: string;
  readonly ca: string;
  readonly certificate: Certificate;
  readonly entra: Entra;
  readonly defender: Defender;
}

async function layGround(options: WorldOptions, seed: string, ledger: Ledger): Promise<Ground> {
  const mint = createTokenMint();
  const directory = await mkdtemp(join(tmpdir(), "alertferry-world-"));
  const authority = await createAuthority();
  const ca = await writeAuthority(authority, join(directory, "ca.pem"));
  const certificate = await authority.issue({ name: "alertferry simulated cloud", usage: "server" });
  const entra = await startEntra({ mint, certificate, tokenLifetimeSeconds: options.tokenLifetimeSeconds });
  const defender = await startDefender(mint, Date.now);
  registerAudiences(entra, defender);
  return { options, seed, ledger, authority, directory, ca, certificate, entra, defender };
}

/** Makes a tenant known to the sign-in host and to the services. */
function settle(request: TenantRequest, { options, seed, ledger, entra, defender }: Ground): WorldTenant {
  const wanted = typeof request === "string" ? { id: request } : request;
  const own = randomFrom(seed, "tenant", wanted.id);
  const tenantId = wanted.tenantId ?? own.guid();
  const ownApp = options.apps === "per-tenant" ? own.guid() : randomFrom(seed, "application").guid();
  const app = appOf(entra, wanted.clientId ?? ownApp, seed);
  const isLimited = options.limits !== "none";
  const tenant = createTenant({
    id: wanted.id,
    name: wanted.name ?? `${wanted.id.charAt(0).toUpperCase()}${wanted.id.slice(1)} Ltd`,
    tenantId,
    clientId: app.clientId,
    clientSecret: app.secrets[0]?.value ?? "",
    app,
    seed,
    entra: createDirectory(tenantId, [app.clientId]),
    graph: createTenantApi(isLimited ? GRAPH_LIMIT : undefined),
    defender: createTenantApi(isLimited ? DEFENDER_LIMIT : undefined),
    now: Date.now,
    onVersion: ledger.enter,
  });
  entra.directories.set(tenantId.toLowerCase(), tenant.entra);
  defender.tenants.set(tenantId.toLowerCase(), tenant);
  return tenant;
}

/** Both the public names of the services and the simulated addresses name a service in a scope. */
function registerAudiences(entra: Entra, defender: Defender): void {
  for (const resource of ["graph", "defender", "monitor"] as const) {
    for (const audience of AUDIENCES[resource]) entra.audiences.set(audience, resource);
  }
  for (const api of ["graph", "defender"] as const) {
    entra.audiences.set(defender[api].origin, api);
    for (const audience of AUDIENCES[api]) defender.audiences[api].add(audience);
  }
}

/** The registration of an application, made when it is met first. */
function appOf(entra: Entra, clientId: string, seed: string): AppRegistration {
  const known = entra.apps.get(clientId);
  if (known !== undefined) return known;
  // Real secrets hold characters that a form must encode.
  const value = `${randomFrom(seed, "secret", clientId).hex(8)}~/+&=%_secret`;
  const app = { clientId, secrets: [{ value }], certificates: [], federated: [] };
  entra.apps.set(clientId, app);
  return app;
}
