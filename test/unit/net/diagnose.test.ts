import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { DIAGNOSES } from "../../../src/model/diagnosis.ts";
import { diagnoseAnswer, diagnoseSignIn } from "../../../src/net/diagnose.ts";

describe("a refusal of Entra", () => {
  it.each([
    [7000215, "secret-wrong", "provider"],
    [7000222, "secret-expired", "provider"],
    [700027, "certificate-unknown", "provider"],
    [700024, "clock-wrong", "provider"],
    [7000229, "app-not-in-tenant", "customer"],
    [7000112, "app-disabled", "customer"],
    [65001, "consent-missing", "customer"],
    [53003, "policy-blocked", "customer"],
    [90002, "tenant-not-found", "provider"],
    [900382, "wrong-cloud", "provider"],
    [90024, "unavailable", "microsoft"],
    [90055, "throttled", "nobody"],
    [123456, "unknown", "provider"],
  ])("AADSTS%i is %s, and %s must act", (number, diagnosis, actor) => {
    expect(diagnoseSignIn(number)).toBe(diagnosis);
    expect(DIAGNOSES[diagnoseSignIn(number)].actor).toBe(actor);
  });

  it("concerns all tenants only where the application's own credential is at fault", () => {
    const shared = Object.entries(DIAGNOSES).filter(([, { scope }]) => scope === "app");

    expect(shared.every(([, { actor }]) => actor === "provider")).toBe(true);
    expect(shared.map(([name]) => name)).not.toContain("app-not-in-tenant");
  });
});

describe("a refusal of an API", () => {
  it.each([
    [401, "Lifetime validation failed, the token is expired.", "token-refused"],
    [401, "Account mode is inactive", "not-provisioned"],
    [403, "Missing application roles.", "role-missing"],
    [400, "The limit of '500' for Skip query has been exceeded.", "page-limit"],
    [400, "Query option 'SkipToken' is not allowed.", "page-limit"],
    [400, "Invalid filter clause", "query-refused"],
    [404, "", "not-found"],
    [429, "", "throttled"],
    [503, "", "unavailable"],
  ])("%i %j is %s", (status, message, diagnosis) => {
    expect(diagnoseAnswer(status, message)).toBe(diagnosis);
  });
});

/** Recorded refusals, which lie beside the repository where there are any; nothing of them is in it. */
const RECORDED = resolve("../shared/data/defender");

interface TokenError {
  readonly aadsts: number;
  readonly whoMustAct: string;
  readonly suggestedClass: string;
}
interface ApiError {
  readonly id: string;
  readonly status: number;
  readonly suggestedClass: string;
  readonly body?: { readonly error?: { readonly message?: string } };
}

describe.runIf(existsSync(RECORDED))("recorded refusals", () => {
  const read = (name: string): unknown => JSON.parse(readFileSync(join(RECORDED, name), "utf8"));

  it("of Entra have a row of their own, with the one who must act", () => {
    const { tokenErrors } = read("token-errors.json") as { readonly tokenErrors: readonly TokenError[] };
    const rows = tokenErrors.map((error) => ({ error, row: DIAGNOSES[diagnoseSignIn(error.aadsts)] }));
    // What only a user's sign-in meets is ours to mend: the daemon makes none.
    const wrong = rows.filter(({ error: { whoMustAct }, row: { actor } }) =>
      /^customer/.test(whoMustAct)
        ? actor !== "customer"
        : /^MSSP/.test(whoMustAct)
          ? actor !== "provider" && actor !== "nobody"
          : actor !== "nobody" && actor !== "microsoft",
    );

    expect(tokenErrors.length).toBeGreaterThan(20);
    expect(rows.filter(({ row }) => row === DIAGNOSES.unknown)).toEqual([]);
    expect(wrong.map(({ error }) => error.aadsts)).toEqual([]);
    for (const { error, row } of rows) {
      if (error.suggestedClass === "throttled") expect(row.kind).toBe("throttled");
      if (error.suggestedClass === "transient") expect(row.kind).toBe("transient");
    }
  });

  it("of the APIs are told apart", () => {
    const errors = read("error-bodies.json") as readonly ApiError[];
    const kinds: Readonly<Record<string, readonly string[]>> = {
      throttled: ["throttled"],
      forbidden: ["role-missing"],
      transient: ["unavailable"],
      "page-window-too-deep": ["page-limit"],
      "nextlink-rejected": ["page-limit"],
      "auth-refresh": ["token-refused"],
      "tenant-not-provisioned": ["not-provisioned"],
      "bad-request": ["query-refused", "page-limit"],
      "not-found": ["not-found"],
    };
    const judged = errors
      .filter(({ status }) => status >= 400)
      .map(({ id, status, suggestedClass, body }) => ({
        id,
        got: diagnoseAnswer(status, body?.error?.message ?? ""),
        wanted: kinds[suggestedClass] ?? [],
      }));

    expect(judged.length).toBeGreaterThan(25);
    expect(judged.filter(({ got, wanted }) => !wanted.includes(got))).toEqual([]);
  });
});
