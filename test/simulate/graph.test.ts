import { describe, expect, it } from "vitest";
import type { World } from "../../src/simulate/world.ts";
import { aWorld, callApi, get, type Reply, tokenFor } from "./support.ts";

const ALERTS = "/v1.0/security/alerts_v2";
const INCIDENTS = "/v1.0/security/incidents";

describe("Graph's list of alerts", () => {
  it("gives the very bytes that the ledger holds, newest first", async () => {
    const world = await aWorld();
    const versions = world.tenant("contoso").add("graph_alerts", 30, { spreadMs: 60_000 });

    const { status, text, headers } = await ask(world, `${ALERTS}?$top=999`);

    expect(status).toBe(200);
    expect(headers["content-encoding"]).toBe("gzip");
    const value = text.slice(text.indexOf('"value":[') + 9, -2);
    expect(value).toBe(
      versions
        .map(({ raw }) => raw)
        .reverse()
        .join(","),
    );
  });

  it("holds 50 when no size is asked for, and a thousand when more is", async () => {
    const world = await aWorld();
    world.tenant("contoso").add("graph_alerts", 1100, { size: "small", spreadMs: 60_000 });

    const standard = await ask(world, ALERTS);
    const large = await ask(world, `${ALERTS}?$top=5000`);

    expect([standard.body.value.length, large.body.value.length]).toEqual([50, 1000]);
  });

  it("is read to its end by next links", async () => {
    const world = await aWorld();
    const versions = world.tenant("contoso").add("graph_alerts", 250, { size: "small", spreadMs: 60_000 });

    const ids = await readAll(world, `${ALERTS}?$top=100&$count=true`);

    expect(ids).toEqual(versions.map(({ alertId }) => alertId).reverse());
  });

  it("gives next links that it refuses itself beyond 500, unless it is told to give tokens", async () => {
    const world = await aWorld();
    world.tenant("contoso").add("graph_alerts", 1800, { size: "small", spreadMs: 60_000 });

    const bySkip = (await ask(world, `${ALERTS}?$top=1000`)).body["@odata.nextLink"];
    const refused = await ask(world, bySkip);
    world.defender.rules.nextLink = "skiptoken";
    const ids = await readAll(world, `${ALERTS}?$top=1000`);

    expect(bySkip).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/v1\.0\/security\/alerts_v2\?.*\$skip=1000$/);
    expect([refused.status, new Set(ids).size]).toEqual([400, 1800]);
  });

  it("moves under a reader who pages by skip", async () => {
    const world = await aWorld();
    const tenant = world.tenant("contoso");
    const versions = tenant.add("graph_alerts", 20, { size: "small", spreadMs: 60_000 });
    const tie = versions[0];
    if (tie === undefined) throw new Error("no alert");

    const first = await ask(world, `${ALERTS}?$top=10`);
    tenant.update(tie);
    const second = await ask(world, first.body["@odata.nextLink"]);

    const ids = [...first.body.value, ...second.body.value].map(({ id }) => id);
    expect(new Set(ids).size).toBe(19);
    expect(ids).not.toContain(tie.alertId);
  });

  it("counts all that match when asked", async () => {
    const world = await aWorld();
    world.tenant("contoso").add("graph_alerts", 7, { size: "small" });

    expect((await ask(world, `${ALERTS}?$top=2&$count=true`)).body["@odata.count"]).toBe(7);
    expect((await ask(world, `${ALERTS}?$top=2`)).body).not.toHaveProperty("@odata.count");
  });

  it("takes the bounds of a filter to the last tick", async () => {
    const world = await aWorld();
    const at = "2026-05-04T05:36:51.1234567Z";
    world.tenant("contoso").add("graph_alerts", 3, { at });
    const count = async (filter: string) => (await filtered(world, filter)).body.value.length;

    expect(await count(`lastUpdateDateTime ge ${at}`)).toBe(3);
    expect(await count(`lastUpdateDateTime gt ${at}`)).toBe(0);
    expect(await count(`lastUpdateDateTime le ${at}`)).toBe(3);
    expect(await count(`lastUpdateDateTime lt ${at}`)).toBe(0);
    expect(await count("lastUpdateDateTime lt 2026-05-04T05:36:51.1234568Z")).toBe(3);
    expect(await count("lastUpdateDateTime ge 2026-05-04T07:36:51.1234567+02:00")).toBe(3);
    expect(
      await count(
        "lastUpdateDateTime ge 2026-05-04T05:36:52Z and lastUpdateDateTime lt 2026-05-04T05:37:00Z",
      ),
    ).toBe(0);
  });

  it("understands words, or, not, in, parentheses and null", async () => {
    const world = await aWorld();
    const tenant = world.tenant("contoso");
    for (const severity of ["low", "medium", "high"]) {
      tenant.add("graph_alerts", 1, {
        size: "small",
        with: { severity, title: severity, serviceSource: "microsoftSentinel" },
      });
    }
    const titles = async (filter: string) =>
      (await filtered(world, filter)).body.value.map(({ title }: { title: string }) => title).sort();

    expect(await titles("severity eq 'high'")).toEqual(["high"]);
    expect(await titles("severity ne 'high' and status eq 'new'")).toEqual(["low", "medium"]);
    expect(
      await titles("(severity eq 'high' or severity eq 'low') and serviceSource eq 'microsoftSentinel'"),
    ).toEqual(["high", "low"]);
    expect(await titles("not (severity eq 'high')")).toEqual(["low", "medium"]);
    expect(await titles("severity in ('low', 'high')")).toEqual(["high", "low"]);
    expect(await titles("classification eq null and createdDateTime ge 2020-01-01T00:00:00Z")).toEqual([
      "high",
      "low",
      "medium",
    ]);
    expect(await titles("lastUpdateDateTime lt 2020-01-01T00:00:00Z or severity eq 'low'")).toEqual(["low"]);
  });

  it.each([
    [
      "$filter=lastUpdatedDateTime ge 2026-05-04T00:00:00Z",
      "Could not find a property named 'lastUpdatedDateTime' on type 'microsoft.graph.security.alert'.",
    ],
    ["$filter=lastUpdateDateTime ge 2026-05-04", "Invalid filter clause"],
    ["$filter=lastUpdateDateTime ge '2026-05-04T00:00:00Z'", "Invalid filter clause"],
    ["$filter=lastUpdateDateTime ge 2026-05-04T00:00:00.12345678Z", "Invalid filter clause"],
    ["$filter=lastUpdateDateTime ge 2026-02-31T00:00:00Z", "Invalid filter clause"],
    ["$filter=severity eq high", "Invalid filter clause"],
    ["$filter=(severity eq 'high'", "Invalid filter clause"],
    ["$filter=severity eq 'high' and", "Invalid filter clause"],
    ["$filter=", "Invalid filter clause"],
    ["$filter=severity eq 'high' §", "Invalid filter clause"],
    [
      "$skip=501",
      "The limit of '500' for Skip query has been exceeded. The value from the incoming request is '501'.",
    ],
    ["$top=-1", "Invalid value '-1' for $top query option found."],
    ["$select=id", "Query option 'select' is not allowed."],
    ["$expand=evidence", "Query option 'expand' is not allowed."],
    ["$skiptoken=x", "Query option 'skiptoken' is not allowed."],
  ])("refuses %s", async (query, message) => {
    const world = await aWorld();
    const [name = "", value = ""] = query.split(/=(.*)/s);

    const { status, body } = await ask(world, `${ALERTS}?${name}=${encodeURIComponent(value)}`);

    expect(status).toBe(400);
    expect(body.error).toMatchObject({ code: "BadRequest", message: expect.stringContaining(message) });
    expect(Object.keys(body.error.innerError)).toEqual(["date", "request-id", "client-request-id"]);
  });

  it("does not mind parameters of others", async () => {
    const world = await aWorld();

    expect((await ask(world, `${ALERTS}?foo=1`)).status).toBe(200);
  });

  it("honours, ignores or refuses an order, as it is told", async () => {
    const world = await aWorld();
    const versions = world.tenant("contoso").add("graph_alerts", 5, { size: "small", spreadMs: 60_000 });
    const ids = versions.map(({ alertId }) => alertId);
    const path = `${ALERTS}?$orderby=lastUpdateDateTime%20asc`;
    const read = async () => (await ask(world, path)).body.value?.map(({ id }: { id: string }) => id);

    expect(await read()).toEqual(ids);
    world.defender.rules.orderBy = "ignored";
    expect(await read()).toEqual([...ids].reverse());
    world.defender.rules.orderBy = "refused";
    expect((await ask(world, path)).status).toBe(400);
  });

  it("hides newer words of enumerations from clients that do not ask for them", async () => {
    const world = await aWorld();
    world
      .tenant("contoso")
      .add("graph_alerts", 1, { size: "small", with: { serviceSource: "microsoftSentinel" } });

    const asked = await ask(world, ALERTS);
    const unasked = await ask(world, ALERTS, { prefer: "" });

    expect(asked.body.value[0].serviceSource).toBe("microsoftSentinel");
    expect(unasked.body.value[0].serviceSource).toBe("unknownFutureValue");
  });

  it("echoes the client's request id, and gives one of its own otherwise", async () => {
    const world = await aWorld();

    const named = await ask(world, ALERTS, { "client-request-id": "mine" });
    const unnamed = await ask(world, ALERTS);

    expect(named.headers["client-request-id"]).toBe("mine");
    expect(unnamed.headers["client-request-id"]).toBe(unnamed.headers["request-id"]);
    expect(world.tenant("contoso").graph.requests.map(({ clientRequestId }) => clientRequestId)).toEqual([
      "mine",
      undefined,
    ]);
    expect(Date.parse(named.headers["date"] ?? "")).not.toBeNaN();
  });

  it("gives one alert by its id, and 404 for one that is gone", async () => {
    const world = await aWorld();
    const tenant = world.tenant("contoso");
    const [version] = tenant.add("graph_alerts", 1, { size: "small" });
    const path = `${ALERTS}/${encodeURIComponent(version?.alertId ?? "")}`;

    expect((await ask(world, path)).body).toMatchObject({
      id: version?.alertId,
      "@odata.context": expect.stringContaining("/$entity"),
    });
    tenant.stores.graph_alerts.remove(version?.alertId ?? "", Date.now());
    expect((await ask(world, path)).status).toBe(404);
  });
});

