// When requests go and what is recorded of them, in virtual time.

#include "examples/loadgen/pacer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <deque>

namespace corelane::load {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Instant kStart{seconds(100)};

Plan PlanFor(seconds time) {
  Plan plan;
  plan.seconds = time;
  return plan;
}

// A server that answers after a constant time, but for a stop in between.
class Server {
 public:
  Server(const Plan& plan, Duration service) : pacer(plan), service_(service) {}

  // No answer before this.
  void StopUntil(Instant instant) { stopped_until_ = instant; }
  // Moves on by steps of 10 microseconds; `room` requests are in flight at most.
  void RunUntil(Instant end, size_t room) {
    for (; now < end; now += microseconds(10)) {
      while (!waiting_.empty() && now >= waiting_.front().sent + service_ &&
             now >= stopped_until_) {
        const Ticket ticket = waiting_.front();
        waiting_.pop_front();
        pacer.Answered(ticket, 200, 1, now);
      }
      Ticket ticket;
      while (waiting_.size() < room && pacer.Take(now, ticket)) waiting_.push_back(ticket);
      pacer.Advance(now);
    }
  }

  Pacer pacer;
  Instant now = kStart;

 private:
  const Duration service_;
  Instant stopped_until_{};
  std::deque<Ticket> waiting_;
};

TEST(PacerTest, NothingIsSentBeforeItBegins) {
  Pacer pacer(PlanFor(seconds(1)));
  Ticket ticket;
  EXPECT_FALSE(pacer.Take(kStart, ticket));
  EXPECT_EQ(pacer.measured(kStart), Duration::zero());
}

TEST(PacerTest, ClosedLoopSendsWhenThereIsRoom) {
  Server server(PlanFor(seconds(1)), milliseconds(10));
  server.pacer.Begin(kStart);
  server.RunUntil(kStart + seconds(2), 4);
  const Tally& tally = server.pacer.tally();
  EXPECT_TRUE(server.pacer.done());
  EXPECT_EQ(server.pacer.measured(server.now), seconds(1));
  EXPECT_EQ(tally.answered, 400u);
  EXPECT_EQ(tally.by_status[200], 400u);
  EXPECT_EQ(tally.body_bytes, 400u);
  // The last four come when the second is over.
  EXPECT_EQ(tally.in_window, 396u);
  EXPECT_EQ(tally.service.max(), milliseconds(10));
  EXPECT_EQ(tally.service.min(), milliseconds(10));
  EXPECT_EQ(tally.response.count(), 0u);
  EXPECT_EQ(tally.failed(), 0u);
}

TEST(PacerTest, EndsAfterSoManyRequests) {
  Plan plan;
  plan.requests = 10;
  Server server(plan, milliseconds(10));
  server.pacer.Begin(kStart);
  server.RunUntil(kStart + seconds(1), 4);
  EXPECT_TRUE(server.pacer.done());
  EXPECT_EQ(server.pacer.tally().answered, 10u);
  EXPECT_EQ(server.pacer.tally().in_window, 10u);
  EXPECT_EQ(server.pacer.measured(server.now), milliseconds(30));
  EXPECT_EQ(server.pacer.tally().unsent, 0u);
}

TEST(PacerTest, TheWarmUpIsNotRecorded) {
  Plan plan = PlanFor(seconds(1));
  plan.warmup = seconds(3);
  Server server(plan, milliseconds(100));
  server.pacer.Begin(kStart);
  server.RunUntil(kStart + seconds(3), 1);
  EXPECT_EQ(server.pacer.phase(), Pacer::Phase::kWarmUp);
  EXPECT_EQ(server.pacer.tally().answered, 0u);
  server.RunUntil(kStart + seconds(5), 1);
  EXPECT_TRUE(server.pacer.done());
  EXPECT_EQ(server.pacer.measured(server.now), seconds(1));
  EXPECT_EQ(server.pacer.tally().answered, 10u);
}

TEST(PacerTest, RequestsOfTheWarmUpAreNotCountedAmongThem) {
  Plan plan;
  plan.requests = 7;
  plan.warmup = seconds(1);
  Server server(plan, milliseconds(100));
  server.pacer.Begin(kStart);
  server.RunUntil(kStart + seconds(5), 1);
  EXPECT_TRUE(server.pacer.done());
  EXPECT_EQ(server.pacer.tally().answered, 7u);
}

TEST(PacerTest, OpenLoopSendsWhenDue) {
  Plan plan = PlanFor(seconds(1));
  plan.rate = 1000;
  Server server(plan, microseconds(100));
  server.pacer.Begin(kStart);
  EXPECT_EQ(server.pacer.NextDue(), kStart);
  server.RunUntil(kStart + milliseconds(500), 10);
  EXPECT_EQ(server.pacer.NextDue(), kStart + milliseconds(500));
  server.RunUntil(kStart + seconds(2), 10);
  EXPECT_EQ(server.pacer.NextDue(), kNever);
  EXPECT_TRUE(server.pacer.done());
  EXPECT_EQ(server.pacer.tally().answered, 1000u);
  EXPECT_EQ(server.pacer.tally().unsent, 0u);
  EXPECT_EQ(server.pacer.tally().response.max(), microseconds(100));
}

// The server stops for a second: a thousand requests are due meanwhile, and each of them waits for
// what is left of it. Their service times alone would show one slow request.
TEST(PacerTest, NoCoordinatedOmission) {
  Plan plan = PlanFor(seconds(10));
  plan.rate = 1000;
  Server server(plan, microseconds(10));
  server.pacer.Begin(kStart);
  server.RunUntil(kStart + seconds(5), 1);
  server.StopUntil(kStart + seconds(6));
  server.RunUntil(kStart + seconds(12), 1);
  EXPECT_TRUE(server.pacer.done());
  Tally& tally = server.pacer.tally();
  EXPECT_EQ(tally.answered, 10000u);
  EXPECT_EQ(tally.failed(), 0u);
  // A tenth of all is spread evenly over the second.
  EXPECT_NEAR(static_cast<double>(tally.response.Percentile(95).count()), 0.5e9, 0.02e9);
  EXPECT_NEAR(static_cast<double>(tally.response.max().count()), 1e9, 0.01e9);
  EXPECT_LE(tally.response.Percentile(85), milliseconds(1));
  EXPECT_EQ(tally.service.CountUpTo(milliseconds(1)), 9999u);
}

TEST(PacerTest, CountsWhatWasNeverSent) {
  Plan plan = PlanFor(seconds(1));
  plan.rate = 1000;
  Server server(plan, milliseconds(10));  // A hundred in a second.
  server.pacer.Begin(kStart);
  server.RunUntil(kStart + seconds(3), 1);
  EXPECT_TRUE(server.pacer.done());
  EXPECT_EQ(server.pacer.tally().answered, 100u);
  EXPECT_EQ(server.pacer.tally().unsent, 900u);
}

TEST(PacerTest, ReturnedRequestsGoAgainAndKeepTheirTime) {
  Plan plan = PlanFor(seconds(1));
  plan.rate = 100;
  Pacer pacer(plan);
  pacer.Begin(kStart);
  Ticket ticket;
  ASSERT_TRUE(pacer.Take(kStart, ticket));
  pacer.Return(ticket);
  EXPECT_EQ(pacer.outstanding(), 1u);
  ASSERT_TRUE(pacer.Take(kStart + milliseconds(5), ticket));
  EXPECT_EQ(ticket.due, kStart);
  EXPECT_EQ(ticket.sent, kStart + milliseconds(5));
  // Also when the time is over.
  pacer.Return(ticket);
  pacer.Stop(kStart + milliseconds(6));
  EXPECT_FALSE(pacer.done());
  ASSERT_TRUE(pacer.Take(kStart + milliseconds(7), ticket));
  pacer.Answered(ticket, 200, 0, kStart + milliseconds(8));
  EXPECT_TRUE(pacer.done());
  EXPECT_EQ(pacer.tally().response.max(), milliseconds(8));
}

TEST(PacerTest, GivesUpWhatNobodyTakes) {
  Plan plan = PlanFor(seconds(1));
  plan.timeout = seconds(2);
  Pacer pacer(plan);
  pacer.Begin(kStart);
  Ticket ticket;
  ASSERT_TRUE(pacer.Take(kStart, ticket));
  pacer.Return(ticket);
  pacer.Advance(kStart + seconds(1));
  EXPECT_FALSE(pacer.done());
  EXPECT_FALSE(pacer.overdue(kStart + seconds(2)));
  pacer.Advance(kStart + seconds(4));
  EXPECT_TRUE(pacer.done());
  EXPECT_EQ(pacer.tally().failures[static_cast<size_t>(Failure::kTimeout)], 1u);
}

TEST(PacerTest, FailuresAreCountedByKindWithTheFirstReason) {
  Plan plan;
  plan.requests = 3;
  Pacer pacer(plan);
  pacer.Begin(kStart);
  Ticket tickets[3];
  for (Ticket& ticket : tickets) ASSERT_TRUE(pacer.Take(kStart, ticket));
  EXPECT_FALSE(pacer.Take(kStart, tickets[0]));
  pacer.Failed(tickets[0], Failure::kClosed, "one", kStart);
  pacer.Failed(tickets[1], Failure::kClosed, "two", kStart);
  pacer.Answered(tickets[2], 503, 0, kStart + seconds(1));
  EXPECT_TRUE(pacer.done());
  const Tally& tally = pacer.tally();
  EXPECT_EQ(tally.failures[static_cast<size_t>(Failure::kClosed)], 2u);
  EXPECT_EQ(tally.reasons[static_cast<size_t>(Failure::kClosed)], "one");
  EXPECT_EQ(tally.failures[static_cast<size_t>(Failure::kStatus)], 1u);
  EXPECT_EQ(tally.answered, 1u);
  EXPECT_EQ(tally.in_window, 0u);
  EXPECT_EQ(tally.failed(), 3u);
}

TEST(PacerTest, BytesAreThoseOfTheMeasurement) {
  Plan plan = PlanFor(seconds(1));
  plan.warmup = seconds(1);
  Pacer pacer(plan);
  pacer.Begin(kStart);
  pacer.CountBytes(1, 2, kStart);
  pacer.Advance(kStart + seconds(1));
  pacer.CountBytes(10, 20, kStart + seconds(1));
  pacer.CountBytes(100, 200, kStart + seconds(2));
  EXPECT_EQ(pacer.tally().bytes_in, 10u);
  EXPECT_EQ(pacer.tally().bytes_out, 20u);
}

TEST(TallyTest, Merges) {
  Tally a;
  a.Fail(Failure::kTls, "first");
  a.answered = 1;
  a.by_status[200] = 1;
  a.service.Record(seconds(1));
  Tally b;
  b.Fail(Failure::kTls, "second");
  b.Fail(Failure::kConnect, "third");
  b.by_status[200] = 2;
  b.service.Record(seconds(3));
  a.Merge(b);
  EXPECT_EQ(a.failed(), 3u);
  EXPECT_EQ(a.reasons[static_cast<size_t>(Failure::kTls)], "first");
  EXPECT_EQ(a.reasons[static_cast<size_t>(Failure::kConnect)], "third");
  EXPECT_EQ(a.by_status[200], 3u);
  EXPECT_EQ(a.service.max(), seconds(3));
}

}  // namespace
}  // namespace corelane::load
