#include "examples/load_job.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <iterator>
#include <string_view>
#include <utility>

#include "http/wire/syntax.h"
#include "runtime/app/flags.h"
#include "runtime/flags/value.h"
#include "runtime/system.h"

namespace corelane::load {
namespace {

using Mistake = runtime::FlagParser::Mistake;
using runtime::Value;

constexpr Duration kStandardSeconds = std::chrono::seconds(10);
constexpr uint64_t kMaxRequests = 1'000'000'000'000;
constexpr double kMaxRate = 100'000'000;
constexpr Duration kSelfSpin = std::chrono::milliseconds(1);
constexpr const char* kSelfDevice = "ring:self,threads=1,depth=512";
constexpr std::string_view kSelfUrl = "http://10.77.0.2/hello";

Value UrlValue(Url* target) {
  return {"URL", "a URL such as http://127.0.0.1:8080/path, or https://", "",
          [target](std::string_view text) {
            const auto url = Url::Parse(text);
            if (url) *target = *url;
            return url.has_value();
          }};
}

Value MethodValue(std::string* target) {
  return {"METHOD", "a method such as GET or POST, but not CONNECT", *target,
          [target](std::string_view text) {
            if (!http::IsToken(text) || text == "CONNECT") return false;
            *target = text;
            return true;
          }};
}

Value HeaderValue(std::vector<Field>* target) {
  return {"FIELD", "a field such as 'accept: text/html', but none of the body's framing", "",
          [target](std::string_view text) {
            auto field = ParseField(text);
            if (!field) return false;
            for (const char* const ours : {"content-length", "transfer-encoding"}) {
              if (http::EqualsIgnoreCase(field->first, ours)) return false;
            }
            target->push_back(*std::move(field));
            return true;
          }};
}

// TEXT or @FILE.
Value BodyValue(std::string* target) {
  return {"TEXT|@FILE", "the body's text, or @ and a file that can be read", "",
          [target](std::string_view text) {
            if (!text.starts_with('@')) {
              *target = text;
              return true;
            }
            std::ifstream file(std::string(text.substr(1)), std::ios::binary);
            if (!file) return false;
            target->assign(std::istreambuf_iterator<char>(file), {});
            return !file.bad();
          }};
}

Value CountValue(std::optional<uint64_t>* target) {
  return {"N", "an integer from 1 to " + std::to_string(kMaxRequests), "",
          [target](std::string_view text) {
            uint64_t n = 0;
            if (!runtime::Integer(&n, 1, kMaxRequests).read(text)) return false;
            *target = n;
            return true;
          }};
}

Value RateValue(std::optional<double>* target) {
  return {"R", "requests per second, from 0.001 to " + runtime::PrintDecimal(kMaxRate), "",
          [target](std::string_view text) {
            double rate = 0;
            if (!runtime::Number(&rate, 0.001, kMaxRate).read(text)) return false;
            *target = rate;
            return true;
          }};
}

Value SecondsValue(Duration* target, double min) {
  Value value;
  value.placeholder = "S";
  value.expected = "seconds from " + runtime::PrintDecimal(min) + " to 3600, such as 0.5";
  value.standard = runtime::PrintDecimal(std::chrono::duration<double>(*target).count());
  value.read = [target, min](std::string_view text) {
    double seconds = 0;
    if (!runtime::Number(&seconds, min, 3600).read(text)) return false;
    *target = Duration(std::llround(seconds * 1e9));
    return true;
  };
  return value;
}

Value ArrivalsValue(Arrivals* target) {
  return {"KIND", "constant or poisson", "constant", [target](std::string_view text) {
            if (text != "constant" && text != "poisson") return false;
            *target = text == "poisson" ? Arrivals::kPoisson : Arrivals::kConstant;
            return true;
          }};
}

void AddRequestFlags(runtime::FlagParser& parser, Job& job) {
  parser.AddFlag("--method", MethodValue(&job.request.method), "of the request");
  parser.AddRepeatedFlag("--header", HeaderValue(&job.request.fields),
                         "'name: value', sent with each request");
  parser.AddFlag("--body", BodyValue(&job.request.body), "sent with each request");
  parser.AddSwitch("--http2", &job.http2,
                   "speaks HTTP/2: by ALPN with https, by prior knowledge with http");
  parser.AddSwitch("--insecure", &job.insecure, "takes any certificate");
  parser.AddFlag("--ca", runtime::Text(&job.ca, "PEM"),
                 "certificates that are trusted, instead of the system's");
}

void AddPaceFlags(runtime::FlagParser& parser, Job& job) {
  parser.AddFlag("--connections", runtime::Integer(&job.connections, 1, 1'000'000),
                 "to keep open, over all lanes");
  parser.AddFlag("--streams", runtime::Integer(&job.streams, 1, 10'000),
                 "HTTP/2: requests in flight on each connection");
  parser.AddFlag("--pipeline", runtime::Integer(&job.pipeline, 1, 10'000),
                 "HTTP/1.1: requests in flight on each connection");
  parser.AddFlag("--requests", CountValue(&job.requests),
                 "ends after so many; where neither they nor --seconds are given, after 10 s");
  parser.AddFlag("--warmup", SecondsValue(&job.warmup, 0), "how long is not measured first");
  parser.AddFlag("--rate", RateValue(&job.rate),
                 "requests per second over all connections, sent when they are due whether or not "
                 "those before have been answered; without it each answer brings the next request");
  parser.AddFlag("--arrivals", ArrivalsValue(&job.arrivals),
                 "of --rate: constant gaps, or poisson, independent ones");
  parser.AddFlag("--timeout", SecondsValue(&job.timeout, 0.001),
                 "for an answer, and for a connection");
  parser.AddFlag("--json", runtime::Text(&job.json, "FILE"), "writes the result for machines");
}

std::optional<Mistake> CheckSelf(const runtime::FlagParser& parser, const Job& job) {
  if (!job.self) {
    if (!job.server_tls.enabled()) return std::nullopt;
    return Mistake{"--tls_cert", "is for the server of --self", "--self as well"};
  }
  for (const char* const flag : {"--address", "--gateway", "--neighbor", "--vlan"}) {
    if (parser.WasGiven(flag)) {
      return Mistake{flag, "cannot go with --self", "none: --self has a wire of its own"};
    }
  }
  if (parser.WasGiven("--device") && job.app.device_scheme() != "ring") {
    return Mistake{"--device", "value '" + job.app.device + "' cannot go with --self",
                   std::string("a ring for both ends, such as ") + kSelfDevice};
  }
  if (job.request.url.secure && !job.server_tls.enabled()) {
    return Mistake{"URL", "https needs a certificate for the server of --self",
                   "--tls_cert and --tls_key as well"};
  }
  if (!job.request.url.secure && job.server_tls.enabled()) {
    return Mistake{"--tls_cert", "cannot go with http", "a URL with https"};
  }
  return std::nullopt;
}

std::optional<Mistake> CheckJob(const runtime::FlagParser& parser, const Job& job) {
  if (parser.WasGiven("--listen")) {
    return Mistake{"--listen", "this program connects", "a URL and no --listen"};
  }
  if (job.connections < job.app.lanes) {
    return Mistake{"--connections", "value '" + std::to_string(job.connections) + "'",
                   "at least one for each of --lanes " + std::to_string(job.app.lanes)};
  }
  if (job.requests && *job.requests < job.app.lanes) {
    return Mistake{"--requests", "value '" + std::to_string(*job.requests) + "'",
                   "at least one for each of --lanes " + std::to_string(job.app.lanes)};
  }
  const std::pair<const char*, const char*> needs[] = {{"--arrivals", "--rate"},
                                                       {"--streams", "--http2"}};
  for (const auto& [flag, other] : needs) {
    if (parser.WasGiven(flag) && !parser.WasGiven(other)) {
      return Mistake{flag, "means nothing alone", std::string(other) + " as well"};
    }
  }
  if (parser.WasGiven("--pipeline") && job.http2) {
    return Mistake{"--pipeline", "cannot go with --http2", "--streams"};
  }
  for (const char* const flag : {"--insecure", "--ca"}) {
    if (parser.WasGiven(flag) && !job.request.url.secure) {
      return Mistake{flag, "means nothing with http", "a URL with https"};
    }
  }
  return CheckSelf(parser, job);
}

}  // namespace

Job::Job() {
  app.device = "kernel:";
  app.addresses = {*IpPrefix::Parse("10.77.0.2/24"), *IpPrefix::Parse("fd77::2/64")};
  app.drain = std::chrono::milliseconds(500);
  app.stack.tcp.no_delay = true;
  request.url = *Url::Parse(kSelfUrl);
}

Plan Job::PlanOf(size_t lane) const {
  const uint64_t lanes = app.lanes;
  const auto share = [&](uint64_t all) { return all / lanes + (lane < all % lanes ? 1 : 0); };
  Plan plan;
  plan.connections = share(connections);
  plan.depth = depth();
  if (requests) plan.requests = share(*requests);
  plan.seconds = seconds;
  plan.warmup = warmup;
  plan.timeout = timeout;
  if (rate) plan.rate = *rate / static_cast<double>(lanes);
  plan.arrivals = arrivals;
  plan.phase = static_cast<double>(lane) / static_cast<double>(lanes);
  plan.seed = runtime::RandomSeed();
  return plan;
}

std::optional<int> ParseJob(runtime::FlagParser& parser, int argc, char** argv, Job& job) {
  Value url = UrlValue(&job.request.url);
  url.standard = kSelfUrl;  // Told apart below: only --self has one.
  parser.AddPositional("URL", std::move(url), "what to ask for; the default is for --self alone");
  AddRequestFlags(parser, job);
  AddPaceFlags(parser, job);
  parser.AddSwitch("--self", &job.self,
                   "is the server too: the demonstration's, on a lane and a ring of its own");
  // Before what the flags of the stack are held against.
  parser.AddCheck([&]() -> std::optional<Mistake> {
    if (job.self && !parser.WasGiven("--device")) job.app.device = kSelfDevice;
    return std::nullopt;
  });
  runtime::AddAppFlags(parser, job.app);
  examples::AddTlsFlags(parser, job.server_tls);
  parser.AddCheck([&]() -> std::optional<Mistake> {
    if (!parser.WasGiven("URL") && !job.self) {
      return Mistake{"URL", "missing", "a URL such as http://127.0.0.1:8080/path"};
    }
    return CheckJob(parser, job);
  });
  if (const auto status = parser.Parse(argc, argv)) return status;
  // Ours to keep: an App would stop by its own clock.
  job.seconds = std::exchange(job.app.seconds, std::nullopt);
  if (!job.seconds && !job.requests) job.seconds = kStandardSeconds;
  if (job.self) {
    job.app.addresses = {*IpPrefix::Parse("10.77.0.1/24"), *IpPrefix::Parse("fd77::1/64")};
    // The two ends would send each other to sleep.
    if (!parser.WasGiven("--idle-spin")) job.app.idle_spin = kSelfSpin;
  }
  return std::nullopt;
}

}  // namespace corelane::load
