/** What came of one step of verifying a tenant. */
export interface Step {
  /** `sign-in to Microsoft Graph`, `sink splunk` */
  readonly what: string;
  /** `waiting`: a consent spreads for some minutes, and this may be all that is wrong. */
  readonly verdict: "ok" | "warning" | "waiting" | "failed";
  readonly says: string;
  /** What to do about it; empty when nothing is to be done. */
  readonly next: string;
  /** Whose matter it is: the customer's page shows no more than the customer's. */
  readonly concerns: "customer" | "provider";
}

/** How a customer's consent came in, and what became of it. */
export interface Onboarding {
  /** The short name from the configuration. */
  readonly tenant: string;
  readonly name: string;
  readonly tenantId: string;
  /** Names the link it began with. */
  readonly flow: string;
  readonly state: "refused" | "verifying" | "verified" | "failed";
  /** When the answer came, ms. */
  readonly sinceMs: number;
  /** One sentence that says how it stands, and what comes next. */
  readonly says: string;
  readonly steps: readonly Step[];
  /** The file that makes the tenant one of ours once it is verified; undefined when it is one already. */
  readonly draft: string | undefined;
}
