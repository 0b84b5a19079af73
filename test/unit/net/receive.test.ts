import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { describe, expect, it, vi } from "vitest";
import type { HttpAnswer, HttpClient } from "../../../src/net/http.ts";
import { Room, type Visit } from "../../../src/net/room.ts";
import type { Listener } from "../../../src/simulate/listener.ts";
import { randomFrom } from "../../../src/simulate/random.ts";
import { until } from "../../support/until.ts";
import { aClient, aServer, failureOf } from "./support.ts";

/** Before Node.js 22 memory cannot be taken away from whoever had it. */
const CAN_TAKE_AWAY = "transfer" in ArrayBuffer.prototype;
const MB = 1_000_000;
const MOST = 4 * MB;
/** Well above what a write takes here, well below any test's patience. */
const SHORT_MS = 300;

const NOTHING = Buffer.alloc(0);
const EMPTY_PAGE = Buffer.from('{"value":[]}');
const PAGE = Buffer.from(JSON.stringify({ value: wordsOf(1200), title: "Öst \u{1f6a8}" }));
const LARGE_PAGE = Buffer.from(JSON.stringify(wordsOf(200_000)));

const PACKINGS = {
  gzip: { encoding: "gzip", pack: gzipSync },
  "zlib's deflate": { encoding: "deflate", pack: deflateSync },
  "raw deflate": { encoding: "deflate", pack: deflateRawSync },
} as const;

function wordsOf(count: number): string[] {
  const random = randomFrom("words");
  return Array.from({ length: count }, () => random.hex(6));
}

type Headers = Readonly<Record<string, string>>;
type Respond = (response: ServerResponse) => void;

const whole =
  (body: Buffer, headers: Headers = {}): Respond =>
  (response) =>
    response.writeHead(200, { ...headers, "content-length": body.length }).end(body);

/** In pieces that come one by one, without a word of how many. */
const chunked =
  (body: Buffer, headers: Headers = {}, bytes = 10_000): Respond =>
  (response) => {
    const pieces = Array.from({ length: Math.ceil(body.length / bytes) }, (_, index) =>
      body.subarray(index * bytes, (index + 1) * bytes),
    );
    Readable.from(pieces).pipe(response.writeHead(200, headers));
  };

/** A byte now and then, until the returned function ends it. */
function trickling(): { respond: Respond; end: () => void } {
  let end = () => undefined as unknown;
  const respond: Respond = (response) => {
    response.writeHead(200);
    const timer = setInterval(() => response.write("x"), 10);
    response.once("close", () => clearInterval(timer));
    end = () => {
      clearInterval(timer);
      response.end();
    };
  };
  return { respond, end: () => void end() };
}

const serving = (respond: Respond) => aServer((_, response) => respond(response));

function ask(
  client: HttpClient,
  { origin }: Listener,
  visit: Visit,
  signal = new AbortController().signal,
): Promise<HttpAnswer> {
  return client.send({ method: "GET", url: origin, headers: {}, signal, visit });
}

/** Whether so much would be let in at once; it is not kept. */
async function hasRoomFor(room: Room, bytes: number): Promise<boolean> {
  const [visit, stop] = [room.visit(), new AbortController()];
  const entering = visit.enter(bytes, stop.signal).then(
    () => true,
    () => false,
  );
  stop.abort();
  const isIn = await entering;
  visit.leave();
  return isIn;
}

/** More than it holds is let in where nothing else is. */
const isFree = (room: Room) => hasRoomFor(room, 2 * MOST);

/** Somebody who has all of it. */
async function occupy(room: Room): Promise<Visit> {
  const visit = room.visit();
  await visit.enter(MOST, new AbortController().signal);
  return visit;
}

async function expectArrives(body: Buffer, respond: Respond): Promise<void> {
  const [room, client, server] = [new Room(MOST), aClient({ maxAnswerBytes: MOST }), await serving(respond)];
  const visit = room.visit();

  const answer = await ask(client, server, visit);

  expect(answer.body.equals(body)).toBe(true);
  expect(await hasRoomFor(room, MOST - body.length)).toBe(true);
  expect(await hasRoomFor(room, MOST - body.length + 1)).toBe(body.length === 0);
  visit.leave();
  expect(await isFree(room)).toBe(true);
}

async function expectRefused(respond: Respond, code: string | RegExp, maxAnswerBytes = 10_000) {
  const [room, client, server] = [new Room(MOST), aClient({ maxAnswerBytes }), await serving(respond)];
  const visit = room.visit();

  const error = await failureOf(ask(client, server, visit));

  expect(error).toMatchObject({ name: "NoAnswer", code: expect.stringMatching(code) });
  expect(await isFree(room)).toBe(true);
}

