import type { LoadedConfig } from "../config/load.ts";
import { planReload } from "../config/plan.ts";
import type { Checks } from "../http/health.ts";
import type { RunningServer } from "../http/server.ts";
import { describeProblem, StartupError } from "../model/failure.ts";
import { takeHistory } from "../pipeline/history.ts";
import { type Snapshot, takeSnapshot } from "../pipeline/snapshot.ts";
import type { BullParts } from "../queue/bull.ts";
import { createCodec } from "../queue/codec.ts";
import {
  checkRedis,
  connectRedis,
  openRedis,
  type RedisConnection,
  type RedisPlace,
} from "../queue/connection.ts";
import { createKeys } from "../queue/keys.ts";
import { createStore, type Store } from "../queue/store.ts";
import { createEvents, type Events } from "../telemetry/events.ts";
import { createLogger, type LogStream } from "../telemetry/logger.ts";
import { createMetrics, type Metrics } from "../telemetry/metrics.ts";
import { openHttp } from "./http.ts";
import { measure } from "./measure.ts";
import { createOnboarding, type Enrolment, type OnboardingDesk, openOnboarding } from "./onboarding.ts";
import { type Pipeline, type Roles, startPipeline } from "./pipeline.ts";
import { watchReplicas } from "./replicas.ts";

export interface DaemonSettings {
  readonly version: string;
  readonly roles: Roles & { readonly http: boolean };
  readonly logStream: LogStream;
  readonly logLevel: string;
  /** Absent where no tenants can be added. */
  readonly enrolment?: Enrolment;
}

/** How long a page or a health check waits for Redis. */
const REDIS_PATIENCE_MS = 2000;
/** How long what was cut off at the deadline may take to hand its work back. */
const LAST_GRACE_MS = 1000;

/**
 * The whole program. States: *starting* until every part is up, *running*, *stopping* from the first signal on,
 * *stopped*. Only starting can fail; a running daemon waits for what is away and goes on.
 */
export class Daemon {
  #loaded: LoadedConfig;
  readonly #settings: DaemonSettings;
  readonly #metrics: Metrics = createMetrics();
  readonly #events: Events;
  /** Grows with each reload: a secret that was replaced is a secret still. */
  readonly #secrets: string[];
  #place: RedisPlace | undefined;
  #redis: RedisConnection | undefined;
  #store: Store | undefined;
  #bull: BullParts | undefined;
  #pipeline: Pipeline | undefined;
  #replicas: ReturnType<typeof watchReplicas> | undefined;
  #onboarding: OnboardingDesk | undefined;
  #server: RunningServer | undefined;
  #stopping = false;

