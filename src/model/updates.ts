/** Which versions of an alert are sent: every one, those that say something new, or only the first. */
export const UPDATES = ["all", "material", "first-only"] as const;
export type Updates = (typeof UPDATES)[number];