describe("a body", () => {
  const bodies = { empty: NOTHING, "an empty page": EMPTY_PAGE, "a page": PAGE, "a large page": LARGE_PAGE };
  const cases = Object.entries(bodies).map(([what, body]) => ({ what, body }));

  it.each(cases)("arrives byte for byte, plain: $what", async ({ body }) => {
    await expectArrives(body, whole(body));
    await expectArrives(body, chunked(body));
  });

  it.each(
    cases.flatMap((one) => Object.entries(PACKINGS).map(([packing, how]) => ({ ...one, packing, ...how }))),
  )("arrives byte for byte, packed by $packing: $what", async ({ body, encoding, pack }) => {
    const headers = { "content-encoding": encoding };

    await expectArrives(body, whole(pack(body), headers));
    await expectArrives(body, chunked(pack(body), headers));
  });

  it("arrives in many small pieces", async () => {
    await expectArrives(PAGE, chunked(PAGE, {}, 3));
    await expectArrives(LARGE_PAGE, chunked(LARGE_PAGE, {}, 700));
    await expectArrives(PAGE, chunked(gzipSync(PAGE), { "content-encoding": "gzip" }, 1));
  });

  it("may be nothing at all where it is said to be packed", async () => {
    await expectArrives(NOTHING, whole(NOTHING, { "content-encoding": "gzip" }));
  });

  it.each(["identity", "Identity", ""])("may be said not to be packed: '%s'", async (encoding) => {
    await expectArrives(PAGE, whole(PAGE, { "content-encoding": encoding }));
  });

  it("of raw deflate may begin like one of zlib's", async () => {
    const body = Buffer.from("  0123456789abcdefghijkl");
    const packed = deflateRawSync(body);
    expect(packed.readUInt16BE(0) % 31).toBe(0);

    await expectArrives(body, whole(packed, { "content-encoding": "deflate" }));
  });

  it("is taken away when its visit ends, and never shows another's", async () => {
    const [room, client] = [new Room(MOST), aClient({ maxAnswerBytes: MOST })];
    const [one, other] = [Buffer.alloc(MB, "1"), Buffer.alloc(MB, "2")];
    const visit = room.visit();
    const { body } = await ask(client, await serving(chunked(one)), visit);
    visit.leave();

    const next = await ask(client, await serving(chunked(other)), visit);

    expect(next.body.equals(other)).toBe(true);
    expect(body).toHaveLength(CAN_TAKE_AWAY ? 0 : MB);
    if (!CAN_TAKE_AWAY) expect(body.equals(one)).toBe(true);
  });
});

describe("no answer, and room for others, is a body that", () => {
  const gzip = { "content-encoding": "gzip" };
  const zeros = Buffer.alloc(20_000);

  it("is too large", async () => {
    await expectRefused(whole(zeros), "EANSWERTOOLARGE");
    await expectRefused(chunked(zeros, {}, 3000), "EANSWERTOOLARGE");
    await expectRefused(whole(LARGE_PAGE), "EANSWERTOOLARGE");
  });

  it("is small on the wire and large when it is unpacked", async () => {
    await expectRefused(whole(gzipSync(zeros), gzip), "EANSWERTOOLARGE");
    await expectRefused(whole(deflateRawSync(zeros), { "content-encoding": "deflate" }), "EANSWERTOOLARGE");
    await expectRefused(whole(gzipSync(Buffer.alloc(50 * MB)), gzip), "EANSWERTOOLARGE", MB);
  });

  it("is said to be larger than any memory", async () => {
    const boastful: Respond = (response) => {
      response.writeHead(200, { "content-length": String(10 ** 15) });
      Readable.from(Array.from({ length: 10 }, () => LARGE_PAGE)).pipe(response);
    };

    await expectRefused(boastful, "EANSWERTOOLARGE", 2 * MB);
  });

  it("is cut off", async () => {
    const cutOff = (headers: Headers): Respond => {
      return (response) =>
        response.writeHead(200, headers).write(gzipSync(PAGE).subarray(0, 1000), () => response.destroy());
    };

    await expectRefused(cutOff({ "content-length": "5000" }), /./);
    await expectRefused(cutOff({}), /./);
    await expectRefused(cutOff(gzip), /./);
  });

  it("is packed in a broken way", async () => {
    const broken = gzipSync(PAGE).fill(0, 1000, 1100);

    await expectRefused(whole(broken, gzip), /^Z_/, MOST);
    await expectRefused(whole(gzipSync(PAGE).subarray(0, -100), gzip), /^Z_/, MOST);
    await expectRefused(whole(Buffer.from("no gzip"), gzip), /^Z_/, MOST);
    await expectRefused(whole(Buffer.from("x"), gzip), /^Z_/, MOST);
  });
});

