// Accept-Encoding (RFC 9110 §12.5.3).
//
//   const AcceptEncoding accept(request.fields());
//   if (accept.Quality("br") > accept.Quality("identity")) ...

#ifndef CORELANE_HTTP_SEMANTICS_NEGOTIATE_H_
#define CORELANE_HTTP_SEMANTICS_NEGOTIATE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "http/wire/fields.h"

namespace corelane::http {

// A weight in thousandths (RFC 9110 §12.4.2): "1", "0.5", "0.125". Nothing: it is none.
std::optional<int> ParseQuality(std::string_view text);

// Borrows the fields.
class AcceptEncoding {
 public:
  explicit AcceptEncoding(const Fields& fields) : fields_(fields) {}

  // 0 to 1000 of a content coding, compared without case; 0: it must not be used. What is not
  // named has "*"'s; "identity" has then 1 at least unless it or "*" is excluded. "x-gzip" is gzip.
  // Elements that are malformed do not count.
  int Quality(std::string_view coding) const;

  // Of `codings`, which stand in the server's order, the index of the one to use; nothing:
  // identity, which is also taken where no coding is acceptable at all.
  std::optional<size_t> Choose(std::span<const std::string_view> codings) const;

 private:
  Fields fields_;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_SEMANTICS_NEGOTIATE_H_
