import { describe } from "vitest";
import type { SourceSubject } from "../sources/bench.ts";
import { describeHoles } from "../sources/contract-holes.ts";
import { describeLinks } from "../sources/contract-links.ts";
import { describeRecords } from "../sources/contract-records.ts";
import { describeRefusals } from "../sources/contract-refusals.ts";
import { describeWindows } from "../sources/contract-windows.ts";

/** What every source must do, told of the real one over real sockets, before the simulated services. */
export function describeSource(name: string, subject: SourceSubject): void {
  describe(name, () => {
    describeWindows(subject);
    describeRefusals(subject);
    describeHoles(subject);
    describeLinks(subject);
    describeRecords(subject);
  });
}
