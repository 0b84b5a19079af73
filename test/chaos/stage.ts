import type { Redis } from "ioredis";
import type { Version } from "../../src/simulate/version.ts";
import { startWorld, type World } from "../../src/simulate/world.ts";
import { until } from "../support/until.ts";
import type { Trial } from "./cell.ts";
import { newFolder, removeFolder } from "./children.ts";
import { type DaemonProcess, type Settings, spawnDaemon, writeConfig } from "./daemon-process.ts";
import { type Flight, watchFlight } from "./flight.ts";
import { openRedisSide, type RedisKind, type RedisSide } from "./redis-sides.ts";

export interface StageWishes {
  readonly redis: RedisKind;
  readonly ack?: boolean;
  readonly dataDir?: string;
  readonly sink?: Settings;
  readonly poll?: Settings;
  readonly more?: Settings;
}

/** A moment from which the recovery is counted, and what waited then. */
interface Mark {
  readonly atMs: number;
  readonly waiting: readonly Version[];
}

const TENANTS = ["contoso", "fabrikam", "northwind"];
const HEC_TOKEN = "0d0a5c1e-1111-4222-8333-abcdefabcdef";
const HISTORY_MS = 20 * 3_600_000;
const FRESH_MS = 60_000;
/** How long anything may take that must happen. Far more than was ever seen. */
const PATIENCE_MS = 30_000;

/**
 * One run of a cell: a simulated world, a Redis behind a relay, and daemons between. States: *open* until `close`,
 * which ends every process and leaves no file.
 */
export class Stage {
  readonly trial: Trial;
  readonly world: World;
  readonly redis: RedisSide;
  readonly flight: Flight;
  readonly daemons: DaemonProcess[] = [];
  readonly marks: Mark[] = [];
  /** How many duplicates there may be by now, where there may be any. */
  inFlight = 0;
  /** What a receiver has refused for good, and so will not arrive. */
  readonly refused = new Set<Version>();
  readonly #folder: string;
  readonly #config: string;

  private constructor(trial: Trial, world: World, redis: RedisSide, folder: string, config: string) {
    this.trial = trial;
    this.world = world;
    this.redis = redis;
    this.flight = watchFlight(world, redis.relay);
    this.#folder = folder;
    this.#config = config;
  }

  static async open(trial: Trial, wishes: StageWishes): Promise<Stage> {
    const { ack = false } = wishes;
    const folder = await newFolder();
    const world = await startWorld({
      tenants: TENANTS,
      seed: trial.seed,
      limits: "none",
      // A version is updated only after it has arrived, so each of them is owed.
      quietBeforeUpdateMs: 0,
      hec: { tokens: [{ value: HEC_TOKEN, useAck: ack }] },
    });
    const redis = await openRedisSide(wishes.redis, folder, wishes.dataDir);
    const batch = { maxAlerts: trial.random.pick([5, 10, 20]), linger: trial.random.pick(["0ms", "20ms"]) };
    const config = await writeConfig(folder, world, {
      ...wishes,
      queue: redis.queue,
      sink: { batch, ack, ...wishes.sink },
    });
    return new Stage(trial, world, redis, folder, config);
  }

  /** Ends everything, whatever state it is in. */
  async close(): Promise<void> {
    for (const { child } of this.daemons) child.kill("SIGKILL");
    await Promise.all(this.daemons.map(({ child }) => child.ended));
    await this.redis.close();
    await this.world.close();
    await removeFolder(this.#folder);
  }

  /** Starts a daemon and does not wait for it. */
  spawn(): DaemonProcess {
    const daemon = spawnDaemon(this.#config);
    this.daemons.push(daemon);
    return daemon;
  }

  async start(): Promise<DaemonProcess> {
    const daemon = this.spawn();
    await daemon.ready();
    return daemon;
  }

  /** The daemon that was started last. */
  get daemon(): DaemonProcess {
    const last = this.daemons.at(-1);
    if (last === undefined) throw new Error("No daemon was started.");
    return last;
  }

  /** Alerts of the last day, among them some of one and the same instant. */
  addHistory(): void {
    const { random } = this.trial;
    for (const tenant of this.world.tenants) {
      tenant.add("graph_alerts", this.#some(), {
        spreadMs: HISTORY_MS,
        size: random.pick(["small", "real"]),
      });
      tenant.add("graph_alerts", random.whole(2, 8), { sameInstant: true, at: Date.now() - FRESH_MS });
    }
  }

  /** Alerts of the last minute, some of which show late, and new versions of some that have arrived. */
  addFresh(): void {
    const { random } = this.trial;
    for (const tenant of this.world.tenants) {
      const size = random.pick(["small", "real"] as const);
      tenant.add("graph_alerts", this.#some(), { spreadMs: FRESH_MS, size });
      tenant.add("graph_alerts", random.whole(1, 5), { lateMs: random.whole(200, 1500), size });
      const arrived = tenant.ledger.filter((version) => this.world.tally.arrivals(version) > 0);
      for (const version of arrived.slice(0, random.whole(0, 10))) {
        if (tenant.latest("graph_alerts", version.alertId) === version) tenant.update(version);
      }
    }
  }

  /** One alert for each tenant: fewer batches than a daemon can have in hand. */
  addFew(): void {
    for (const tenant of this.world.tenants) tenant.add("graph_alerts", 1, { size: "small" });
  }

  #some(): number {
    return this.trial.scale === "small" ? this.trial.random.whole(20, 50) : this.trial.random.whole(60, 400);
  }

  /** From here on the recovery is counted, for what waits now. */
  mark(): void {
    const waiting = this.world
      .expected()
      .filter((version) => this.world.tally.arrivals(version) === 0 && !this.refused.has(version));
    this.marks.push({ atMs: Date.now(), waiting });
  }

  /** The only daemon has died: what the receiver holds, and nobody has closed, may come again. */
  async countLostDaemon(): Promise<void> {
    await this.allSentIsStored();
    this.inFlight += this.flight.unsettled;
  }

  /** Resolves when the receiver has done with all that daemons had sent before they died. */
  async allSentIsStored(): Promise<void> {
    const { listener } = this.world.hec;
    // A request may lie in its connection still, and nobody has begun to read it.
    await this.until("all that the dead has sent is read", async () => (await listener.connections()) === 0);
    await this.until("the requests of the dead are over", () => this.flight.openRequests === 0);
  }

  /**
   * A Redis has died and is back: what the daemons have in hand may come again, and what it does not know of any more.
   * It may forget even by `kill -9`: while the disk is slow it answers before it has written.
   */
  async countLostRedis(): Promise<void> {
    const delivered = await this.redis.ask(async (redis) => {
      const ledger = await redis.hgetall("alertferry:ledger:splunk");
      const counts = Object.entries(ledger).filter(([field]) => field.endsWith("|delivered"));
      return counts.reduce((sum, [, count]) => sum + Number(count), 0);
    });
    const forgotten = Math.max(0, this.flight.settled - delivered);
    this.flight.forget(forgotten);
    this.inFlight += this.flight.inHand + forgotten;
  }

  until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    return until(what, condition, PATIENCE_MS);
  }

