#include "http/compress/compress.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "http/semantics/negotiate.h"
#include "http/wire/syntax.h"

namespace corelane::http {
namespace {

// Encoders for the next response. One thread.
class EncoderPool {
 public:
  explicit EncoderPool(const CompressOptions& options)
      : most_(options.idle_encoders),
        levels_{options.zstd_level, options.brotli_level, options.gzip_level} {}

  std::unique_ptr<Encoder> Take(Coding coding) {
    const auto at = static_cast<size_t>(coding);
    if (idle_[at].empty()) return MakeEncoder(coding, levels_[at]);
    std::unique_ptr<Encoder> encoder = std::move(idle_[at].back());
    idle_[at].pop_back();
    return encoder;
  }
  void Give(Coding coding, std::unique_ptr<Encoder> encoder) {
    auto& idle = idle_[static_cast<size_t>(coding)];
    if (idle.size() >= most_) return;
    encoder->Reset();
    idle.push_back(std::move(encoder));
  }

 private:
  const size_t most_;
  const std::array<int, kCodingCount> levels_;
  std::array<std::vector<std::unique_ptr<Encoder>>, kCodingCount> idle_;
};

// An encoder of the pool, for as long as it is needed.
class Borrowed {
 public:
  Borrowed(std::shared_ptr<EncoderPool> pool, Coding coding)
      : pool_(std::move(pool)), coding_(coding), encoder_(pool_->Take(coding)) {}
  Borrowed(Borrowed&&) = default;
  ~Borrowed() {
    if (encoder_ != nullptr) pool_->Give(coding_, std::move(encoder_));
  }
  explicit operator bool() const { return encoder_ != nullptr; }
  Encoder* operator->() const { return encoder_.get(); }

 private:
  std::shared_ptr<EncoderPool> pool_;
  Coding coding_;
  std::unique_ptr<Encoder> encoder_;
};

class CompressedSource final : public BodySource {
 public:
  CompressedSource(std::unique_ptr<BodySource> inner, Borrowed encoder)
      : inner_(std::move(inner)), encoder_(std::move(encoder)), buffer_(kBuffer, '\0') {}

  Result Read(std::span<char> out) override {
    size_t written = 0;
    size_t taken = 0;
    while (!ended_ && written < out.size()) {
      if (in_.empty() && until_ == Encoder::Until::kFull) {
        // So much at a time, and never nothing to show for it: the lane has others to serve.
        if (taken >= kMostTaken) {
          if (written > 0) break;
          until_ = Encoder::Until::kFlush;
        } else if (!Pull()) {
          return failed_       ? Result::Failed()
                 : written > 0 ? Result::Data(written)
                               : Result::Pending();
        }
        taken += in_.size();
      }
      const Encoder::Step step = encoder_->Encode(in_, out.subspan(written), until_);
      if (step.failed) return Result::Failed();
      written += step.written;
      if (!step.done || until_ == Encoder::Until::kFull) continue;
      ended_ = until_ == Encoder::Until::kEnd;
      until_ = Encoder::Until::kFull;
      flushed_ = true;
      taken = 0;
    }
    return written > 0 ? Result::Data(written) : Result::End();
  }

  Task<void> Wait() override { return inner_->Wait(); }
  const FieldLines* trailers() const override { return inner_->trailers(); }

 private:
  static constexpr size_t kBuffer = 16 << 10;
  static constexpr size_t kMostTaken = 128 << 10;

  // Sets in_ or until_. False: it is pending with all flushed, or failed_.
  bool Pull() {
    const Result result = inner_->Read(buffer_);
    switch (result.kind) {
      case Result::Kind::kData:
        in_ = std::string_view(buffer_).substr(0, result.size);
        flushed_ = false;
        return true;
      case Result::Kind::kEnd:
        until_ = Encoder::Until::kEnd;
        return true;
      case Result::Kind::kPending:
        if (flushed_) return false;
        until_ = Encoder::Until::kFlush;
        return true;
      case Result::Kind::kFailed:
        break;
    }
    failed_ = true;
    return false;
  }