describe("Graph's list of incidents", () => {
  it("refuses more than 50 in Microsoft's words", async () => {
    const world = await aWorld();
    world.tenant("contoso").add("graph_incidents", 60);

    const refused = await ask(world, `${INCIDENTS}?$top=999`);
    const read = await ask(world, `${INCIDENTS}?$top=50`);

    expect(refused.status).toBe(400);
    expect(refused.body.error.message).toBe(
      "The query specified in the URI is not valid. The limit of '50' for Top query has been exceeded. The value from the incoming request is '999'.",
    );
    expect(read.body.value).toHaveLength(50);
    expect(await readAll(world, INCIDENTS)).toHaveLength(60);
  });

  it("fails for good when alerts are expanded", async () => {
    const world = await aWorld();

    expect((await ask(world, `${INCIDENTS}?$expand=alerts`)).status).toBe(500);
  });
});

describe("a call of Graph", () => {
  it.each([
    ["no token", {}],
    ["another scheme", { authorization: "Basic eDp5" }],
    ["a token of nobody", { authorization: "Bearer eyJ.eyJ.sig" }],
  ])("with %s is refused with 401", async (_, headers) => {
    const world = await aWorld();

    const { status, body } = await get(`${world.cloud.graph}${ALERTS}`, headers);

    expect([status, body.error.code]).toEqual([401, "InvalidAuthenticationToken"]);
  });

  it("with a token for the other API, an expired or a revoked one is refused with 401", async () => {
    const world = await aWorld();
    const tenant = world.tenant("contoso");
    const call = async (token: string) =>
      (await get(`${world.cloud.graph}${ALERTS}`, { authorization: `Bearer ${token}` })).body;

    const foreign = await call(await tokenFor(world, tenant, "defender"));
    tenant.entra.tokenLifetimeSeconds = 0;
    const expired = await call(await tokenFor(world, tenant, "graph"));
    tenant.entra.tokenLifetimeSeconds = undefined;
    const good = await tokenFor(world, tenant, "graph");
    tenant.graph.tokensValidFrom = Date.now() + 1;
    const revoked = await call(good);

    expect([foreign, expired, revoked].map(({ error }) => error.message)).toEqual([
      "Access token validation failure. Invalid audience.",
      "Lifetime validation failed, the token is expired.",
      "Continuous access evaluation resulted in challenge.",
    ]);
  });

  it("without a role is refused with 403 that names the roles", async () => {
    const world = await aWorld();
    world.tenant("contoso").entra.roles.graph = ["User.Read.All"];

    const { status, body } = await ask(world, ALERTS);

    expect(status).toBe(403);
    expect(body.error.message).toBe(
      "Missing application roles. API required roles: SecurityAlert.Read.All,SecurityAlert.ReadWrite.All,SecurityIncident.Read.All,SecurityIncident.ReadWrite.All, application roles: User.Read.All.",
    );
  });

  it("sees its own tenant's alerts only", async () => {
    const world = await aWorld({ tenants: ["contoso", "fabrikam"] });
    const [contoso, fabrikam] = [world.tenant("contoso"), world.tenant("fabrikam")];
    contoso.add("graph_alerts", 2, { size: "small" });

    expect((await callApi(world, contoso, "graph", ALERTS)).body.value).toHaveLength(2);
    expect((await callApi(world, fabrikam, "graph", ALERTS)).body.value).toHaveLength(0);
  });

  it("elsewhere is answered with 404", async () => {
    const world = await aWorld();

    expect((await ask(world, "/api/alerts")).status).toBe(404);
  });
});

function ask(world: World, path: string, headers: Record<string, string> = {}): Promise<Reply> {
  return callApi(world, world.tenant("contoso"), "graph", path, headers);
}

function filtered(world: World, filter: string): Promise<Reply> {
  return ask(world, `${ALERTS}?$filter=${encodeURIComponent(filter)}`);
}

async function readAll(world: World, path: string): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let next: string | undefined = path; next !== undefined; ) {
    const { body } = await ask(world, next);
    ids.push(...body.value.map(({ id }: { id: string }) => id));
    next = body["@odata.nextLink"];
  }
  return ids;
}
