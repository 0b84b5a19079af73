import { describe, expect, it } from "vitest";
import type { ApiFault } from "../../src/simulate/api-faults.ts";
import type { World } from "../../src/simulate/world.ts";
import { aWorld, callApi, get, type Reply } from "./support.ts";

const ALERTS = "/v1.0/security/alerts_v2";

describe("a fault of an API", () => {
  it.each([
    {
      fault: { kind: "throttled", retryAfter: "2.128" },
      status: 429,
      code: "TooManyRequests",
      retryAfter: "2.128",
    },
    { fault: { kind: "throttled" }, status: 429, code: "TooManyRequests", retryAfter: undefined },
    {
      fault: { kind: "unavailable", retryAfter: "10" },
      status: 503,
      code: "serviceNotAvailable",
      retryAfter: "10",
    },
    { fault: { kind: "server-error" }, status: 500, code: "UnknownError", retryAfter: undefined },
    {
      fault: { kind: "unauthorized" },
      status: 401,
      code: "InvalidAuthenticationToken",
      retryAfter: undefined,
    },
    { fault: { kind: "forbidden" }, status: 403, code: "Authorization_RequestDenied", retryAfter: undefined },
    { fault: { kind: "not-found" }, status: 404, code: "NotFound", retryAfter: undefined },
    { fault: { kind: "refused-link" }, status: 400, code: "BadRequest", retryAfter: undefined },
  ] as const)("answers $fault.kind with $status", async ({ fault, status, code, retryAfter }) => {
    const { world } = await faulty(fault);

    const reply = await ask(world);

    expect([reply.status, reply.body.error.code, reply.headers["retry-after"]]).toEqual([
      status,
      code,
      retryAfter,
    ]);
  });

  it("is worded in the manner of the API that has it", async () => {
    const world = await aWorld();
    const tenant = world.tenant("contoso");
    tenant.defender.fault = { kind: "server-error", times: 1 };
    const failed = await callApi(world, tenant, "defender", "/api/alerts");
    tenant.defender.fault = { kind: "unauthorized", message: "Account is not provisioned." };
    const refused = await callApi(world, tenant, "defender", "/api/alerts");

    expect([failed.body.error.code, refused.body.error.code]).toEqual([
      "InternalServerError",
      "Unauthorized",
    ]);
    expect(refused.body.error.message).toBe("Account is not provisioned.");
  });

  it.each([
    [{ kind: "bad-gateway" }, 502],
    [{ kind: "html" }, 200],
  ] as const)("%o answers HTML with %i", async (fault, status) => {
    const { world } = await faulty(fault);

    const reply = await ask(world);

    expect(reply.status).toBe(status);
    expect(reply.text).toMatch(/^<html>/);
  });

  it("empty-body answers nothing with 200", async () => {
    const { world } = await faulty({ kind: "empty-body" });

    expect(await ask(world)).toMatchObject({ status: 200, text: "" });
  });

  it.each([{ kind: "reset" }, { kind: "cut-off" }] as const)("$kind breaks the connection", async (fault) => {
    const { world } = await faulty(fault);

    await expect(ask(world)).rejects.toThrow(/fetch failed|terminated/);
  });

  it("truncated ends the JSON in a well-formed answer", async () => {
    const { world } = await faulty({ kind: "truncated" });

    const reply = await ask(world);

    expect([reply.status, reply.body]).toEqual([200, undefined]);
    expect(reply.text).toMatch(/^\{"@odata\.context"/);
  });

  it("hang never answers", async () => {
    const { world } = await faulty({ kind: "hang" });

    const token = world.tenant("contoso").entra;
    const call = ask(world);

    const answered = await Promise.race([
      call.then(() => true).catch(() => false),
      requestsSeen(world, 1).then(() => "none"),
    ]);
    expect([answered, token.requests.length]).toEqual(["none", 1]);
    await world.close();
    await expect(call).rejects.toThrow();
  });

  it("slow answers rightly in the end", async () => {
    const { world } = await faulty({ kind: "slow", delayMs: 20 });

    expect((await ask(world)).body.value).toHaveLength(3);
  });

  it("holds for as many requests as it is told, and then no more", async () => {
    const { world, tenant } = await faulty({ kind: "server-error", times: 2 });

    const statuses = [await ask(world), await ask(world), await ask(world)].map(({ status }) => status);

    expect(statuses).toEqual([500, 500, 200]);
    expect(tenant.graph.fault).toBeUndefined();
    expect(Object.fromEntries(tenant.graph.statuses)).toEqual({ 500: 2, 200: 1 });
    expect(tenant.graph.requests.map(({ status, returned }) => [status, returned])).toEqual([
      [500, 0],
      [500, 0],
      [200, 3],
    ]);
  });

  it("of one tenant leaves the others alone, and one of the service does not", async () => {
    const world = await aWorld({ tenants: ["contoso", "fabrikam"] });
    const [contoso, fabrikam] = [world.tenant("contoso"), world.tenant("fabrikam")];
    const statuses = async () => [
      (await callApi(world, contoso, "graph", ALERTS)).status,
      (await callApi(world, fabrikam, "graph", ALERTS)).status,
      (await callApi(world, contoso, "defender", "/api/alerts")).status,
    ];

    contoso.graph.fault = { kind: "server-error" };
    expect(await statuses()).toEqual([500, 200, 200]);
    contoso.graph.fault = undefined;
    world.defender.faults.graph.fault = { kind: "server-error" };
    expect(await statuses()).toEqual([500, 500, 200]);
  });
});

describe("a spoiled page", () => {
  it("may be empty and still have a next link", async () => {
    const { world } = await faulty({ kind: "empty-page-with-next", times: 1 });

    const first = await ask(world);
    const second = await ask(world, first.body["@odata.nextLink"]);

    expect([first.body.value.length, second.body.value.length]).toEqual([0, 3]);
  });

  it("may link to a foreign host, or to itself for ever", async () => {
    const { world, tenant } = await faulty({ kind: "foreign-next-link" });
    const foreign = (await ask(world)).body["@odata.nextLink"];
    tenant.graph.fault = { kind: "repeating-next-link" };
    const own = (await ask(world, `${ALERTS}?$top=7`)).body["@odata.nextLink"];

    expect(foreign).toMatch(/^https:\/\/attacker\.example\//);
    expect((await ask(world, own)).body["@odata.nextLink"]).toBe(own);
  });

  it("may hold another tenant's alert, always the same, within the span asked for", async () => {
    const { world, tenant } = await faulty({ kind: "foreign-tenant" });
    const path = `${ALERTS}?$filter=${encodeURIComponent("lastUpdateDateTime ge 2026-05-04T05:30:00Z")}`;

    const pages = [await ask(world, path), await ask(world, path)];

    const [first, second] = pages.map(({ body }) => body.value[0]);
    expect(pages[0]?.body.value).toHaveLength(4);
    expect(first).toEqual(second);
    expect(first.lastUpdateDateTime).toBe("2026-05-04T05:30:00.0000001Z");
    expect(first.tenantId).not.toBe(tenant.tenantId);
  });

  it("may hold elements that are no alerts besides those that are", async () => {
    const { world } = await faulty({ kind: "malformed-elements" });

    const { value } = (await ask(world)).body;

    expect(value).toHaveLength(7);
    expect(value[0]).toBe("microsoft.graph.security.alert");
    expect(
      value.slice(1, 4).map((element: unknown) => (element === null ? null : Object.keys(Object(element)))),
    ).toEqual([["title", "lastUpdateDateTime"], ["id", "title"], null]);
  });

  it("may not honour the filter", async () => {
    const { world } = await faulty({ kind: "ignored-filter" });

    expect(
      (await ask(world, `${ALERTS}?$filter=lastUpdateDateTime%20lt%202020-01-01T00:00:00Z`)).body.value,
    ).toHaveLength(3);
  });
});

describe("what is planted", () => {
  it("stands in the list for good, at its time, and is owed by nobody", async () => {
    const world = await aWorld();
    const tenant = world.tenant("contoso");
    tenant.plant("graph_alerts", '"a string"', "2026-05-04T05:36:51Z");
    const filter =
      "lastUpdateDateTime ge 2026-05-04T05:36:51Z and lastUpdateDateTime le 2026-05-04T05:36:51Z";

    const { body } = await ask(world, `${ALERTS}?$filter=${encodeURIComponent(filter)}`);

    expect(body.value).toEqual(["a string"]);
    expect(world.expected()).toEqual([]);
    expect(world.balance().held).toBe(0);
  });
});

describe("the limit on calls", () => {
  it("refuses what is beyond it, and counts the refused calls too", async () => {
    const world = await aWorld({ limits: "real" });
    const tenant = world.tenant("contoso");
    tenant.graph.limit = { perMinute: 2 };

    const statuses = [await ask(world), await ask(world), await ask(world)].map(({ status }) => status);
    tenant.graph.limit = { perMinute: 3 };
    const stillRefused = await ask(world);
    tenant.graph.limit = undefined;

    expect([...statuses, stillRefused.status, (await ask(world)).status]).toEqual([200, 200, 429, 429, 200]);
  });

  it("is 150 a minute at Graph and 100 at Defender for Endpoint, for each tenant alone", async () => {
    const world = await aWorld({ limits: "real", tenants: ["contoso", "fabrikam"] });
    const [contoso, fabrikam] = [world.tenant("contoso"), world.tenant("fabrikam")];
    const token = async (api: "graph" | "defender") =>
      (await callApi(world, contoso, api, "/")).headers && api;

    await Promise.all([token("graph"), token("defender")]);
    for (let calls = 1; calls < 150; calls++) contoso.graph.calls.count(contoso.graph.limit, Date.now());
    for (let calls = 1; calls < 100; calls++)
      contoso.defender.calls.count(contoso.defender.limit, Date.now());

    expect((await callApi(world, contoso, "graph", ALERTS)).status).toBe(429);
    expect((await callApi(world, contoso, "defender", "/api/alerts")).status).toBe(429);
    expect((await callApi(world, fabrikam, "graph", ALERTS)).status).toBe(200);
  });

  it.each([
    ["fraction", /^\d+\.\d{3}$/],
    ["seconds", /^\d+$/],
    ["date", /GMT$/],
  ] as const)("names the time to come back as %s", async (form, pattern) => {
    const world = await aWorld();
    Object.assign(world.tenant("contoso").graph, { limit: { perMinute: 0 }, retryAfter: form });

    expect((await ask(world)).headers["retry-after"]).toMatch(pattern);
  });

  it("may name no time at all", async () => {
    const world = await aWorld();
    Object.assign(world.tenant("contoso").graph, { limit: { perMinute: 0 }, retryAfter: "absent" });

    expect((await ask(world)).headers).not.toHaveProperty("retry-after");
  });
});

describe("a host that is down", () => {
  it("refuses connections and comes back under the same address", async () => {
    const world = await aWorld();
    await world.defender.graph.stop();
    const url = `${world.cloud.graph}${ALERTS}`;

    await expect(get(url)).rejects.toThrow("fetch failed");
    await world.defender.graph.start();
    expect((await get(url)).status).toBe(401);
  });
});

async function faulty(fault: ApiFault) {
  const world = await aWorld();
  const tenant = world.tenant("contoso");
  tenant.add("graph_alerts", 3);
  tenant.graph.fault = { ...fault };
  return { world, tenant };
}

function ask(world: World, path = ALERTS): Promise<Reply> {
  return callApi(world, world.tenant("contoso"), "graph", path);
}

async function requestsSeen(world: World, count: number): Promise<void> {
  while (world.tenant("contoso").graph.requests.length < count)
    await new Promise((resolve) => setTimeout(resolve, 5));
}
