/** Why an answer from the consent page leads nowhere. */
export interface Refusal {
  readonly why: keyof typeof REFUSALS;
  readonly status: number;
  readonly says: string;
  readonly next: string;
}

/** Each with a sentence of its own, for the administrator who sees it and for our log. */
const REFUSALS = {
  forged: {
    status: 400,
    says: "This answer does not belong to a request of ours.",
    next: "Open the link of our message as it is. If it still fails, ask us for a new one.",
  },
  expired: {
    status: 410,
    says: "The link has expired.",
    next: "Ask us for a new one.",
  },
  used: {
    status: 409,
    says: "The link has been used already.",
    next: "There is nothing to do twice. To change your answer, ask us for a new link.",
  },
  declined: {
    status: 200,
    says: "The permissions were declined. We cannot read your alerts, and nothing was set up.",
    next: "If that was not meant, ask us for a new link.",
  },
  refused: {
    status: 200,
    says: "Microsoft did not accept the consent, and nothing was set up.",
    next: "The consent needs a Privileged Role Administrator or a Global Administrator. Then ask us for a new link.",
  },
  "other-tenant": {
    status: 403,
    says: "The consent came from another directory than the one it was asked of, and nothing was set up.",
    next: "Sign in with an account of the directory that you named to us, and ask us for a new link.",
  },
  incomplete: {
    status: 400,
    says: "The answer says neither that the permissions were granted nor why not, and nothing was set up.",
    next: "Ask us for a new link.",
  },
  unknown: {
    status: 410,
    says: "We no longer ask for this consent, and nothing was set up.",
    next: "Ask us what has changed.",
  },
} as const;

export function refusal(why: keyof typeof REFUSALS, detail?: string): Refusal {
  const { says, ...row } = REFUSALS[why];
  return { why, ...row, says: detail === undefined ? says : `${says} (${detail})` };
}

/**
 * What keeps the answer from being a consent of that directory. `error` counts first: `admin_consent=True` comes with
 * failures too (learn.microsoft.com/entra/identity-platform/v2-admin-consent#error-response).
 */
export function flawOf(query: URLSearchParams, tenantId: string): Refusal | undefined {
  const error = query.get("error");
  if (error !== null) {
    // What Microsoft says at length is foreign text; its number is enough.
    const code = /AADSTS\d{4,9}/.exec(query.get("error_description") ?? "")?.[0];
    const isDeclined = code === "AADSTS65004" || error === "permission_denied" || error === "access_denied";
    return isDeclined ? refusal("declined") : refusal("refused", code);
  }
  if (query.get("admin_consent")?.toLowerCase() !== "true") return refusal("incomplete");
  return query.get("tenant")?.toLowerCase() === tenantId ? undefined : refusal("other-tenant");
}
