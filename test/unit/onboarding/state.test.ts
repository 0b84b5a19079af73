import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readState, signState } from "../../../src/onboarding/state.ts";

const KEY = randomBytes(32);
const CLAIMS = { purpose: "consent", tenant: "contoso", nonce: "n", expiresMs: 1000 } as const;

describe("the state of a consent link", () => {
  it("comes back as it was signed, until it expires", () => {
    const state = signState(CLAIMS, KEY);
    expect(readState(state, "consent", KEY, 999)).toEqual(CLAIMS);
    expect(readState(state, "consent", KEY, 1000)).toBe("expired");
    expect(state).toMatch(/^[\w-]+\.[\w-]{43}$/);
  });

  it("is forged as soon as one character of it is another, one is missing or one more is there", () => {
    const state = signState(CLAIMS, KEY);
    const characters = fc.constantFrom(..."ABCabc019-_.=+/ ");
    fc.assert(
      fc.property(
        fc.nat(state.length),
        fc.nat(1),
        fc.option(characters, { nil: "" }),
        (at, removed, added) => {
          const changed = state.slice(0, at) + added + state.slice(at + removed);
          fc.pre(changed !== state);
          expect(readState(changed, "consent", KEY, 0)).toBe("forged");
        },
      ),
      { numRuns: 500 },
    );
  });

  it("is forged when another key signed it, and when it was signed for something else", () => {
    expect(readState(signState(CLAIMS, randomBytes(32)), "consent", KEY, 0)).toBe("forged");
    expect(readState(signState({ ...CLAIMS, purpose: "view" }, KEY), "consent", KEY, 0)).toBe("forged");
    for (const text of ["", ".", "a.b.c", "null.null"])
      expect(readState(text, "consent", KEY, 0)).toBe("forged");
  });
});
