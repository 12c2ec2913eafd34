#include "http/middleware.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "http/wire/syntax.h"

namespace corelane::http {
namespace {

Task<Response> RunPlain(const PlainHandler& plain, const Request& request) {
  if (request.content_length() == uint64_t{0}) co_return plain(request);
  auto whole = std::make_unique<internal::WholeRequest>(request);
  if (std::optional<Response> refusal = co_await internal::ReadContent(request, whole->content)) {
    co_return *std::move(refusal);
  }
  whole->request.set_content(whole->content);
  Response response = plain(whole->request);
  co_return internal::Keep(std::move(whole), std::move(response));
}

// What follows the scheme in the Authorization field (RFC 9110 §11.4). Nothing: another scheme.
std::optional<std::string_view> Credentials(const Request& request, std::string_view scheme) {
  const std::string_view field = request.Header("authorization").value_or("");
  if (field.size() <= scheme.size() || field[scheme.size()] != ' ') return std::nullopt;
  if (!EqualsIgnoreCase(field.substr(0, scheme.size()), scheme)) return std::nullopt;
  return TrimBlanks(field.substr(scheme.size()));
}

// RFC 4648 §4. Nothing: it is none.
std::optional<std::string> DecodeBase64(std::string_view text) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.size() % 4 != 0) return std::nullopt;
  while (text.ends_with('=') && text.size() % 4 != 2) text.remove_suffix(1);
  if (text.size() % 4 == 1) return std::nullopt;
  std::string out;
  uint32_t bits = 0;
  size_t count = 0;
  for (const char c : text) {
    const size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> count & 0xff);
  }
  // What is left over is zero, else two texts would say the same.
  if ((bits & ((1u << count) - 1)) != 0) return std::nullopt;
  return out;
}

std::string QuotedRealm(const std::string& realm) {
  std::string quoted = "\"";
  for (const char c : realm) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

Response Challenge(std::string_view text, std::string_view status_body) {
  Response response = Response::Text(std::string(status_body), 401);
  response.Add("WWW-Authenticate", text);
  return response;
}

bool IsRequestId(std::string_view text) {
  return !text.empty() && text.size() <= 128 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

using LogFunction = std::function<void(const AccessRecord&)>;

// Counts what goes through it, and logs at its end.
class LoggedSource final : public BodySource {
 public:
  LoggedSource(std::unique_ptr<BodySource> inner, const Clock& clock, Instant begin,
               std::shared_ptr<const LogFunction> log, const AccessRecord& record)
      : inner_(std::move(inner)),
        clock_(clock),
        begin_(begin),
        log_(std::move(log)),
        record_(record) {}
  ~LoggedSource() override { Log(record_.bytes == size()); }

  std::optional<uint64_t> size() const override { return inner_->size(); }
  Result Read(std::span<char> out) override {
    const Result result = inner_->Read(out);
    if (result.kind == Result::Kind::kData) record_.bytes += result.size;
    if (result.kind == Result::Kind::kEnd) Log(true);
    if (result.kind == Result::Kind::kFailed) Log(false);
    return result;
  }
  Task<void> Wait() override { return inner_->Wait(); }
  const FieldLines* trailers() const override { return inner_->trailers(); }

 private:
  void Log(bool complete) {
    if (std::exchange(logged_, true)) return;
    record_.complete = complete;
    record_.duration = clock_.Now() - begin_;
    (*log_)(record_);
  }

  std::unique_ptr<BodySource> inner_;
  const Clock& clock_;
  const Instant begin_;
  std::shared_ptr<const LogFunction> log_;
  AccessRecord record_;
  bool logged_ = false;
};

}  // namespace

Task<Response> Next::operator()(const Request& request) const {
  return inner_->plain != nullptr ? RunPlain(inner_->plain, request) : inner_->coroutine(request);
}

Handler Wrap(Middleware middleware, Handler inner) {
  std::vector<std::shared_ptr<internal::StateNeed>> needs = inner.needs;
  // Shared, so that copies of the handler mean the same one.
  auto parts = std::make_shared<const std::pair<Middleware, Handler>>(std::move(middleware),
                                                                      std::move(inner));
  Handler made;
  made.coroutine = [parts](const Request& request) {
    return parts->first(request, Next(parts->second));
  };
  made.needs = std::move(needs);
  return made;
}

bool EqualsInConstantTime(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned char difference = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference = static_cast<unsigned char>(difference | (a[i] ^ b[i]));
  }
  return difference == 0;
}

