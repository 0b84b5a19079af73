/** Proof that a read job is still ours: its lock in Redis holds our token. */
export interface Fence {
  readonly lockKey: string;
  readonly token: string;
}

/** The job was taken over by another process; whoever holds it now goes on. */
export class FencedOff extends Error {
  override readonly name = "FencedOff";

  constructor(tenant: string) {
    super(`A read job of ${tenant} was taken over.`);
  }
}