  constructor(loaded: LoadedConfig, settings: DaemonSettings) {
    this.#loaded = loaded;
    this.#settings = settings;
    this.#secrets = [...loaded.secrets];
    const logger = createLogger({ level: settings.logLevel, secrets: this.#secrets }, settings.logStream);
    this.#events = createEvents(logger, this.#metrics);
  }

  /** @throws StartupError when Redis, its directory or the HTTP port cannot be had; all is closed again then. */
  async start(): Promise<void> {
    const { config } = this.#loaded;
    const { queue, http } = config;
    const events = this.#events;
    const [weakness, ...more] = this.#loaded.warnings;
    if (weakness !== undefined) events.configWarning(describeProblem(weakness), more.length);
    try {
      this.#place = await openRedis(queue, events.redisRestarted);
      const onError = (error: Error) => {
        if (!this.#stopping) events.redisTrouble(error);
      };
      this.#redis = connectRedis(this.#place, onError);
      this.#redis.on("ready", events.redisAnswers);
      const transience = await checkRedis(this.#redis, this.#place);
      if (transience !== undefined) events.configWarning(transience, 0);
      const key = queue.encryptionKey === undefined ? undefined : Buffer.from(queue.encryptionKey, "base64");
      this.#store = createStore(this.#redis, createKeys(queue.prefix), createCodec(key), queue.remember);
      await this.#store.claimFormat();
      this.#bull = { redis: this.#redis, prefix: queue.prefix, onError };
      this.#pipeline = await startPipeline(config, this.#settings.roles, this.#bull, this.#store, events);
      this.#replicas = watchReplicas(this.#store, events);
      if (this.#settings.roles.http) this.#server = await this.#openServer(this.#store, this.#bull);
    } catch (cause) {
      events.daemonFailed(cause);
      await this.#close(AbortSignal.abort());
      throw cause;
    }
    events.daemonStarted({
      version: this.#settings.version,
      tenants: config.tenants.length,
      sinks: Object.keys(config.sinks).length,
      http: this.#server?.url ?? `off (would be ${http.host}:${http.port})`,
      redis: this.#place.name,
    });
  }

  /**
   * Goes on with another configuration: tenants and sinks are replaced whole, what is under way finishes first or
   * goes back to the queue. Where Redis, HTTP and the log are cannot change in a running daemon.
   */
  async reload(loaded: LoadedConfig): Promise<void> {
    if (
      this.#stopping ||
      this.#pipeline === undefined ||
      this.#bull === undefined ||
      this.#store === undefined
    )
      return;
    const before = this.#loaded.config;
    const { config } = loaded;
    const { tenants, sinks, atNextStart } = planReload(before, config);
    await this.#pipeline.stop(AbortSignal.timeout(before.shutdownTimeout));
    this.#loaded = loaded;
    this.#secrets.push(...loaded.secrets);
    this.#pipeline = await startPipeline(config, this.#settings.roles, this.#bull, this.#store, this.#events);
    this.#events.configReloaded({ tenants, sinks });
    if (atNextStart.length > 0) {
      this.#events.configWarning(
        `Changes of ${atNextStart.join(", ")} take effect when the daemon is started again.`,
        0,
      );
    }
  }

  /** A changed configuration cannot be used; the one in force stays. */
  rejectReload(error: unknown): void {
    this.#events.configRejected(error);
  }

  /** Where the HTTP server listens; undefined when it does not. */
  get url(): string | undefined {
    return this.#server?.url;
  }

  /** Stops reading, finishes or hands back what is under way, and closes everything. @param why the signal's name. */
  async stop(why: string): Promise<void> {
    const startedAt = performance.now();
    this.#stopping = true;
    this.#events.daemonStopping(why);
    await this.#close(AbortSignal.timeout(this.#loaded.config.shutdownTimeout));
    this.#events.daemonStopped(Math.round(performance.now() - startedAt));
  }

  async #close(deadline: AbortSignal): Promise<void> {
    await beforeLong(this.#pipeline?.stop(deadline), deadline);
    await beforeLong(this.#server?.close(), deadline);
    await beforeLong(this.#onboarding?.stop(), deadline);
    await beforeLong(this.#replicas?.stop(), deadline);
    this.#redis?.disconnect();
    await this.#place?.stop();
  }

  #openServer(store: Store, bull: BullParts): Promise<RunningServer> {
    const config = () => this.#loaded.config;
    const flow = createOnboarding(config, store, this.#settings.enrolment, this.#events.onboardingChanged);
    const onboarding = openOnboarding(flow, config, this.#events.onboardingTrouble);
    this.#onboarding = onboarding;
    return openHttp({
      http: this.#loaded.config.http,
      ready: () => this.#ready(),
      metrics: async (accept) => {
        await this.#measure();
        const { contentType, text } = await this.#metrics.page(accept);
        return { status: 200, headers: { "content-type": contentType }, body: text };
      },
      snapshot: () => this.snapshot(),
      onboarding,
      page: {
        version: this.#settings.version,
        history: (hours) => inTime(takeHistory(store, this.#pipeline?.watched.sinks ?? [], hours)),
      },
      store,
      bull,
      events: this.#events,
    });
  }

  async #ready(): Promise<Checks> {
    const redis = await inTime(this.#store?.ping()).then(
      () => "ok",
      () => "Redis does not answer.",
    );
    return {
      config: "ok",
      redis,
      pollers: this.#pipeline?.isReading() ? "ok" : "The pollers are not running.",
      ...(this.#stopping ? { daemon: "The daemon is stopping." } : {}),
    };
  }

  /** Where everything stands, from Redis. */
  snapshot(): Promise<Snapshot> {
    if (this.#store === undefined || this.#pipeline === undefined)
      throw new StartupError("The daemon is starting.");
    return inTime(takeSnapshot(this.#store, this.#pipeline.watched));
  }

  /** Brings the numbers up to date for a scrape. A Redis that is away leaves the last ones. */
  async #measure(): Promise<void> {
    const now = await this.snapshot().catch(() => undefined);
    this.#metrics.set("redis_up", {}, now === undefined ? 0 : 1);
    if (now !== undefined) await measure(this.#metrics, now, this.#loaded.config);
  }
}

/**
 * Waits for work that the deadline has ended, but not for ever: where Redis does not answer nothing can be handed back,
 * and what is under way is taken over by whoever works next.
 */
async function beforeLong(work: Promise<void> | undefined, deadline: AbortSignal): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const given = new Promise<void>((done) => {
    const giveUp = () => {
      timer = setTimeout(done, LAST_GRACE_MS);
    };
    if (deadline.aborted) giveUp();
    else deadline.addEventListener("abort", giveUp, { once: true });
  });
  await Promise.race([work, given]);
  clearTimeout(timer);
}

/** Whatever asks Redis on behalf of a page must not hang while Redis is away. */
async function inTime<T>(work: Promise<T> | undefined): Promise<T> {
  if (work === undefined) throw new StartupError("The daemon is starting.");
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Error("Redis did not answer in time.")), REDIS_PATIENCE_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
