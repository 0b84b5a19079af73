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
  const now = Date.now;
  const random = randomFrom(seed, "world");
  const mint = createTokenMint();
  const directory = await mkdtemp(join(tmpdir(), "alertferry-world-"));
  const authority = await createAuthority();
  const ca = await writeAuthority(authority, join(directory, "ca.pem"));
  const certificate = await authority.issue({ name: "alertferry simulated cloud", usage: "server" });
  const entra = await startEntra({ mint, certificate, tokenLifetimeSeconds: options.tokenLifetimeSeconds });
  const defender = await startDefender(mint, now);
  const startReceiver = ({ secure = false, ...more }: WorldHecOptions = {}) =>
    startHec({ tokens: [{ value: HEC_TOKEN }], ...(secure ? { tls: certificate } : {}), ...more });
  const hec = await startReceiver(options.hec);
  const receivers = [hec];
  const traffics: Traffic[] = [];
  registerAudiences(entra, defender);

  const versions: Version[] = [];
  const byAlert = new Map<string, Version[]>();
  const index = { versions, byAlert: (alertId: string) => byAlert.get(alertId) ?? [] };
  const isOwed = (version: Version, graceMs: number): boolean => {
    const { visibleAt, supersededAt, genuine } = version;
    if (!genuine || visibleAt > now() - graceMs) return false;
    return supersededAt === undefined || supersededAt - visibleAt >= quietBeforeUpdateMs;
  };
  const tally = createTally(hec, index, isOwed);

  const tenants: WorldTenant[] = [];
  const sharedClientId = random.guid();
  const addTenant = (request: TenantRequest): WorldTenant => {
    const wanted = typeof request === "string" ? { id: request } : request;
    const own = randomFrom(seed, "tenant", wanted.id);
    const tenantId = wanted.tenantId ?? own.guid();
    const clientId = wanted.clientId ?? (options.apps === "per-tenant" ? own.guid() : sharedClientId);
    const app = appOf(entra, clientId, seed);
    const limit = <T>(real: T) => (options.limits === "none" ? undefined : real);
    const tenant = createTenant({
      id: wanted.id,
      name: wanted.name ?? `${wanted.id.charAt(0).toUpperCase()}${wanted.id.slice(1)} Ltd`,
      tenantId,
      clientId,
      clientSecret: app.secrets[0]?.value ?? "",
      app,
      seed,
      entra: createDirectory(tenantId, [clientId]),
      graph: createTenantApi(limit(GRAPH_LIMIT)),
      defender: createTenantApi(limit(DEFENDER_LIMIT)),
      now,
      onVersion: (version) => {
        versions.push(version);
        const known = byAlert.get(version.alertId);
        if (known === undefined) byAlert.set(version.alertId, [version]);
        else known.push(version);
      },
    });
    entra.directories.set(tenantId.toLowerCase(), tenant.entra);
    defender.tenants.set(tenantId.toLowerCase(), tenant);
    tenants.push(tenant);
    return tenant;
  };
  for (const request of options.tenants) addTenant(request);

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
      ca,
    },
    authority,
    tenants,
    tenant: (id) => {
      const tenant = tenants.find((candidate) => candidate.id === id);
      if (tenant === undefined) throw new Error(`The simulated world has no tenant ${id}.`);
      return tenant;
    },
    addTenant,
    addHec: async (wanted) => {
      const further = await startReceiver(wanted);
      receivers.push(further);
      return { hec: further, tally: createTally(further, index, isOwed) };
    },
    clientCertificate: async () => {
      const client = await authority.issue({ name: "alertferry client", usage: "client", keyType: "rsa" });
      for (const app of entra.apps.values()) app.certificates.push(client.x509);
      return client;
    },
    traffic: (wanted) => {
      const traffic = startTraffic(() => tenants, wanted, { random, now, quietBeforeUpdateMs });
      traffics.push(traffic);
      return traffic;
    },
    expected: ({ of = () => true, graceMs = 0 } = {}) =>
      versions.filter((version) => of(version) && isOwed(version, graceMs)),
    balance: (wanted) => tally.balance(wanted),
    tally,
    close: async () => {
      for (const traffic of traffics) traffic.stop();
      const listeners = [
        entra.listener,
        defender.graph,
        defender.defender,
        ...receivers.map(({ listener }) => listener),
      ];
      await Promise.all(listeners.map((listener) => listener.stop()));
      await rm(directory, { recursive: true, force: true });
    },
  };
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
