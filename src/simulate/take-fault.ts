/** Something whose fault may be set and cleared at run time. */
export interface Faulty<Fault> {
  fault: Fault | undefined;
}

/** The fault that the present request meets, if any. One with a number of times is cleared after the last. */
export function takeFault<Fault extends { times?: number }>(holder: Faulty<Fault>): Fault | undefined {
  const { fault } = holder;
  if (fault?.times === undefined) return fault;
  fault.times--;
  if (fault.times <= 0) holder.fault = undefined;
  return fault;
}
