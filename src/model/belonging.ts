import { isObject } from "./alert.ts";

/** Fields that name the tenant, of all APIs. */
const TENANT_FIELDS = ["tenantId", "aadTenantId"] as const;

/**
 * Whether what an alert says of its tenant contradicts that it is this one's. A text that is no GUID (recorded alerts
 * have cut ones) names nobody else, so it does not count as a contradiction.
 */
export function namesAnother(named: string | undefined, tenantId: string): boolean {
  if (named === undefined || named.toLowerCase() === tenantId.toLowerCase()) return false;
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(named);
}

/** Likewise, by the alert's own text: whatever was mixed up between reading and sending, this is what a receiver gets. */
export function textNamesAnother(raw: Buffer, tenantId: string): boolean {
  // Nearly every alert holds its tenant's id as we write it; only the others are worth parsing.
  if (raw.includes(tenantId)) return false;
  const alert: unknown = JSON.parse(String(raw));
  if (!isObject(alert)) return false;
  return TENANT_FIELDS.some((field) => {
    const named = alert[field];
    return typeof named === "string" && namesAnother(named, tenantId);
  });
}
