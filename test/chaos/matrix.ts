import type { Cell } from "./cell.ts";
import { DEATHS } from "./cells/deaths.ts";
import { FORGETTING } from "./cells/forgetting.ts";
import { OUTAGES } from "./cells/outages.ts";
import { RECEIVER } from "./cells/receiver.ts";
import { REPLICAS } from "./cells/replicas.ts";
import { RESTARTS } from "./cells/restarts.ts";
import { SOURCE } from "./cells/source.ts";
import { STORAGE } from "./cells/storage.ts";

/** Every cell, in the order of the report. */
export const MATRIX: readonly Cell[] = [
  ...DEATHS,
  ...REPLICAS,
  ...RESTARTS,
  ...OUTAGES,
  ...FORGETTING,
  ...STORAGE,
  ...RECEIVER,
  ...SOURCE,
];
