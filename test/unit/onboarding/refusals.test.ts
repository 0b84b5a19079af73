import { describe, expect, it } from "vitest";
import { flawOf } from "../../../src/onboarding/refusals.ts";

const TENANT_ID = "7d1b8c2e-55f3-4a86-9c0d-2f6e1a9b3d01";
const flaw = (query: string) => flawOf(new URLSearchParams(query), TENANT_ID);

describe("an answer of the consent page", () => {
  it("is a consent when it says so, of that directory, in whatever case", () => {
    expect(flaw(`admin_consent=True&tenant=${TENANT_ID.toUpperCase()}&scope=s`)).toBeUndefined();
    expect(flaw(`tenant=${TENANT_ID}&admin_consent=true`)).toBeUndefined();
  });

  it.each([
    ["admin_consent=True&error=consent_required&error_description=AADSTS65004%3A+declined", "declined"],
    ["error=permission_denied&error_description=The+admin+canceled+the+request", "declined"],
    ["error=access_denied&error_subcode=cancel", "declined"],
    [`admin_consent=True&tenant=${TENANT_ID}&error=server_error`, "refused"],
    ["admin_consent=True&error=", "refused"],
    ["admin_consent=True&tenant=0", "other-tenant"],
    ["admin_consent=True", "other-tenant"],
    [`admin_consent=False&tenant=${TENANT_ID}`, "incomplete"],
    ["", "incomplete"],
  ])("%s is none", (query, why) => {
    expect(flaw(query)?.why).toBe(why);
  });

  it("is told with Microsoft's number, and none of its other words", () => {
    const refused = flaw("error=consent_required&error_description=AADSTS90094%3A+%3Cscript%3E");
    expect(refused?.says).toBe("Microsoft did not accept the consent, and nothing was set up. (AADSTS90094)");
  });
});