  /** @throws when it does not end in time. */
  async inTime<T>(what: string, work: Promise<T>): Promise<T> {
    let result: { readonly value: T } | undefined;
    const done = work.then((value) => {
      result = { value };
    });
    await this.until(what, () => result !== undefined);
    await done;
    if (result === undefined) throw new Error(`Waited in vain until ${what}.`);
    return result.value;
  }

  /** How many versions must arrive in all. */
  get owed(): number {
    return this.world.balance().held - this.refused.size;
  }

  /** Resolves when all has arrived, the ledger is at rest, the queues are empty and two further rounds brought nothing. */
  async rest(): Promise<void> {
    await this.until("everything has arrived", () => this.world.balance().delivered === this.owed);
    await this.until("the ledger is at rest", async () => {
      const { ledger } = await this.daemon.status();
      return ledger.every(({ waiting }) => waiting === 0);
    });
    const counts = this.world.tenants.map(({ graph }) => graph.statuses.get(200) ?? 0);
    await this.until("two more rounds are over", () =>
      this.world.tenants.every(
        ({ graph }, index) => (graph.statuses.get(200) ?? 0) >= (counts[index] ?? 0) + 3,
      ),
    );
    await this.until("the queue of the sink is empty", async () => (await this.jobsLeft()) === 0);
  }

  /** Jobs of the sink's queue, in whatever state. */
  jobsLeft(): Promise<number> {
    const queue = "alertferry:deliver.splunk";
    return this.redis.ask(async (redis) => {
      const lists = await Promise.all(
        ["wait", "active", "paused"].map((state) => redis.llen(`${queue}:${state}`)),
      );
      const sets = await Promise.all(
        ["prioritized", "delayed"].map((state) => redis.zcard(`${queue}:${state}`)),
      );
      return [...lists, ...sets].reduce((sum, count) => sum + count, 0);
    });
  }

  /** Resolves when every job whose lock had run out went back to the queue, or was taken again. */
  async staleJobsAreFound(): Promise<void> {
    const queue = "alertferry:deliver.splunk";
    await this.until("stale jobs are found", () =>
      this.redis.ask(async (redis) => {
        const active = await redis.lrange(`${queue}:active`, 0, "-1");
        const locks = await Promise.all(active.map((id) => redis.exists(`${queue}:${id}:lock`)));
        return !locks.includes(0);
      }),
    );
  }

  /** Jobs that some process has in hand, as far as Redis knows. */
  locksLeft(): Promise<number> {
    return this.redis.ask(async (redis) => (await redis.keys("alertferry:*:lock")).length);
  }

  /** What lies in Redis, for whoever has to find a cause. */
  async autopsy(): Promise<readonly string[]> {
    return this.redis.ask(async (redis) => {
      const keys = (await redis.keys("alertferry:*"))
        .filter((key) => !/:(sent|revisions|events)/.test(key))
        .sort();
      return Promise.all(keys.map(async (key) => `${key}: ${await contentOf(redis, key)}`));
    });
  }

  /** Contents of batches that lie in Redis. */
  batchesLeft(): Promise<number> {
    return this.redis.ask(async (redis) => (await redis.keys("alertferry:batch:*")).length);
  }
}

async function contentOf(redis: Redis, key: string): Promise<string> {
  switch (await redis.type(key)) {
    case "list":
      return (await redis.lrange(key, 0, 20)).join(" ");
    case "zset":
      return (await redis.zrange(key, 0, "20", "WITHSCORES")).join(" ");
    case "set":
      return (await redis.smembers(key)).slice(0, 20).join(" ");
    case "hash":
      return JSON.stringify({ ...(await redis.hgetall(key)), body: undefined }).slice(0, 400);
    default:
      return String(await redis.get(key));
  }
}
