import { lookup as lookUp } from "node:dns";
import { lookup } from "node:dns/promises";
import { BlockList, isIP, isIPv6, type LookupFunction } from "node:net";

/**
 * Addresses that lead to the machine's own surroundings: link-local ones (RFC 3927, RFC 4291 section 2.5.6), among them
 * the metadata endpoint of every large cloud, and AWS's second one, which is not. An IPv4 address inside an IPv6 one
 * (`::ffff:169.254.169.254`) is found too.
 */
const LINK_LOCAL = new BlockList();
LINK_LOCAL.addSubnet("169.254.0.0", 16, "ipv4");
LINK_LOCAL.addSubnet("fe80::", 10, "ipv6");
LINK_LOCAL.addAddress("fd00:ec2::254", "ipv6");

/**
 * The link-local address that a host is or leads to, if any of its addresses is one. A name that cannot be resolved
 * leads nowhere: to say so is left to whoever connects.
 *
 * @param hostname as URL has it: `example.com`, `169.254.169.254`, `[fe80::1]`
 */
export async function linkLocalAddress(hostname: string): Promise<string | undefined> {
  const host = hostname.replace(/^\[|\]$/g, "");
  const addresses =
    isIP(host) !== 0 ? [{ address: host }] : await lookup(host, { all: true }).catch(() => []);
  return addresses.find(({ address }) => isLinkLocal(address))?.address;
}

/**
 * As the system looks names up, but finds nothing where an address is link-local: the name may have come to mean another
 * address since it was asked for.
 */
export const lookupOutside: LookupFunction = (hostname, options, done) => {
  lookUp(hostname, options, (cause, found, family) => {
    const addresses = typeof found === "string" ? [{ address: found }] : (found ?? []);
    if (cause !== null || !addresses.some(({ address }) => isLinkLocal(address)))
      return done(cause, found, family);
    done(Object.assign(new Error(`${hostname} is link-local.`), { code: "ENOTFOUND" }), found, family);
  });
};

function isLinkLocal(address: string): boolean {
  // `fe80::1%eth0`
  const plain = address.replace(/%.*$/, "");
  return LINK_LOCAL.check(plain, isIPv6(plain) ? "ipv6" : "ipv4");
}
