import { describe, expect, it } from "vitest";
import type { World } from "../../src/simulate/world.ts";
import { aWorld, callApi, get, type Reply } from "./support.ts";

describe("Defender for Endpoint's list of alerts", () => {
  it("leaves the evidence out unless it is expanded, and is otherwise the very bytes of the ledger", async () => {
    const world = await aWorld();
    const versions = world.tenant("contoso").add("mde_alerts", 5, { spreadMs: 60_000 });

    const plain = await ask(world, "/api/alerts");
    const expanded = await ask(world, "/api/alerts?$expand=evidence");

    expect(plain.body.value.map(({ evidence }: { evidence: unknown }) => evidence)).toEqual([
      [],
      [],
      [],
      [],
      [],
    ]);
    expect({ ...expanded.body.value[0], evidence: [] }).toEqual(plain.body.value[0]);
    expect(
      expanded.text.endsWith(
        `"value":[${versions
          .map(({ raw }) => raw)
          .reverse()
          .join(",")}]}`,
      ),
    ).toBe(true);
    expect(plain.headers["content-encoding"]).toBe("deflate");
  });

  it("ends at the size asked for, without a next link", async () => {
    const world = await aWorld();
    world.tenant("contoso").add("mde_alerts", 30, { size: "small", spreadMs: 60_000 });

    const { body } = await ask(world, "/api/v1.0/alerts?$top=20");
    const rest = await ask(world, "/api/v1.0/alerts?$top=20&$skip=20");

    expect(body.value).toHaveLength(20);
    expect(body).not.toHaveProperty("@odata.nextLink");
    expect(rest.body.value).toHaveLength(10);
  });

  it("holds ten thousand at most", async () => {
    const world = await aWorld();
    world.tenant("contoso").add("mde_alerts", 10_050, { size: "small", spreadMs: 60_000 });

    const whole = await ask(world, "/api/alerts");
    const cut = await ask(world, "/api/alerts?$top=20000");
    const rest = await ask(world, whole.body["@odata.nextLink"]);

    expect([whole, cut, rest].map(({ body }) => body.value.length)).toEqual([10_000, 10_000, 50]);
  });

  it("filters by its own names", async () => {
    const world = await aWorld();
    const [version] = world.tenant("contoso").add("mde_alerts", 1, {
      at: "2026-05-04T05:36:51.0366667Z",
      with: { severity: "High", incidentId: 12 },
    });
    const filter = `lastUpdateTime ge 2026-05-04T05:36:51.0366667Z and severity eq 'High' and incidentId eq 12`;

    const { body } = await ask(world, `/api/alerts?$filter=${encodeURIComponent(filter)}`);

    expect(body.value.map(({ id }: { id: string }) => id)).toEqual([version?.alertId]);
  });

  it("refuses in its own shape", async () => {
    const world = await aWorld();
    const tenant = world.tenant("contoso");

    const query = await ask(world, "/api/alerts?$expand=machine");
    const token = await get(`${world.cloud.defender}/api/alerts`);
    tenant.entra.roles.defender = [];
    const role = await ask(world, "/api/alerts");
    const gone = await ask(world, "/api/machines");

    expect([query, token, role, gone].map(({ status, body }) => [status, body.error.code])).toEqual([
      [400, "BadRequest"],
      [401, "Unauthorized"],
      [403, "Forbidden"],
      [404, "NotFound"],
    ]);
    expect(role.body.error.message).toBe(
      "Missing application roles. API required roles: Alert.Read.All,Alert.ReadWrite.All, application roles: .",
    );
    expect(query.body.error).toHaveProperty("target");
  });
});

function ask(world: World, path: string): Promise<Reply> {
  return callApi(world, world.tenant("contoso"), "defender", path);
}
