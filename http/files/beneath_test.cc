#include "http/files/beneath.h"

#include <sys/stat.h>
#include <unistd.h>

#include "http/files/tree_for_test.h"

namespace corelane::http::files {
namespace {

class BeneathTest : public ::testing::TestWithParam<Resolver> {
 protected:
  BeneathTest() {
    tree_.Write("a.txt", "inside");
    tree_.Write("sub/b.txt", "deep");
    std::ofstream(tree_.outside()) << "secret";
    tree_.Link("a.txt", "link");
    tree_.Link("../outside", "out");
    tree_.Link("/etc/passwd", "absolute");
    tree_.Link("sub", "dirlink");
    tree_.Link("..", "up");
    EXPECT_EQ(mkfifo((tree_.root() + "/fifo").c_str(), 0600), 0);
    root_ = Fd(open(tree_.root().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    EXPECT_TRUE(root_);
  }
  // What is in the file; "-": it could not be opened.
  std::string Read(std::string_view path, Symlinks symlinks = Symlinks::kRefuse) {
    const Fd fd = OpenBeneath(root_.get(), path, symlinks, GetParam());
    if (!fd) return "-";
    char text[64];
    const ssize_t size = read(fd.get(), text, sizeof(text));
    return size < 0 ? "?" : std::string(text, static_cast<size_t>(size));
  }
  TreeForTest tree_;
  Fd root_;
};

TEST_P(BeneathTest, WhatIsInsideOpens) {
  EXPECT_EQ(Read("a.txt"), "inside");
  EXPECT_EQ(Read("sub/b.txt"), "deep");
  EXPECT_EQ(Read(""), "?") << "a directory opens and cannot be read";
  EXPECT_EQ(Read("none"), "-");
  EXPECT_EQ(Read("a.txt/x"), "-");
  EXPECT_EQ(Read("fifo"), "") << "nobody is waited for";
}

TEST_P(BeneathTest, NothingLeadsOutside) {
  for (const Symlinks symlinks : {Symlinks::kRefuse, Symlinks::kBeneath}) {
    for (const char* path : {"../outside", "sub/../../outside", "/etc/passwd", "out", "absolute",
                             "up/outside", ".", "..", "sub/..", "sub//b.txt", "/", "a.txt/"}) {
      EXPECT_EQ(Read(path, symlinks), "-") << path;
    }
  }
  EXPECT_EQ(Read(std::string_view("a.txt\0b", 7)), "-");
  EXPECT_EQ(Read(std::string(5000, 'x')), "-");
}

TEST_P(BeneathTest, SymbolicLinksAreFollowedWhereTheyMayBe) {
  EXPECT_EQ(Read("link"), "-");
  EXPECT_EQ(Read("dirlink/b.txt"), "-");
  const bool system = GetParam() == Resolver::kSystem;
  EXPECT_EQ(Read("link", Symlinks::kBeneath), system ? "inside" : "-");
  EXPECT_EQ(Read("dirlink/b.txt", Symlinks::kBeneath), system ? "deep" : "-");
}

INSTANTIATE_TEST_SUITE_P(Resolvers, BeneathTest,
                         ::testing::Values(Resolver::kSystem, Resolver::kByComponents));

}  // namespace
}  // namespace corelane::http::files
