import type { Diagnosis } from "../model/diagnosis.ts";

/** Numbers of Entra's refusals. learn.microsoft.com/entra/identity-platform/reference-error-codes */
const AADSTS: Readonly<Partial<Record<Diagnosis, readonly number[]>>> = {
  "secret-wrong": [7000215],
  "secret-expired": [7000222],
  "certificate-unknown": [700027],
  "clock-wrong": [700024],
  "federation-mismatch": [70021, 700021, 700023, 700211, 700212, 700213, 700223],
  "credential-missing": [7000218],
  "registration-wrong": [50194, 650056, 650057],
  "app-not-in-tenant": [700016, 7000229, 700011, 70001],
  "app-disabled": [7000112],
  "consent-missing": [65001, 65004, 90094],
  "not-provisioned": [650052],
  "policy-blocked": [53003, 530034, 500212, 500213, 90099],
  "user-sign-in": [50034, 50076, 50078, 50079, 50132, 50133, 50173, 54005, 70043, 700082],
  "tenant-not-found": [90002, 900023],
  "wrong-cloud": [90038, 900382, 900432],
  "audience-unknown": [500011],
  "sign-in-malformed": [70011, 9002313],
  "request-loop": [50196],
  throttled: [90055],
  unavailable: [90033, 90006, 90012, 90024, 50033],
};

const BY_NUMBER: ReadonlyMap<number, Diagnosis> = new Map(
  Object.entries(AADSTS).flatMap(([name, numbers]) =>
    numbers.map((number) => [number, name as Diagnosis] as const),
  ),
);

/** @param number of `AADSTS7000222`. Microsoft adds numbers, so an unknown one is normal. */
export function diagnoseSignIn(number: number): Diagnosis {
  return BY_NUMBER.get(number) ?? "unknown";
}

/** A tenant without the product answers 401 to every token, in words only. */
const NOT_PROVISIONED = /account mode is inactive|no tvm license|account is not provisioned/i;
const PAGE_LIMIT = /\b(?:top|skip) query\b|skiptoken/i;

const BY_STATUS: Readonly<Record<number, Diagnosis>> = {
  401: "token-refused",
  403: "role-missing",
  404: "not-found",
  408: "unavailable",
  429: "throttled",
};

/** What an API's answer comes down to. @param message the API's own words. */
export function diagnoseAnswer(status: number, message: string): Diagnosis {
  if (status === 401 && NOT_PROVISIONED.test(message)) return "not-provisioned";
  if (status === 400 && PAGE_LIMIT.test(message)) return "page-limit";
  if (status >= 500) return "unavailable";
  return BY_STATUS[status] ?? "query-refused";
}
