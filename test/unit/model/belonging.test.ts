import { describe, expect, it } from "vitest";
import { queuedAlert } from "../../../src/model/batch.ts";
import { namesAnother, textNamesAnother } from "../../../src/model/belonging.ts";
import { anAlert, CONTOSO } from "../../support/alerts.ts";

const OTHER = "99999999-2222-4333-8444-555555555555";

describe("an alert belongs to another tenant", () => {
  it("when it names another directory, and not when it names none or cannot be read as one", () => {
    expect(namesAnother(OTHER, CONTOSO.tenantId)).toBe(true);
    for (const named of [undefined, "", "1111-cut", CONTOSO.tenantId.toUpperCase()])
      expect(namesAnother(named, CONTOSO.tenantId)).toBe(false);
  });

  it.each([
    [{ tenantId: OTHER }, true],
    [{ aadTenantId: OTHER.toUpperCase() }, true],
    [{ tenantId: null }, false],
    [{ tenantId: CONTOSO.tenantId.toUpperCase() }, false],
    [{ tenantId: CONTOSO.tenantId }, false],
    [{ evidence: [{ tenantId: OTHER }] }, false],
    [[OTHER], false],
  ])("by its text: %j", (alert, expected) => {
    expect(textNamesAnother(Buffer.from(JSON.stringify(alert)), CONTOSO.tenantId)).toBe(expected);
  });

  it("is never queued", () => {
    expect(() => queuedAlert(CONTOSO, anAlert({ tenantId: OTHER }))).toThrow("another tenant");
    expect(queuedAlert(CONTOSO, anAlert()).alertId).toBe("da1_1");
  });
});
