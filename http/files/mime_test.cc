#include "http/files/mime.h"

#include <gtest/gtest.h>

namespace corelane::http::files {
namespace {

TEST(Mime, ByTheLastExtension) {
  EXPECT_EQ(MimeType("index.html"), "text/html; charset=utf-8");
  EXPECT_EQ(MimeType("a/b.c/APP.JS"), "text/javascript; charset=utf-8");
  EXPECT_EQ(MimeType("a.tar.gz"), "application/gzip");
  EXPECT_EQ(MimeType("m.wasm"), "application/wasm");
  EXPECT_EQ(MimeType("7.7z"), "application/x-7z-compressed");
  EXPECT_EQ(MimeType("z.zst"), "application/zstd");
  for (const char* path : {"", "README", "a.", ".html", "a/.css", "a.css/b", "a.unknown",
                           "a.averyveryverylongextension"}) {
    EXPECT_EQ(MimeType(path), "application/octet-stream") << path;
  }
}

}  // namespace
}  // namespace corelane::http::files
