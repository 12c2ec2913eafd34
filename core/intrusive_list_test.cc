#include "core/intrusive_list.h"

#include <memory>
#include <vector>

#include "gtest/gtest.h"

namespace corelane {
namespace {

struct Item {
  explicit Item(int v) : value(v) {}
  int value;
  ListNode a;
  ListNode b;
};
using ListA = IntrusiveList<Item, &Item::a>;
using ListB = IntrusiveList<Item, &Item::b>;

template <class List>
std::vector<int> Values(List& list) {
  std::vector<int> values;
  for (const Item& item : list) values.push_back(item.value);
  return values;
}

TEST(IntrusiveList, KeepsOrder) {
  Item one(1), two(2), three(3);
  ListA list;
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.PopFront(), nullptr);
  list.PushBack(two);
  list.PushBack(three);
  list.PushFront(one);
  EXPECT_EQ(Values(list), (std::vector{1, 2, 3}));
  EXPECT_EQ(&list.front(), &one);
  EXPECT_EQ(&list.back(), &three);
  ListA::Remove(two);
  EXPECT_FALSE(two.a.linked());
  ListA::Remove(two);
  EXPECT_EQ(Values(list), (std::vector{1, 3}));
  list.InsertBefore(three, two);
  EXPECT_EQ(Values(list), (std::vector{1, 2, 3}));
  EXPECT_EQ(list.PopFront(), &one);
  EXPECT_FALSE(one.a.linked());
}

TEST(IntrusiveList, MembershipsAreIndependent) {
  Item one(1), two(2);
  ListA a;
  ListB b;
  a.PushBack(one);
  a.PushBack(two);
  b.PushBack(two);
  b.PushBack(one);
  ListA::Remove(one);
  EXPECT_EQ(Values(a), (std::vector{2}));
  EXPECT_EQ(Values(b), (std::vector{2, 1}));
}

TEST(IntrusiveList, DestructionUnlinks) {
  ListA list;
  Item one(1);
  auto two = std::make_unique<Item>(2);
  list.PushBack(one);
  list.PushBack(*two);
  two.reset();
  EXPECT_EQ(Values(list), (std::vector{1}));
  {
    ListB dies_first;
    dies_first.PushBack(one);
  }
  EXPECT_FALSE(one.b.linked());
  list.Clear();
  EXPECT_FALSE(one.a.linked());
}

TEST(IntrusiveList, Splices) {
  Item one(1), two(2), three(3);
  ListA to, from;
  to.SpliceBack(from);
  EXPECT_TRUE(to.empty());
  to.PushBack(one);
  from.PushBack(two);
  from.PushBack(three);
  to.SpliceBack(from);
  EXPECT_TRUE(from.empty());
  EXPECT_EQ(Values(to), (std::vector{1, 2, 3}));
  ListA::Remove(three);
  to.PushBack(three);
  EXPECT_EQ(Values(to), (std::vector{1, 2, 3}));
}

}  // namespace
}  // namespace corelane
