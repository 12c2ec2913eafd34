#include "http/files/store.h"

#include "http/files/tree_for_test.h"

namespace corelane::http::files {
namespace {

using Kind = File::Kind;

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() { tree_.Write("a", "first"); }
  Store Make() {
    return Store(Fd(open(tree_.root().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)),
                 Symlinks::kRefuse, &clock_, limits_);
  }
  TreeForTest tree_;
  ManualClock clock_;
  StoreLimits limits_;
};

TEST_F(StoreTest, AFileIsLookedAtAgainAfterASecond) {
  Store store = Make();
  const auto first = store.Find("a");
  EXPECT_EQ(*first->content, "first");
  EXPECT_EQ(first->last_modified, "Sun, 06 Nov 1994 08:49:37 GMT");
  tree_.Write("a", "other", 1);
  EXPECT_EQ(store.Find("a"), first);
  clock_.Advance(std::chrono::seconds(1));
  const auto second = store.Find("a");
  EXPECT_EQ(*second->content, "other");
  EXPECT_NE(second->etag, first->etag);
  EXPECT_EQ(*first->content, "first") << "who holds it has what it had";
  clock_.Advance(std::chrono::seconds(1));
  EXPECT_EQ(store.Find("a"), second) << "it has not changed";
  std::filesystem::remove(tree_.root() + "/a");
  clock_.Advance(std::chrono::seconds(1));
  EXPECT_EQ(store.Find("a")->kind, Kind::kNone);
  EXPECT_EQ(store.kept(), 0u);
  EXPECT_EQ(store.kept_bytes(), 0u);
}

TEST_F(StoreTest, WhatIsAbsentIsKeptOnlyWhereAsked) {
  Store store = Make();
  EXPECT_EQ(store.Find("none")->kind, Kind::kNone);
  EXPECT_EQ(store.kept(), 0u);
  const auto absent = store.Find("a.br", true);
  EXPECT_EQ(store.kept(), 1u);
  clock_.Advance(std::chrono::seconds(1));
  EXPECT_EQ(store.Find("a.br", true), absent);
  tree_.Write("a.br", "now");
  EXPECT_EQ(store.Find("a.br", true)->kind, Kind::kNone);
  clock_.Advance(std::chrono::seconds(1));
  EXPECT_EQ(store.Find("a.br", true)->kind, Kind::kRegular);
}

TEST_F(StoreTest, CountAndBytesAreBounded) {
  limits_.files = 3;
  limits_.bytes = 25;
  Store store = Make();
  for (const char* name : {"b", "c", "d", "e"}) tree_.Write(name, std::string(10, 'x'));
  store.Find("a");
  store.Find("b");
  store.Find("c");
  EXPECT_EQ(store.kept(), 3u);
  EXPECT_EQ(store.kept_bytes(), 25u);
  store.Find("a");
  store.Find("d");
  EXPECT_EQ(store.kept(), 3u) << "b was the last in use";
  EXPECT_EQ(store.kept_bytes(), 25u);
  tree_.Write("big", std::string(26, 'x'));
  EXPECT_EQ(store.Find("big")->size, 26u);
  EXPECT_EQ(store.kept(), 3u);
}

TEST_F(StoreTest, LargeFilesAreOpenAndNotRead) {
  limits_.content_bytes = 4;
  Store store = Make();
  const auto file = store.Find("a");
  EXPECT_EQ(file->content, nullptr);
  EXPECT_TRUE(file->fd);
  EXPECT_EQ(store.Find("")->kind, Kind::kDirectory);
}

}  // namespace
}  // namespace corelane::http::files
