// GET /metrics: what lanes count, in Prometheus' text format.

#ifndef CORELANE_EXAMPLES_METRICS_ROUTE_H_
#define CORELANE_EXAMPLES_METRICS_ROUTE_H_

#include "core/time.h"
#include "http/router.h"
#include "runtime/metrics/metrics.h"
#include "runtime/worker.h"

namespace corelane::examples {

struct MetricsRouteOptions {
  MetricsRouteOptions() {}

  // How long an answer waits for lanes; those that are late are left out of it.
  Duration limit = std::chrono::seconds(2);
};

// For a server on `worker`, a lane of `metrics` or not. Both outlive the router and its requests.
void AddMetricsRoute(http::Router& router, const runtime::Metrics& metrics, runtime::Worker& worker,
                     const MetricsRouteOptions& options = MetricsRouteOptions());

}  // namespace corelane::examples

#endif  // CORELANE_EXAMPLES_METRICS_ROUTE_H_
