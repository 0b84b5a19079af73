/** Proof that a read job is still ours: its lock in Redis holds our token. */
export interface Fence {
  readonly lockKey: string;
  readonly token: string;
  /** The Redis that the round began with (`run_id` of INFO); absent where nothing before it is relied on. */
  readonly redisId?: string;
}

/** Redis was started again, or a replica took over, while the round went on: it may have forgotten what was queued. */
export class RedisRestarted extends Error {
  override readonly name = "RedisRestarted";

  constructor() {
    super(
      "Redis was started again during a round, which is read again since something of it may be forgotten.",
    );
  }
}

/** The job was taken over by another process; whoever holds it now goes on. */
export class FencedOff extends Error {
  override readonly name = "FencedOff";

  constructor(tenant: string) {
    super(`A read job of ${tenant} was taken over.`);
  }
}
