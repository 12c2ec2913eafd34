#include "examples/loadgen/report.h"

#include <array>
#include <boost/json.hpp>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <string_view>
#include <utility>

namespace corelane::load {
namespace {

namespace json = boost::json;

struct Named {
  const char* name;
  double percent;
};
constexpr Named kPercentiles[] = {{"p50", 50}, {"p75", 75},     {"p90", 90},
                                  {"p99", 99}, {"p99.9", 99.9}, {"p99.99", 99.99}};

[[gnu::format(printf, 1, 2)]] std::string Format(const char* format, ...) {
  std::array<char, 512> text;
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text.data(), text.size(), format, arguments);
  va_end(arguments);
  return text.data();
}

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

unsigned long long Wide(uint64_t n) { return n; }

// --- for people ---

std::string LatencyRow(const char* name, const Histogram& histogram) {
  std::string row = Format("  %-10s", name);
  for (const Named& p : kPercentiles) {
    row += Format(" %10s", FormatDuration(histogram.Percentile(p.percent)).c_str());
  }
  return row + Format(" %10s\n", FormatDuration(histogram.max()).c_str());
}

std::string LatencyTable(const Result& result) {
  std::string text = Format("  %-10s", "latency");
  for (const Named& p : kPercentiles) text += Format(" %10s", p.name);
  text += Format(" %10s\n", "max");
  text += LatencyRow("service", result.tally.service);
  if (result.rate) text += LatencyRow("response", result.tally.response);
  const Histogram& shown = result.rate ? result.tally.response : result.tally.service;
  text += "  mean " + FormatDuration(shown.Mean()) + ", standard deviation " +
          FormatDuration(shown.StandardDeviation()) + ", min " + FormatDuration(shown.min());
  return text + (result.rate ? "; response counts from when a request was due\n" : "\n");
}

std::string StatusLine(const Tally& tally) {
  std::string text = "  status ";
  for (size_t status = 0; status < Tally::kMaxStatus; ++status) {
    if (tally.by_status[status] == 0) continue;
    text += Format(" %zu: %llu", status, Wide(tally.by_status[status]));
  }
  return text + "\n";
}

std::string FailureLines(const Tally& tally) {
  std::string text;
  for (size_t i = 0; i < kFailures; ++i) {
    if (tally.failures[i] == 0) continue;
    text += Format("  failed: %s %llu times, first: %s\n", std::string(kFailureNames[i]).c_str(),
                   Wide(tally.failures[i]), tally.reasons[i].c_str());
  }
  if (tally.unsent > 0) {
    text += Format("  %llu requests were due but never sent: no connection was free\n",
                   Wide(tally.unsent));
  }
  return text;
}

// --- for machines ---

// Pairs of percent and value, up to the largest: each step halves what is above it, with five in
// each half, as HdrHistogram prints it.
json::array DistributionJson(const Histogram& histogram) {
  json::array pairs;
  constexpr int kSteps = 5;
  for (double left = 100; left > 1e-6 && histogram.count() > 0; left /= 2) {
    for (int i = 0; i < kSteps; ++i) {
      const double percent = 100 - left + left / 2 * i / kSteps;
      const Duration value = histogram.Percentile(percent);
      pairs.push_back(json::array{percent, value.count()});
      if (value == histogram.max()) return pairs;
    }
  }
  return pairs;
}

json::object HistogramJson(const Histogram& histogram) {
  json::object object;
  object["count"] = histogram.count();
  object["min"] = histogram.min().count();
  object["mean"] = histogram.Mean().count();
  object["stddev"] = histogram.StandardDeviation().count();
  for (const Named& p : kPercentiles) object[p.name] = histogram.Percentile(p.percent).count();
  object["max"] = histogram.max().count();
  object["distribution"] = DistributionJson(histogram);
  return object;
}

}  // namespace

double Result::rate_reached() const {
  return measured > Duration::zero() ? static_cast<double>(tally.in_window) / Seconds(measured) : 0;
}

std::string FormatDuration(Duration duration) {
  const auto ns = static_cast<double>(duration.count());
  if (ns < 1e3) return Format("%.0f ns", ns);
  if (ns < 1e6) return Format("%.2f us", ns / 1e3);
  if (ns < 1e9) return Format("%.2f ms", ns / 1e6);
  return Format("%.3f s", ns / 1e9);
}