describe("while there is no room", () => {
  it("the other side cannot send on, and all of it arrives afterwards", async () => {
    const bytes = 20 * MB;
    const sent: ServerResponse[] = [];
    const server = await aServer((_, response) => {
      sent.push(response);
      chunked(Buffer.alloc(bytes, "long "), {}, 65_536)(response);
    });
    const [room, client] = [new Room(MOST), aClient({ maxAnswerBytes: 2 * bytes })];
    const [occupant, visit] = [await occupy(room), room.visit()];

    const asking = ask(client, server, visit);
    // Much longer than it takes to send all.
    await sleep(1000);
    const written = sent[0]?.socket?.bytesWritten ?? 0;
    occupant.leave();

    expect(written).toBeGreaterThan(0);
    expect(written).toBeLessThan(bytes / 2);
    expect((await asking).body.equals(Buffer.alloc(bytes, "long "))).toBe(true);
  });

  it("the time limit does not run", async () => {
    const [room, client] = [new Room(MOST), aClient({ timeoutMs: SHORT_MS })];
    const [occupant, visit] = [await occupy(room), room.visit()];

    const asking = ask(client, await serving(whole(PAGE)), visit);
    await sleep(4 * SHORT_MS);
    occupant.leave();

    expect((await asking).body.equals(PAGE)).toBe(true);
  });

  it("whoever gives up ends with the signal's reason, hangs up, and leaves the room to others", async () => {
    const asked: ServerResponse[] = [];
    const server = await aServer((_, response) => {
      asked.push(response);
      chunked(LARGE_PAGE)(response);
    });
    const [room, client, stop] = [new Room(MOST), aClient({ maxAnswerBytes: MOST }), new AbortController()];
    const [occupant, visit] = [await occupy(room), room.visit()];
    const entering = vi.spyOn(visit, "enter");
    const attempt = failureOf(ask(client, server, visit, stop.signal));
    await until("it waits for room", () => entering.mock.calls.length > 0);

    stop.abort(new Error("the daemon is stopping"));

    expect((await attempt).message).toBe("the daemon is stopping");
    await until("the connection is closed", () => asked[0]?.destroyed === true);
    occupant.leave();
    expect(await isFree(room)).toBe(true);
  });

  it("an answer may break off, which shows when its turn has come", async () => {
    const asked: ServerResponse[] = [];
    const server = await aServer((_, response) => {
      response.writeHead(200, { "content-length": "5000" }).write("x", () => asked.push(response));
    });
    const [room, client] = [new Room(MOST), aClient()];
    const [occupant, visit] = [await occupy(room), room.visit()];
    const entering = vi.spyOn(visit, "enter");
    const attempt = failureOf(ask(client, server, visit));
    await until("it waits for room", () => entering.mock.calls.length > 0);
    asked[0]?.destroy();
    await until("the connection is closed", () => asked[0]?.socket?.destroyed !== false);

    occupant.leave();

    expect(await attempt).toMatchObject({ name: "NoAnswer" });
    expect(await isFree(room)).toBe(true);
  });
});

describe("a body that trickles", () => {
  it("is given up after the time limit, which begins when it is let in", async () => {
    const { respond } = trickling();
    const [room, client] = [new Room(MOST), aClient({ timeoutMs: SHORT_MS })];
    const [occupant, visit] = [await occupy(room), room.visit()];
    let isOver = false;
    const attempt = failureOf(ask(client, await serving(respond), visit)).finally(() => {
      isOver = true;
    });
    await sleep(5 * SHORT_MS);
    expect(isOver).toBe(false);

    occupant.leave();

    expect(await attempt).toMatchObject({ name: "NoAnswer", code: "ETIMEDOUT" });
    expect(await isFree(room)).toBe(true);
  });

  it("keeps no more room than what has come of it, so that another is let in", async () => {
    const { respond, end } = trickling();
    const [room, client] = [new Room(MB), aClient()];
    const [slow, fast] = [room.visit(), room.visit()];
    let isOver = false;
    const trickle = ask(client, await serving(respond), slow).finally(() => {
      isOver = true;
    });
    await until("it has all of the room", async () => !(await hasRoomFor(room, 1)));

    const { body } = await ask(client, await serving(whole(PAGE)), fast);

    expect(isOver).toBe(false);
    expect(body.equals(PAGE)).toBe(true);
    end();
    expect(String((await trickle).body)).toMatch(/^x+$/);
    fast.leave();
    slow.leave();
    expect(await isFree(room)).toBe(true);
  });
});
