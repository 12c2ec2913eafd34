// Thousands of requests by chance against servers that behave by chance, in virtual time: every
// request ends once, nothing is mixed up, nothing is left behind. A failure names its seed.

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "core/random.h"
#include "http/client/client_test_fixture.h"
#include "http/client/engine_test_fixture.h"

namespace corelane::http {
namespace {

using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ClientTest;

// One request and what became of it.
struct Job {
  int id = 0;
  int answers = 0;  // Of Send.
  error_code error;
  testing::TestClient::Response response;
  bool reading = false;
  bool read_done = false;
  std::string body;
  boost::asio::cancellation_signal signal;
};

class SimulationTest : public ClientTest {
 protected:
  void RunSeed(uint64_t seed) {
    random_ = Random(seed);
    jobs_.clear();
    network_->peers.clear();
    network_->fail = [this](const std::string&) -> error_code {
      if (random_.Chance(0.05)) return boost::asio::error::connection_refused;
      return {};
    };
    ClientOptions options = Plain();
    options.random_seed = seed;
    options.pool.max_per_host = 3;
    options.pool.max_connections = 5;
    options.pool.idle_timeout = seconds(5);
    options.pool.max_age = seconds(20);
    options.timeouts.total = seconds(30);
    options.timeouts.pool = seconds(10);
    Make(options);
    for (int step = 0; step < 400; ++step) Step();
    if (random_.Chance(0.5)) {
      for (int i = 0; i < 100; ++i) Advance(seconds(1));
    } else {
      client().Close();
      Poll();
    }
    Check();
  }

  void Step() {
    const uint64_t what = random_.Below(10);
    if (what < 3) {
      SendOne();
    } else if (what < 7 && peers() > 0) {
      // Those that were made last are most likely to be open.
      Serve(peer(peers() - 1 - random_.Below(std::min<size_t>(peers(), 6))));
    } else if (what < 8) {
      Advance(milliseconds(random_.Below(1500)));
    } else if (!jobs_.empty()) {
      UseOne(*jobs_[jobs_.size() - 1 - random_.Below(std::min<size_t>(jobs_.size(), 20))]);
    }
    if (random_.Chance(0.7)) Poll();
  }

  void SendOne() {
    auto job = std::make_unique<Job>();
    job->id = static_cast<int>(jobs_.size());
    const std::string url =
        "http://h" + std::to_string(random_.Below(4)) + "/" + std::to_string(job->id) + "/";
    OutgoingRequest request = OutgoingRequest::Get(url);
    if (random_.Chance(0.3)) request = OutgoingRequest::Post(url).Body(std::string(5000, 'b'));
    if (random_.Chance(0.2)) {
      request = OutgoingRequest::Put(url);
      request.Stream(std::make_shared<testing::PieceSource>(
          std::vector<std::string>{"some", "pieces"}, std::nullopt, random_.Chance(0.5)));
      request.ExpectContinue(random_.Chance(0.5));
    }
    Job* const raw = job.get();
    client().Send(std::move(request),
                  boost::asio::bind_cancellation_slot(raw->signal.slot(),
                                                      [raw](error_code error, auto response) {
                                                        ++raw->answers;
                                                        raw->error = error;
                                                        if (!error)
                                                          raw->response = std::move(response);
                                                      }));
    jobs_.push_back(std::move(job));
  }

  // The server of `peer` looks at what has come, and does something good or bad.
  void Serve(testing::TestPeer& peer) {
    const std::string in = peer.Take();
    peer.stream->in().Wake();
    const size_t line = in.find(" HTTP/1.1\r\nHost: ");
    if (line == std::string::npos) {
      if (random_.Chance(0.05)) peer.End();
      if (random_.Chance(0.02)) peer.Send("HTTP/1.1 408 Timeout\r\nConnection: close\r\n\r\n");
      return;
    }
    const size_t slash = in.rfind(" /", line);
    const std::string path = in.substr(slash + 1, line - slash - 1);
    const std::string body = "body of " + path;
    const std::string length = "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
    switch (random_.Below(14)) {
      case 0:
        return peer.End();
      case 1:
        return peer.Send("rubbish\r\n\r\n");
      case 2:
        peer.Send("HTTP/1.1 200 OK\r\n" + length + body.substr(0, 3));
        return peer.End();
      case 3:
        return peer.Send("HTTP/1.1 302 Found\r\nLocation: " + path +
                         "\r\nContent-Length: 0\r\n\r\n");
      case 4:
        return peer.Send("HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n");
      case 5:
        peer.Send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body);
        return peer.End();
      case 6:
        if (random_.Chance(0.2)) return;  // Silence.
        [[fallthrough]];
      case 7:
        return peer.Send("HTTP/1.1 200 OK\r\n" + length + body + "more than was said");
      case 8:
      case 9:
        return peer.Send(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: "
            "chunked\r\n\r\n8\r\nbody of \r\n" +
            Chunk(path) + "0\r\n\r\n");
      default:
        return peer.Send("HTTP/1.1 200 OK\r\n" + length + body);
    }
  }
  static std::string Chunk(const std::string& text) {
    constexpr char kHex[] = "0123456789abcdef";
    return std::string() + kHex[text.size() / 16] + kHex[text.size() % 16] + "\r\n" + text + "\r\n";
  }

  void UseOne(Job& job) {
    if (random_.Chance(0.1)) job.signal.emit(boost::asio::cancellation_type::terminal);
    if (!job.response) return;
    if (random_.Chance(0.1)) {
      job.response = {};
    } else if (!job.reading) {
      job.reading = true;
      job.response.ReadAll(1 << 20, [&job](error_code error, std::string body) {
        job.read_done = true;
        if (!error) job.body = std::move(body);
      });
    }
  }

  void Check() {
    Poll();
    for (const auto& job : jobs_) {
      EXPECT_EQ(job->answers, 1) << job->id;
      EXPECT_EQ(job->reading, job->read_done) << job->id;
      // A 408 may cross a request on its way.
      if (!job->response || job->body.empty() || job->response.status() == 408) continue;
      ++good_;
      EXPECT_EQ(job->body, "body of /" + std::to_string(job->id) + "/");
      job->response = {};
    }
    for (const auto& job : jobs_) job->response = {};
    Poll();
    EXPECT_EQ(client().stats().waiting, 0u);
    client().Close();
    Poll();
    EXPECT_EQ(client().stats().connections, 0u);
    EXPECT_EQ(client().stats().idle, 0u);
    for (size_t i = 0; i < peers(); ++i) EXPECT_TRUE(peer(i).closed());
  }

  Random random_{0};
  std::vector<std::unique_ptr<Job>> jobs_;
  size_t good_ = 0;  // Responses that were read whole.
};

TEST_F(SimulationTest, EveryRequestEndsOnce) {
  for (uint64_t seed = 1; seed <= 150 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RunSeed(seed);
  }
  EXPECT_GT(good_, 400u);
}

}  // namespace
}  // namespace corelane::http