std::string FormatBytes(double bytes) {
  constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB"};
  size_t unit = 0;
  for (; bytes >= 1000 && unit + 1 < std::size(kUnits); ++unit) bytes /= 1000;
  return Format(unit == 0 ? "%.0f %s" : "%.1f %s", bytes, kUnits[unit]);
}

std::string ReportText(const Result& result) {
  const Tally& tally = result.tally;
  const double seconds = std::max(Seconds(result.measured), 1e-9);
  std::string text =
      Format("%s with %s on %llu connections, %llu in flight on each, %llu lane%s\n",
             result.url.c_str(), result.http2 ? "HTTP/2" : "HTTP/1.1", Wide(result.connections),
             Wide(result.depth), Wide(result.lanes), result.lanes == 1 ? "" : "s");
  text += Format("  %llu answers in %.3f s: %.0f requests/s", Wide(tally.answered), seconds,
                 result.rate_reached());
  if (result.rate) {
    text += Format(" of %.6g asked for, %s", *result.rate,
                   result.arrivals == Arrivals::kPoisson ? "poisson" : "constant");
  }
  text += "\n  received " + FormatBytes(static_cast<double>(tally.bytes_in)) + " (" +
          FormatBytes(static_cast<double>(tally.bytes_in) / seconds) + "/s), sent " +
          FormatBytes(static_cast<double>(tally.bytes_out)) + " (" +
          FormatBytes(static_cast<double>(tally.bytes_out) / seconds) + "/s), " +
          FormatBytes(static_cast<double>(tally.body_bytes)) + " of bodies\n";
  text += Format("  opened %llu connections, each in %s (p50) to %s (max)\n",
                 Wide(tally.connections), FormatDuration(tally.connect.Percentile(50)).c_str(),
                 FormatDuration(tally.connect.max()).c_str());
  if (tally.answered > 0) text += LatencyTable(result) + StatusLine(tally);
  return text + FailureLines(tally);
}

std::string ReportJson(const Result& result) {
  const Tally& tally = result.tally;
  json::object object;
  object["url"] = result.url;
  object["protocol"] = result.http2 ? "HTTP/2" : "HTTP/1.1";
  object["connections"] = result.connections;
  object["in_flight_per_connection"] = result.depth;
  object["lanes"] = result.lanes;
  if (result.rate) {
    object["rate"] = *result.rate;
    object["arrivals"] = result.arrivals == Arrivals::kPoisson ? "poisson" : "constant";
  }
  object["seconds"] = Seconds(result.measured);
  object["requests_per_second"] = result.rate_reached();
  object["answered"] = tally.answered;
  object["failed"] = tally.failed();
  object["unsent"] = tally.unsent;
  object["connections_opened"] = tally.connections;
  object["bytes"] = {
      {"in", tally.bytes_in}, {"out", tally.bytes_out}, {"bodies", tally.body_bytes}};
  json::object by_status;
  for (size_t status = 0; status < Tally::kMaxStatus; ++status) {
    if (tally.by_status[status] > 0) by_status[std::to_string(status)] = tally.by_status[status];
  }
  object["status"] = std::move(by_status);
  json::object errors;
  for (size_t i = 0; i < kFailures; ++i) {
    errors[kFailureNames[i]] = {{"count", tally.failures[i]}, {"first", tally.reasons[i]}};
  }
  object["errors"] = std::move(errors);
  object["service_ns"] = HistogramJson(tally.service);
  if (result.rate) object["response_ns"] = HistogramJson(tally.response);
  object["connect_ns"] = HistogramJson(tally.connect);
  return json::serialize(object) + "\n";
}

std::string ProgressLine(Duration elapsed, Duration interval, const Recent& recent) {
  return Format("%5.0f s %10.0f/s   p50 %10s   p99 %10s   %llu errors\n", Seconds(elapsed),
                static_cast<double>(recent.answered) / std::max(Seconds(interval), 1e-9),
                FormatDuration(recent.latency.Percentile(50)).c_str(),
                FormatDuration(recent.latency.Percentile(99)).c_str(), Wide(recent.failed));
}

}  // namespace corelane::load
