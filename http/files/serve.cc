#include "http/files/serve.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

#include "core/siphash.h"
#include "http/files/body.h"
#include "http/files/listing.h"
#include "http/files/mime.h"
#include "http/semantics/negotiate.h"
#include "http/semantics/preconditions.h"
#include "http/semantics/range.h"
#include "http/wire/syntax.h"

namespace corelane::http::files {
namespace {

Response NotFound() { return Response::Static("text/plain", "not found\n", 404); }
Response Busy() {
  return std::move(Response::Static("text/plain", "busy\n", 503).Add("Retry-After", "1"));
}

bool IsHidden(std::string_view path) {
  while (!path.empty()) {
    const size_t end = std::min(path.find('/'), path.size());
    const std::string_view name = path.substr(0, end);
    if (name.starts_with('.') && name != ".well-known") return true;
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return false;
}

// The route's parameter is decoded: whether a slash was written as one, only the request says.
bool HasEncodedSlash(std::string_view path) {
  for (size_t at = path.find('%'); at != std::string_view::npos; at = path.find('%', at + 1)) {
    if (EqualsIgnoreCase(path.substr(at, 3), "%2f")) return true;
  }
  return false;
}

// Not to be guessed from the content: of the tag, which depends on the inode and a nanosecond.
std::string BoundaryFor(const File& file) {
  constexpr SipKey kKey{0x6279746572616e67, 0x65732d626f756e64};
  const std::string& tag = file.etag;
  const uint64_t hash = SipHash24(kKey, {reinterpret_cast<const uint8_t*>(tag.data()), tag.size()});
  return "corelane-" + std::to_string(hash);
}

class Server {
 public:
  Server(Fd root, const ServeOptions& options)
      : options_(options),
        store_(std::move(root), options.symlinks, options.clock, options.store) {}

  Response Handle(const Request& request) {
    const std::string_view path = request.Param(options_.parameter);
    if (HasEncodedSlash(request.path())) return NotFound();
    const bool as_directory = path.empty() || path.ends_with('/');
    const std::string_view name = path.substr(0, path.size() - (path.empty() ? 0 : as_directory));
    // An empty path with a slash behind it is no name.
    if (!IsPlainPath(name) || (name.empty() && !path.empty())) return NotFound();
    if (!options_.hidden && IsHidden(name)) return NotFound();
    if (as_directory) return AnswerDirectory(request, name);
    std::shared_ptr<const File> file = store_.Find(name);
    switch (file->kind) {
      case File::Kind::kRegular:
        return AnswerFile(request, name, std::move(file));
      case File::Kind::kDirectory:
        return Redirect(request);
      case File::Kind::kFailed:
        return Busy();
      case File::Kind::kNone:
        break;
    }
    return NotFound();
  }

 private:
  // To the same with a slash at its end, so that relative links in the page hold.
  static Response Redirect(const Request& request) {
    // What begins with two slashes would be another host's (RFC 3986 §4.2).
    if (request.path().starts_with("//")) return NotFound();
    std::string location = std::string(request.path()) + "/";
    if (!request.query().empty()) location += "?" + std::string(request.query());
    return std::move(Response(308).Add("Location", location));
  }

  Response AnswerDirectory(const Request& request, std::string_view name) {
    if (!options_.index.empty()) {
      const std::string index =
          name.empty() ? options_.index : std::string(name) + "/" + options_.index;
      std::shared_ptr<const File> file = store_.Find(index);
      if (file->kind == File::Kind::kRegular) return AnswerFile(request, index, std::move(file));
      if (file->kind == File::Kind::kFailed) return Busy();
    }
    if (!options_.listing) return NotFound();
    const std::shared_ptr<const File> directory = store_.Find(name);
    if (directory->kind == File::Kind::kFailed) return Busy();
    if (directory->kind != File::Kind::kDirectory) return NotFound();
    ListingOptions options;
    options.hidden = options_.hidden;
    options.most = options_.most_listed;
    std::optional<std::string> page =
        MakeListing(directory->fd.get(), name.empty() ? "/" : name, options);
    if (!page) return NotFound();
    Response response = Response::Html(*std::move(page));
    AddCacheControl(response);
    return response;
  }

  // The sibling that the client prefers, if there is one.
  std::shared_ptr<const File> FindCompressed(const Request& request, std::string_view name,
                                             std::string_view& coding) {
    static constexpr std::array<std::string_view, 2> kCodings = {"br", "gzip"};
    static constexpr std::array<std::string_view, 2> kEnds = {".br", ".gz"};
    const AcceptEncoding accept(request.fields());
    const std::optional<size_t> first = accept.Choose(kCodings);
    if (!first) return nullptr;
    for (const size_t i : {*first, 1 - *first}) {
      if (accept.Quality(kCodings[i]) == 0) continue;
      sibling_.assign(name);
      sibling_ += kEnds[i];
      std::shared_ptr<const File> file = store_.Find(sibling_, true);
      if (file->kind != File::Kind::kRegular) continue;
      coding = kCodings[i];
      return file;
    }
    return nullptr;
  }

  void AddCacheControl(Response& response) const {
    if (!options_.cache_control.empty()) response.Add("Cache-Control", options_.cache_control);
  }

  std::string_view TypeOf(std::string_view name) const {
    const std::string_view extension = Extension(name);
    for (const auto& [ours, type] : options_.types) {
      if (!extension.empty() && EqualsIgnoreCase(ours, extension)) return type;
    }
    return MimeType(name);
  }

  Response AnswerFile(const Request& request, std::string_view name,
                      std::shared_ptr<const File> file) {
    std::string_view coding;
    if (options_.precompressed) {
      if (auto compressed = FindCompressed(request, name, coding)) file = std::move(compressed);
    }
    const Validators now{true, file->etag, file->modified};
    Response response = AnswerContent(request, name, file, now);
    response.Add("ETag", file->etag);
    if (response.status() != 304) response.Add("Last-Modified", file->last_modified);
    AddCacheControl(response);
    if (options_.precompressed) response.Add("Vary", "Accept-Encoding");
    if (!coding.empty() && (response.status() == 200 || response.status() == 206)) {
      response.Add("Content-Encoding", coding);
    }
    return response;
  }

  Response AnswerContent(const Request& request, std::string_view name,
                         const std::shared_ptr<const File>& file, const Validators& now) const {
    switch (EvaluatePreconditions(request.method(), request.fields(), now)) {
      case Precondition::kNotModified:
        return Response(304);
      case Precondition::kFailed:
        return Response(412);
      case Precondition::kProceed:
        break;
    }
    const std::string_view type = TypeOf(name);
    // §14.2: of GET only.
    const std::optional<std::string_view> range = request.Header("range");
    if (range && options_.most_ranges > 0 && request.method() == Method::kGet &&
        IfRangeAllows(request.fields(), now)) {
      RangeRequest ranges = ParseRange(*range, file->size, options_.most_ranges);
      if (ranges.kind == RangeRequest::Kind::kUnsatisfiable) {
        return std::move(
            Response(416).Add("Content-Range", "bytes */" + std::to_string(file->size)));
      }
      if (ranges.kind == RangeRequest::Kind::kRanges) return Partial(file, ranges.ranges, type);
    }
    Response response = Whole(file, type);
    if (options_.most_ranges > 0) response.Add("Accept-Ranges", "bytes");
    return response;
  }

  static Response Whole(const std::shared_ptr<const File>& file, std::string_view type) {
    if (file->content != nullptr) return Response::Shared(type, file->content);
    if (file->size == 0) return Response::Static(type, "");
    std::vector<BodyPart> parts;
    parts.push_back({"", ByteRange{0, file->size - 1}});
    return Response::Stream(type, MakeBody(file, std::move(parts)));
  }

  static Response Partial(const std::shared_ptr<const File>& file,
                          const std::vector<ByteRange>& ranges, std::string_view type) {
    if (ranges.size() > 1) {
      const std::string boundary = BoundaryFor(*file);
      Response response = Response::Stream(
          {}, MakeBody(file, MakeByteRanges(ranges, file->size, type, boundary)), 206);
      response.Add("Content-Type", "multipart/byteranges; boundary=" + boundary);
      return response;
    }
    std::vector<BodyPart> parts;
    parts.push_back({"", ranges[0]});
    Response response = Response::Stream(type, MakeBody(file, std::move(parts)), 206);
    response.Add("Content-Range", "bytes " + std::to_string(ranges[0].first) + "-" +
                                      std::to_string(ranges[0].last) + "/" +
                                      std::to_string(file->size));
    return response;
  }

  const ServeOptions options_;
  Store store_;
  std::string sibling_;  // Kept for its memory.
};

absl::Status Problem(std::string_view option, std::string_view value, std::string_view right) {
  const std::string text = "files: " + std::string(option) + ": value \"" + std::string(value) +
                           "\": expected " + std::string(right);
  return absl::InvalidArgumentError(text);
}

absl::Status Check(const ServeOptions& options) {
  if (options.index.find('/') != std::string::npos || !IsPlainPath(options.index)) {
    return Problem("index", options.index, "a name without slashes, or nothing");
  }
  if (!options.cache_control.empty() && !IsFieldValue(options.cache_control)) {
    return Problem("cache_control", options.cache_control, "a field value such as max-age=3600");
  }
  for (const auto& [extension, type] : options.types) {
    if (extension.empty() || extension.find('.') != std::string::npos) {
      return Problem("types", extension, "an extension without a dot, such as log");
    }
    if (type.find('/') == std::string::npos || !IsFieldValue(type)) {
      return Problem("types", type, "a media type such as text/plain");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PlainHandler> Serve(const std::string& root, const ServeOptions& options) {
  if (const absl::Status status = Check(options); !status.ok()) return status;
  Fd directory(open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) {
    return Problem("root", root, "a directory that can be opened: " + std::string(strerror(errno)));
  }
  auto server = std::make_shared<Server>(std::move(directory), options);
  PlainHandler handler = [server](const Request& request) { return server->Handle(request); };
  return handler;
}

}  // namespace corelane::http::files
