/** The addresses of one cloud. Tokens do not cross clouds: all of them belong together. */
export interface CloudAddresses {
  /** Where tokens come from: `https://login.microsoftonline.com` */
  readonly authority: string;
  readonly graph: string;
  /** Microsoft Defender for Endpoint. */
  readonly defender: string;
  /** Azure Monitor, and what a token for its Logs Ingestion API is asked for. */
  readonly monitor?: string | undefined;
  readonly portal: string;
  /** What a token for Graph is asked for; `/.default` is added to it. */
  readonly graphAudience: string;
  readonly defenderAudience: string;
  /** File with the PEM certificates to trust, instead of the system's. */
  readonly ca?: string | undefined;
  /** Whether Microsoft's limits on calls hold there; they do where nothing is said. */
  readonly callLimits?: boolean | undefined;
}

export interface Cloud extends CloudAddresses {
  readonly name: string;
}

/** The cloud of a tenant that names none. */
export const DEFAULT_CLOUD = "global";

/** Regional hosts of Defender for Endpoint, `<region>.api.security.microsoft.com` (…/api/exposed-apis-list). */
export const DEFENDER_REGIONS = ["us", "eu", "uk", "au", "swa", "ina"] as const;

export function regionalDefender(region: (typeof DEFENDER_REGIONS)[number]): string {
  return `https://${region}.api.security.microsoft.com`;
}

/** The built-in ones, in the order of CLOUDS. */
export const CLOUD_NAMES = ["global", "gcc", "gcc-high", "dod"] as const;

/**
 * Microsoft's clouds that have alerts at all (Graph of 21Vianet, Bleu, Delos and GovSG has none).
 *
 * Hosts: learn.microsoft.com/graph/deployments, /defender-endpoint/gov, /defender-xdr/usgov.
 * Audiences: a token for the Defender API is asked for under its old name even where the call goes to the new host
 * (learn.microsoft.com/defender-endpoint/api/exposed-apis-create-app-webapp), or under the still older
 * `…onmicrosoft.com/windowsatpservice` (…/exposed-apis-create-app-partners). Microsoft writes down none for the
 * government hosts. GCC signs in at the commercial Entra and takes its older name, the others its twin under `.us`.
 */
export const CLOUDS = {
  global: {
    authority: "https://login.microsoftonline.com",
    graph: "https://graph.microsoft.com",
    defender: "https://api.security.microsoft.com",
    monitor: "https://monitor.azure.com",
    portal: "https://security.microsoft.com",
    graphAudience: "https://graph.microsoft.com",
    defenderAudience: "https://api.securitycenter.microsoft.com",
  },
  gcc: {
    authority: "https://login.microsoftonline.com",
    graph: "https://graph.microsoft.com",
    defender: "https://api-gcc.securitycenter.microsoft.us",
    monitor: "https://monitor.azure.com",
    portal: "https://security.microsoft.com",
    graphAudience: "https://graph.microsoft.com",
    defenderAudience: "https://securitycenter.onmicrosoft.com/windowsatpservice",
  },
  "gcc-high": {
    authority: "https://login.microsoftonline.us",
    graph: "https://graph.microsoft.us",
    defender: "https://api-gov.securitycenter.microsoft.us",
    monitor: "https://monitor.azure.us",
    portal: "https://security.microsoft.us",
    graphAudience: "https://graph.microsoft.us",
    defenderAudience: "https://securitycenter.onmicrosoft.us/windowsatpservice",
  },
  dod: {
    authority: "https://login.microsoftonline.us",
    graph: "https://dod-graph.microsoft.us",
    defender: "https://api-gov.securitycenter.microsoft.us",
    monitor: "https://monitor.azure.us",
    portal: "https://security.apps.mil",
    graphAudience: "https://dod-graph.microsoft.us",
    defenderAudience: "https://securitycenter.onmicrosoft.us/windowsatpservice",
  },
} as const satisfies Readonly<Record<(typeof CLOUD_NAMES)[number], CloudAddresses>>;
