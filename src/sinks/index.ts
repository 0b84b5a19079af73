import { elastic } from "./elastic.ts";
import { email } from "./email.ts";
import { file } from "./file.ts";
import { sentinel } from "./sentinel.ts";
import { splunkHec } from "./splunk-hec.ts";
import { stdout } from "./stdout.ts";
import { syslog } from "./syslog.ts";
import { webhook } from "./webhook.ts";

/** Every sink, in alphabetical order of its type. */
export const SINKS = [elastic, email, file, sentinel, splunkHec, stdout, syslog, webhook] as const;
