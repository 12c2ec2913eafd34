// Field lines as a request has them.

#ifndef CORELANE_HTTP_SEMANTICS_FIELDS_FOR_TEST_H_
#define CORELANE_HTTP_SEMANTICS_FIELDS_FOR_TEST_H_

#include <string>
#include <string_view>

#include "http/h1/parser.h"

namespace corelane::http {

class FieldsForTest {
 public:
  // Lines that end in CRLF. ok() is false when they are no field lines.
  explicit FieldsForTest(std::string_view lines)
      : text_("GET / HTTP/1.1\r\nHost: a\r\n" + std::string(lines) + "\r\n") {
    parser_.Start(HeadLimits());
    ok_ = parser_.Parse(text_) == ParseStatus::kDone;
    if (ok_) head_ = parser_.head(text_);
  }
  bool ok() const { return ok_; }
  const Fields& operator*() const { return head_.fields; }

 private:
  std::string text_;
  RequestParser parser_;
  RequestHead head_;
  bool ok_ = false;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_SEMANTICS_FIELDS_FOR_TEST_H_