Middleware BasicAuth(std::string realm,
                     std::function<bool(std::string_view user, std::string_view password)> check) {
  const std::string challenge = "Basic realm=" + QuotedRealm(realm) + ", charset=\"UTF-8\"";
  return
      [challenge, check = std::move(check)](const Request& request, Next next) -> Task<Response> {
        if (const auto credentials = Credentials(request, "Basic")) {
          const std::optional<std::string> text = DecodeBase64(*credentials);
          const size_t colon = text ? text->find(':') : std::string::npos;
          if (colon != std::string::npos && check(std::string_view(*text).substr(0, colon),
                                                  std::string_view(*text).substr(colon + 1)))
            co_return co_await next(request);
        }
        co_return Challenge(challenge, "who are you?\n");
      };
}

Middleware BearerAuth(std::string realm, std::function<bool(std::string_view token)> check) {
  const std::string challenge = "Bearer realm=" + QuotedRealm(realm);
  return
      [challenge, check = std::move(check)](const Request& request, Next next) -> Task<Response> {
        const auto token = Credentials(request, "Bearer");
        if (token && check(*token)) co_return co_await next(request);
        // RFC 6750 §3.1: a request without a token is told nothing of an error.
        co_return Challenge(token ? challenge + ", error=\"invalid_token\"" : challenge,
                            "who are you?\n");
      };
}

Middleware Timeout(Duration most) {
  return [most](const Request& request, Next next) -> Task<Response> {
    request.SetTimeout(most);
    std::optional<Response> response;
    try {
      response.emplace(co_await next(request));
    } catch (const HandlerTimeout&) {
      // Answered below, as where the handler has caught it.
    }
    const bool late = request.timed_out();
    request.SetTimeout(Duration::max());
    if (late || !response) co_return Response::Text("this took too long\n", 503);
    co_return *std::move(response);
  };
}

Middleware ConcurrencyLimit(size_t most) {
  struct Place {
    explicit Place(std::shared_ptr<size_t> count) : count(std::move(count)) { ++*this->count; }
    ~Place() { --*count; }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    std::shared_ptr<size_t> count;
  };
  return [most, running = std::make_shared<size_t>(0)](const Request& request,
                                                       Next next) -> Task<Response> {
    if (*running >= most) {
      Response busy = Response::Text("busy\n", 503);
      busy.Add("Retry-After", "1");
      co_return busy;
    }
    const Place place(running);
    co_return co_await next(request);
  };
}

Middleware BodyLimit(uint64_t most) {
  return [most](const Request& request, Next next) -> Task<Response> {
    const auto too_long = [most] {
      return Response::Text(
          "the body is too long: expected at most " + std::to_string(most) + " bytes\n", 413);
    };
    if (request.content_length().value_or(0) > most) co_return too_long();
    request.LimitBody(most);
    Response response = co_await next(request);
    // What has come behind the limit is not read to its end.
    if (request.body_over_limit()) co_return std::move(too_long().CloseConnection());
    co_return response;
  };
}

Middleware RequestId(std::function<std::string()> make) {
  return [make = std::move(make)](const Request& request, Next next) -> Task<Response> {
    const std::string_view given = request.Header("x-request-id").value_or("");
    const std::string id = IsRequestId(given) ? std::string(given) : make();
    Response response = co_await next(request);
    response.Add("X-Request-Id", id);
    co_return response;
  };
}

Middleware AccessLog(const Clock& clock, std::function<void(const AccessRecord&)> log) {
  auto shared = std::make_shared<const LogFunction>(std::move(log));
  return [&clock, log = std::move(shared)](const Request& request, Next next) -> Task<Response> {
    const Instant begin = clock.Now();
    Response response = co_await next(request);
    AccessRecord record;
    record.method = request.method();
    record.target = request.target();
    record.status = response.status();
    record.request = &request;
    const bool bodiless =
        record.method == Method::kHead || record.status == 204 || record.status == 304;
    if (!bodiless && response.source() != nullptr) {
      response.SetSource(
          std::make_unique<LoggedSource>(response.TakeSource(), clock, begin, log, record));
      co_return response;
    }
    if (!bodiless) record.bytes = response.body().size();
    record.duration = clock.Now() - begin;
    (*log)(record);
    co_return response;
  };
}

}  // namespace corelane::http
