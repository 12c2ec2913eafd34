#include "http/multipart/disposition.h"

#include <gtest/gtest.h>

namespace corelane::http {
namespace {

std::string Show(std::string_view value) {
  const std::optional<FormDisposition> parsed = ParseFormDisposition(value);
  if (!parsed) return "none";
  return parsed->name + (parsed->filename ? "|" + *parsed->filename : "");
}

TEST(Boundary, OfFormDataOnly) {
  EXPECT_EQ(ParseMultipartBoundary("multipart/form-data; boundary=abc"), "abc");
  EXPECT_EQ(ParseMultipartBoundary("Multipart/Form-Data;charset=x ; Boundary=\"a b\""), "a b");
  EXPECT_EQ(ParseMultipartBoundary("multipart/form-data; boundary=----WebKitFormBoundaryX1;"),
            "----WebKitFormBoundaryX1");
  EXPECT_TRUE(ParseMultipartBoundary("multipart/form-data; boundary=" + std::string(70, 'x')));
  for (const std::string& wrong :
       {std::string(""), std::string("multipart/form-data"),
        std::string("multipart/mixed; boundary=a"), std::string("multipart/form-data; boundary="),
        std::string("multipart/form-data; boundary=\"\""),
        std::string("multipart/form-data; boundary=\"a \""),
        std::string("multipart/form-data; boundary=\"a"),
        std::string("multipart/form-data; boundary=a; boundary=b"),
        std::string("multipart/form-data; boundary=\"a\\\"b\""),
        "multipart/form-data; boundary=" + std::string(71, 'x')}) {
    EXPECT_EQ(ParseMultipartBoundary(wrong), std::nullopt) << wrong;
  }
}

TEST(Disposition, AsBrowsersWriteIt) {
  EXPECT_EQ(Show("form-data; name=\"a\""), "a");
  EXPECT_EQ(Show("FORM-DATA;NAME=a"), "a");
  EXPECT_EQ(Show("form-data; name=\"a;b=\\\"c\\\"\"; filename=\"x\\\\y\""), "a;b=\"c\"|x\\y");
  EXPECT_EQ(Show("form-data; name=\"a%22b%0D%0a%41\"; filename=\"\""), "a\"b\r\n%41|");
  EXPECT_EQ(Show("form-data; name=f; filename=\"C:\\dir\\n.txt\""), "f|C:\\dir\\n.txt");
  EXPECT_EQ(Show("form-data; name=f; filename=\"\xc3\xa4.txt\""), "f|\xc3\xa4.txt");
  EXPECT_EQ(Show("form-data; name=f; filename*=UTF-8''x; filename=y"), "f|y");
  for (const char* wrong : {"", "form-data", "form-data; filename=x", "attachment; name=a",
                            "form-data; name=a; name=b", "form-data; name=\"a", "form-data; name",
                            "form-data; name=", "form-data; name=\"a\"b", "form-data; =a"}) {
    EXPECT_EQ(Show(wrong), "none") << wrong;
  }
}

TEST(Disposition, TruncatedAtEveryLength) {
  const std::string whole = "form-data; name=\"field\"; filename=\"f\\\"\"";
  for (size_t n = 0; n < whole.size(); ++n) {
    const std::string shown = Show(whole.substr(0, n));
    EXPECT_TRUE(shown == "none" || shown == "field") << whole.substr(0, n);
  }
}

TEST(SafeFilename, IsOneNameAtMost) {
  EXPECT_EQ(SafeFilename("a.txt"), "a.txt");
  EXPECT_EQ(SafeFilename("../../etc/passwd"), "passwd");
  EXPECT_EQ(SafeFilename("C:\\dir\\a.txt"), "a.txt");
  EXPECT_EQ(SafeFilename("a\r\n\x7f\x01.txt"), "a.txt");
  EXPECT_EQ(SafeFilename(std::string_view("a\0b", 3)), "ab");
  for (const char* none : {"", ".", "..", "a/..", "a/", "\\", "\x01"}) {
    EXPECT_EQ(SafeFilename(none), "") << none;
  }
  EXPECT_EQ(SafeFilename(".\x01."), "") << "nor what becomes one";
}

}  // namespace
}  // namespace corelane::http
