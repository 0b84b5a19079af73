import { file } from "./file.ts";
import { splunkHec } from "./splunk-hec.ts";
import { stdout } from "./stdout.ts";

/** Every sink, in alphabetical order of its type. */
export const SINKS = [file, splunkHec, stdout] as const;
