import { z } from "zod";

/** The zod pieces that settings of sources, sinks and the daemon are made of. */

const DURATION_UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const SIZE_UNITS = { B: 1, KB: 1000, MB: 1000 ** 2, GB: 1000 ** 3 } as const;

/** `500ms`, `60s`, `15m`, `24h`, `7d` → milliseconds */
export const Duration = z
  .string()
  .regex(/^\d+(\.\d+)?(ms|s|m|h|d)$/, "must be a duration such as 500ms, 60s, 15m, 24h or 7d")
  .transform((text) => Math.round(scale(text, DURATION_UNITS)));

/** `900KB`, `5MB`, `2GB` → bytes (decimal units) */
export const ByteSize = z
  .string()
  .regex(/^\d+(\.\d+)?(B|KB|MB|GB)$/, "must be a size such as 900KB, 5MB or 2GB")
  .transform((text) => Math.round(scale(text, SIZE_UNITS)));

/** A value that is never printed or logged. */
export const Secret = z.string().min(1, "must not be empty").meta({ secret: true });

export const Guid = z
  .string()
  .regex(/^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/, "must be a GUID")
  .transform((text) => text.toLowerCase());

/** `http://` or `https://`, without a trailing slash. */
export const HttpUrl = z
  .url({ protocol: /^https?$/, error: "must be a URL that begins with https:// or http://" })
  .transform((text) => text.replace(/\/+$/, ""));

/** For what carries tokens. */
export const HttpsUrl = z
  .url({ protocol: /^https$/, error: "must be a URL that begins with https://" })
  .transform((text) => text.replace(/\/+$/, ""));

/** A path; a relative one counts from the folder of the configuration file. */
const File = z.string().min(1, "must not be empty").meta({ file: true });

export const Tls = z.strictObject({
  ca: File.optional().describe(
    "File with the PEM certificates of the authorities to trust, instead of the system's.",
  ),
  cert: File.optional().describe("File with our own PEM certificate, where the other side asks for one."),
  key: File.optional().describe("File with the PEM private key of that certificate."),
  rejectUnauthorized: z.boolean().default(true).describe("Refuse a certificate that cannot be verified."),
  serverName: z
    .string()
    .optional()
    .describe("Name to expect in the certificate, when it differs from the host."),
});
export type Tls = z.output<typeof Tls>;

export const ProxyUrl = HttpUrl.describe(
  "HTTP proxy to go through. Without it HTTPS_PROXY, HTTP_PROXY and NO_PROXY of the environment hold.",
);

function scale(text: string, units: Readonly<Record<string, number>>): number {
  const unit = /[A-Za-z]+$/.exec(text)?.[0] ?? "";
  return Number(text.slice(0, text.length - unit.length)) * (units[unit] ?? Number.NaN);
}
