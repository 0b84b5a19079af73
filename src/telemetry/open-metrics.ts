export const PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8";
export const OPEN_METRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/**
 * The same numbers as OpenMetrics writes them: counters are announced without `_total`, no line is empty, and the last
 * one says that nothing was cut off. Made from the Prometheus text, since prom-client renames its counters for good
 * when its registry is asked for the other notation, and two who scrape may want one each.
 */
export function openMetricsOf(text: string): string {
  const announced = text.replaceAll(
    /^# HELP (\S+)_total (.*)\n# TYPE \1_total counter$/gm,
    "# HELP $1 $2\n# TYPE $1 counter",
  );
  return `${announced.replaceAll(/\n{2,}/g, "\n").trimEnd()}\n# EOF\n`;
}

/** Whether an `Accept` header would rather have OpenMetrics than the Prometheus text. */
export function wantsOpenMetrics(accept = ""): boolean {
  const weights = accept.split(",").map((range) => {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const weight = parameters.find((parameter) => parameter.startsWith("q="));
    return { type, weight: weight === undefined ? 1 : Number(weight.slice(2)) || 0 };
  });
  const best = (wanted: string) =>
    Math.max(0, ...weights.filter(({ type }) => type === wanted).map(({ weight }) => weight));
  return best("application/openmetrics-text") > best("text/plain");
}
