import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hide } from "../../../src/model/secrets.ts";
import { spellingsOf, tracesOf } from "../../support/echo.ts";
import { openLog } from "../../support/log.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");
const SECRET = 's3cr3t~/+&=%_"\\<ü>';

describe("a secret", () => {
  it("is hidden in every notation, whatever stands around it", () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 12, maxLength: 40 }),
        fc.string({ maxLength: 9 }),
        fc.string({ maxLength: 9 }),
        (secret, before, behind) => {
          const around = base64(`${before}${secret}${behind}`);
          const texts = [...spellingsOf(secret), around, around.replaceAll("+", "-").replaceAll("/", "_")];

          for (const text of texts) {
            expect(hide(`${before} ${text} ${behind}`, [secret])).toContain("[secret]");
          }
        },
      ),
    );
  });

  it("leaves the text around it as it was, and one that is an ordinary word is let be", () => {
    expect(hide("Invalid client secret hunter2hunter2 given.", ["hunter2hunter2"])).toBe(
      "Invalid client secret [secret] given.",
    );
    expect(hide("the token abc is wrong", ["abc"])).toBe("the token abc is wrong");
    expect(hide("nothing to hide", [])).toBe("nothing to hide");
  });

  it("stays out of the log however an error carries it, as it is or in another notation", () => {
    const { events, text } = openLog("trace", [SECRET]);
    const place = { tenant: "contoso", source: "graph_alerts" };

    for (const notation of spellingsOf(SECRET)) {
      const cause = new Error(`cause ${notation}`);
      const error = Object.assign(new TypeError(`message ${notation}`, { cause }), { code: `E ${notation}` });
      events.daemonFailed(error);
      events.configRejected(notation);
      events.configWarning(`warning ${notation}`, 1);
      events.redisTrouble(error);
      events.redisRestarted(notation);
      events.pollFailed(place, error, 1, 1);
      events.deliverFailed("splunk", "b-1", error);
    }

    expect(text()).toContain("[secret]");
    for (const trace of tracesOf(SECRET)) expect(text()).not.toContain(trace);
    // As it stands within a string of JSON.
    expect(text()).not.toContain(JSON.stringify(SECRET).slice(1, -1));
  });

  it("that is read later is hidden as well", () => {
    const secrets = ["the-first-secret"];
    const { events, text } = openLog("info", secrets);
    events.redisRestarted("the-first-secret");
    secrets.push("the-second-secret");

    events.redisRestarted("the-first-secret the-second-secret");

    expect(text()).not.toMatch(/the-(first|second)-secret/);
  });
});
