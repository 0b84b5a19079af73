import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** What the instance metadata service of an Azure machine was asked, and what it gives. */
interface MetadataEndpoint {
  /** `http://127.0.0.1:41234` */
  readonly origin: string;
  readonly asked: { readonly resource: string; readonly clientId: string | undefined }[];
}

/**
 * The metadata endpoint of an Azure machine, which gives tokens of its managed identity to whoever sends the header
 * `Metadata: true`. learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
 */
export async function startMetadataEndpoint(
  tokenFor: (resource: string) => string,
): Promise<MetadataEndpoint> {
  const asked: MetadataEndpoint["asked"] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://metadata");
    const resource = url.searchParams.get("resource");
    const refuse = (status: number, error: string) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ error }));
    // The SDK closes the path with a slash where the host is configured.
    if (url.pathname.replace(/\/$/, "") !== "/metadata/identity/oauth2/token") {
      refuse(404, "not_found");
      return;
    }
    if (request.headers["metadata"] !== "true" || resource === null) {
      refuse(400, "invalid_request");
      return;
    }
    asked.push({ resource, clientId: url.searchParams.get("client_id") ?? undefined });
    const body = {
      access_token: tokenFor(resource),
      client_id: "6f1d3c5b-0e2a-4b7c-9d8e-1a2b3c4d5e6f",
      expires_in: "3600",
      expires_on: String(Math.floor(Date.now() / 1000) + 3600),
      ext_expires_in: "3600",
      not_before: String(Math.floor(Date.now() / 1000)),
      resource,
      token_type: "Bearer",
    };
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  onTestFinished(() => void server.close());
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}