  std::unique_ptr<BodySource> inner_;
  Borrowed encoder_;
  std::string buffer_;
  std::string_view in_;  // What of the buffer the encoder has not taken.
  Encoder::Until until_ = Encoder::Until::kFull;
  bool flushed_ = true;
  bool ended_ = false;
  bool failed_ = false;
};

// Nothing: it would not be smaller.
std::optional<std::string> CompressWhole(std::string_view body, const Borrowed& encoder) {
  std::string out(body.size(), '\0');
  size_t written = 0;
  while (written < out.size()) {
    const Encoder::Step step =
        encoder->Encode(body, std::span<char>(out).subspan(written), Encoder::Until::kEnd);
    if (step.failed) return std::nullopt;
    written += step.written;
    if (!step.done) continue;
    out.resize(written);
    return out;
  }
  return std::nullopt;
}

bool TypeIsOneOf(std::string_view type, const std::vector<std::string>& patterns) {
  type = TrimBlanks(type.substr(0, type.find(';')));
  if (type.empty()) return false;
  const bool events = EqualsIgnoreCase(type, "text/event-stream");
  return std::any_of(patterns.begin(), patterns.end(), [&](std::string_view pattern) {
    if (EqualsIgnoreCase(type, pattern)) return true;
    if (events) return false;
    if (pattern.starts_with("*+")) {
      pattern.remove_prefix(1);
      return type.size() > pattern.size() &&
             EqualsIgnoreCase(type.substr(type.size() - pattern.size()), pattern);
    }
    if (!pattern.ends_with("/*")) return false;
    pattern.remove_suffix(1);
    return EqualsIgnoreCase(type.substr(0, pattern.size()), pattern);
  });
}

// Whether it may be compressed, for one client or another.
bool IsCandidate(const Response& response, const CompressOptions& options) {
  const int status = response.status();
  if (status < 200 || status == 204 || status == 206 || status == 304 || !response.valid()) {
    return false;
  }
  if (response.Find("content-encoding") || response.Find("content-range")) return false;
  if (ListContains(response.Find("cache-control").value_or(""), "no-transform")) return false;
  if (!TypeIsOneOf(response.Find("content-type").value_or(""), options.types)) return false;
  const std::optional<uint64_t> size = response.source() != nullptr
                                           ? response.source()->size()
                                           : std::optional<uint64_t>(response.body().size());
  return !size || *size >= options.least_bytes;
}

void MarkCompressed(Response& response, std::string_view coding) {
  response.Add("Content-Encoding", coding);
  response.Remove("Accept-Ranges");
  const std::string tag(response.Find("etag").value_or(""));
  if (tag.starts_with('"')) response.Set("ETag", "W/" + tag);
}

void CompressBody(Response& response, Coding coding, const CompressOptions& options,
                  const std::shared_ptr<EncoderPool>& pool) {
  Borrowed encoder(pool, coding);
  if (!encoder) return;
  if (response.source() == nullptr && response.body().size() <= options.whole_bytes) {
    std::optional<std::string> smaller = CompressWhole(response.body(), encoder);
    if (!smaller) return;
    response.SetBody(*std::move(smaller));
  } else {
    response.SetSource(
        std::make_unique<CompressedSource>(response.TakeBodyAsSource(), std::move(encoder)));
  }
  MarkCompressed(response, CodingName(coding));
}

absl::Status Problem(std::string_view option, std::string_view value, const std::string& right) {
  const std::string text = "compress: " + std::string(option) + ": value \"" + std::string(value) +
                           "\": expected " + right;
  return absl::InvalidArgumentError(text);
}

absl::Status Check(const CompressOptions& options) {
  const std::pair<std::string_view, std::pair<Coding, int>> levels[] = {
      {"zstd_level", {Coding::kZstd, options.zstd_level}},
      {"brotli_level", {Coding::kBrotli, options.brotli_level}},
      {"gzip_level", {Coding::kGzip, options.gzip_level}}};
  for (const auto& [name, level] : levels) {
    const LevelRange range = LevelsOf(level.first);
    if (level.second < range.least || level.second > range.most) {
      return Problem(name, std::to_string(level.second),
                     std::to_string(range.least) + " to " + std::to_string(range.most));
    }
  }
  if (options.codings.empty()) return Problem("codings", "", "at least one");
  for (const std::string& type : options.types) {
    if (type.find('/') == std::string::npos && !type.starts_with("*+")) {
      return Problem("types", type, "one such as application/json, text/* or *+json");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Middleware> Compress(CompressOptions options) {
  if (const absl::Status status = Check(options); !status.ok()) return status;
  auto pool = std::make_shared<EncoderPool>(options);
  std::vector<std::string_view> names;
  for (const Coding coding : options.codings) names.push_back(CodingName(coding));
  auto shared = std::make_shared<const CompressOptions>(std::move(options));
  Middleware middleware = [shared, pool, names](const Request& request,
                                                Next next) -> Task<Response> {
    Response response = co_await next(request);
    if (!IsCandidate(response, *shared)) co_return response;
    // Also where this client gets it as it is.
    if (!ListContains(response.Find("vary").value_or(""), "Accept-Encoding")) {
      response.Add("Vary", "Accept-Encoding");
    }
    const AcceptEncoding accept(request.fields());
    if (const std::optional<size_t> chosen = accept.Choose(names)) {
      CompressBody(response, shared->codings[*chosen], *shared, pool);
    }
    co_return response;
  };
  return middleware;
}

}  // namespace corelane::http
