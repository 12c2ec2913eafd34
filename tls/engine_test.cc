#include "tls/engine.h"

#include <gtest/gtest.h>

#include <string>

#include "tls/engine_pair.h"

namespace corelane::tls {
namespace {

using Status = Engine::Status;

class EngineTest : public ::testing::TestWithParam<Version> {
 protected:
  EngineTest() {
    settings_.server.max_version = GetParam();
    settings_.server.alpn = {"h2", "http/1.1"};
  }
  TestSettings settings_;
};

INSTANTIATE_TEST_SUITE_P(Versions, EngineTest, ::testing::Values(Version::kTls12, Version::kTls13),
                         [](const auto& info) {
                           return info.param == Version::kTls12 ? "Tls12" : "Tls13";
                         });

std::string Pattern(size_t size) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 + i / 251);
  return text;
}

TEST_P(EngineTest, TalksBothWays) {
  EnginePair pair(settings_.Server(), settings_.Client());
  ASSERT_TRUE(pair.Connected());
  EXPECT_EQ(pair.client.version(), GetParam());
  EXPECT_EQ(pair.Pass(pair.client, pair.server, "ping"), "ping");
  EXPECT_EQ(pair.Pass(pair.server, pair.client, "pong"), "pong");
  EXPECT_EQ(pair.server.server_name(), "server.test");
}

TEST_P(EngineTest, ReadAndWriteMakeTheHandshake) {
  EnginePair pair(settings_.Server(), settings_.Client());
  char byte = 0;
  bool received = false;
  for (int i = 0; i < 10 && !received; ++i) {
    const Status status = pair.client.Write("x").status;
    EXPECT_EQ(status == Status::kOk, pair.client.handshake_done());
    EnginePair::Carry(pair.client, pair.server);
    received = pair.server.Read({&byte, 1}).status == Status::kOk;
    EnginePair::Carry(pair.server, pair.client);
  }
  EXPECT_EQ(byte, 'x');
}

TEST_P(EngineTest, HugeWritesArriveWhole) {
  EnginePair pair(settings_.Server(), settings_.Client());
  ASSERT_TRUE(pair.Connected());
  const std::string text = Pattern(3'000'000);
  EXPECT_EQ(pair.Pass(pair.client, pair.server, text), text);
  EXPECT_EQ(pair.Pass(pair.server, pair.client, text), text);
}

TEST_P(EngineTest, LargeWritesAreFullRecords) {
  EnginePair pair(settings_.Server(), settings_.Client());
  ASSERT_TRUE(pair.Connected());
  pair.ReadAll(pair.client, pair.server);
  const Engine::Result result = pair.server.Write(std::string(1'000'000, 'x'));
  EXPECT_EQ(result.bytes, 4 * Engine::kMaxRecord);
  const size_t record = pair.server.Output().size() / 4;
  EXPECT_GT(record, Engine::kMaxRecord);
  EXPECT_LT(record, Engine::kMaxRecord + 40);
}

TEST_P(EngineTest, AFullEngineTakesNoMore) {
  EnginePair pair(settings_.Server(), settings_.Client());
  ASSERT_TRUE(pair.Connected());
  const std::string text(1'000'000, 'x');
  EXPECT_EQ(pair.client.Write(text).status, Status::kOk);
  EXPECT_EQ(pair.client.Write(text).status, Status::kWantOutput);
}

TEST_P(EngineTest, SingleBytesArriveInOrder) {
  EnginePair pair(settings_.Server(), settings_.Client());
  ASSERT_TRUE(pair.Connected());
  const std::string text = Pattern(1000);
  for (const char& c : text) ASSERT_EQ(pair.client.Write({&c, 1}).bytes, 1u);
  EXPECT_EQ(pair.ReadAll(pair.server, pair.client), text);
}

TEST_P(EngineTest, InputInSingleBytesIsAsGood) {
  EnginePair pair(settings_.Server(), settings_.Client());
  const auto drip = [](Engine& from, Engine& to) {
    while (from.has_output()) {
      to.InputBuffer()[0] = from.Output()[0];
      to.OnInput(1);
      from.OnSent(1);
      if (to.Handshake().status == Status::kError) break;
    }
  };
  for (int i = 0; i < 4; ++i) {
    pair.client.Handshake();
    drip(pair.client, pair.server);
    if (GetParam() == Version::kTls12 || !pair.client.handshake_done()) {
      drip(pair.server, pair.client);
    }
    if (pair.client.handshake_done() && pair.server.handshake_done()) break;
  }
  EXPECT_TRUE(pair.client.handshake_done());
  EXPECT_TRUE(pair.server.handshake_done());
}

TEST_P(EngineTest, CloseNotifyIsAnEnd) {
  EnginePair pair(settings_.Server(), settings_.Client());
  ASSERT_TRUE(pair.Connected());
  pair.client.Write("last words");
  pair.client.Shutdown();
  EXPECT_EQ(pair.ReadAll(pair.server, pair.client), "last words");
  EXPECT_EQ(pair.last.status, Status::kEnd);
}

TEST_P(EngineTest, AfterCloseNotifyTheOtherWayGoesOn) {
  EnginePair pair(settings_.Server(), settings_.Client());
  ASSERT_TRUE(pair.Connected());
  pair.client.Shutdown();
  pair.ReadAll(pair.server, pair.client);
  const std::string text = Pattern(100'000);
  EXPECT_EQ(pair.Pass(pair.server, pair.client, text), text);
  EXPECT_EQ(pair.client.Write("more").status, Status::kError);
  pair.server.Shutdown();
  pair.ReadAll(pair.client, pair.server);
  EXPECT_EQ(pair.last.status, Status::kEnd);
}

TEST_P(EngineTest, AnEndWithoutCloseNotifyIsTruncation) {
  EnginePair pair(settings_.Server(), settings_.Client());
  ASSERT_TRUE(pair.Connected());
  pair.client.Write("half");
  EXPECT_EQ(pair.ReadAll(pair.server, pair.client), "half");
  pair.server.OnInputEnd();
  pair.ReadAll(pair.server, pair.client);
  EXPECT_EQ(pair.server.error(), Error::kTruncated);
}

TEST_P(EngineTest, AnEndInTheHandshakeIsTruncation) {
  EnginePair pair(settings_.Server(), settings_.Client());
  pair.client.Handshake();
  pair.client.OnInputEnd();
  EXPECT_EQ(pair.client.Handshake().status, Status::kError);
  EXPECT_EQ(pair.client.error(), Error::kTruncated);
}

TEST_P(EngineTest, AFlippedBitIsABadRecord) {
  EnginePair pair(settings_.Server(), settings_.Client());
  ASSERT_TRUE(pair.Connected());
  pair.client.Write("text");
  const std::string_view out = pair.client.Output();
  const std::span<char> in = pair.server.InputBuffer();
  std::copy(out.begin(), out.end(), in.begin());
  in[out.size() - 1] ^= 1;
  pair.server.OnInput(out.size());
  pair.ReadAll(pair.server, pair.server);
  EXPECT_EQ(pair.server.error(), Error::kBadRecord);
  EXPECT_TRUE(pair.server.has_output());  // The alert.
}

TEST_P(EngineTest, OtherProtocolsAreNotTls) {
  EnginePair pair(settings_.Server(), settings_.Client());
  const std::string_view request = "GET / HTTP/1.1\r\n\r\n";
  std::copy(request.begin(), request.end(), pair.server.InputBuffer().begin());
  pair.server.OnInput(request.size());
  EXPECT_EQ(pair.server.Handshake().status, Status::kError);
  EXPECT_EQ(pair.server.error(), Error::kNotTls);
}

TEST_P(EngineTest, SessionsAreResumed) {
  const ServerContext server = settings_.Server();
  const ClientContext client = settings_.Client();
  for (int i = 0; i < 3; ++i) {
    EnginePair pair(server, client);
    ASSERT_TRUE(pair.Connected());
    EXPECT_EQ(pair.Pass(pair.server, pair.client, "x"), "x");  // Brings the tickets too.
    EXPECT_EQ(pair.client.resumed(), i > 0);
    EXPECT_EQ(pair.server.resumed(), i > 0);
    pair.client.Shutdown();
  }
}

TEST_P(EngineTest, SessionsAreNotResumedUnderAnotherName) {
  settings_.server.identities.push_back(settings_.ca.Issue({.names = {"other.test"}}));
  const ServerContext server = settings_.Server();
  const ClientContext client = settings_.Client();
  EnginePair first(server, client);
  ASSERT_TRUE(first.Connected());
  first.Pass(first.server, first.client, "x");
  EnginePair second(server, client, "other.test");
  ASSERT_TRUE(second.Connected());
  EXPECT_FALSE(second.client.resumed());
}

TEST_P(EngineTest, TicketsOpenAfterOneRotationAndNotAfterTwo) {
  ServerContext server = settings_.Server();
  for (const int rotations : {1, 2}) {
    const ClientContext client = settings_.Client();
    EnginePair first(server, client);
    ASSERT_TRUE(first.Connected());
    first.Pass(first.server, first.client, "x");
    for (int i = 0; i < rotations; ++i) server.RotateTicketKeys();
    EnginePair second(server, client);
    ASSERT_TRUE(second.Connected());
    EXPECT_EQ(second.server.resumed(), rotations == 1);
  }
}

TEST_P(EngineTest, WithoutTicketsNothingIsResumed) {
  settings_.server.tickets = false;
  const ServerContext server = settings_.Server();
  const ClientContext client = settings_.Client();
  for (int i = 0; i < 2; ++i) {
    EnginePair pair(server, client);
    ASSERT_TRUE(pair.Connected());
    EXPECT_EQ(pair.Pass(pair.server, pair.client, "x"), "x");
    EXPECT_FALSE(pair.server.resumed());
  }
}

TEST_P(EngineTest, RenegotiationIsRefused) {
  EnginePair pair(settings_.Server(), settings_.Client());
  ASSERT_TRUE(pair.Connected());
  SSL* const client = pair.client.native_handle();
  SSL_clear_options(client, SSL_OP_NO_RENEGOTIATION);
  const bool started = SSL_renegotiate(client) == 1;
  EXPECT_EQ(started, GetParam() == Version::kTls12);
  if (!started) return;
  SSL_do_handshake(client);
  ASSERT_TRUE(pair.client.has_output());
  pair.ReadAll(pair.server, pair.client);
  pair.ReadAll(pair.client, pair.server);
  EXPECT_EQ(pair.client.error(), Error::kNoRenegotiation) << pair.client.error().message();
}

TEST(EngineKeyUpdateTest, GoesOnWithNewKeys) {
  const TestSettings settings;
  EnginePair pair(settings.Server(), settings.Client());
  ASSERT_TRUE(pair.Connected());
  const std::string text = Pattern(50'000);
  for (const bool both : {false, true}) {
    ASSERT_TRUE(pair.client.UpdateKeys(both));
    EXPECT_EQ(pair.Pass(pair.client, pair.server, text), text);
    EXPECT_EQ(pair.Pass(pair.server, pair.client, text), text);
  }
}

TEST(EngineKeyUpdateTest, AnswersThatNobodyReceivesAreBounded) {
  const TestSettings settings;
  EnginePair pair(settings.Server(), settings.Client());
  ASSERT_TRUE(pair.Connected());
  pair.ReadAll(pair.client, pair.server);
  for (int i = 0; i < 20'000 && pair.last.status != Status::kWantOutput; ++i) {
    ASSERT_TRUE(pair.client.UpdateKeys(true));
    ASSERT_EQ(pair.client.Write("x").status, Status::kOk);
    pair.ReadAll(pair.server, pair.client);
  }
  EXPECT_EQ(pair.last.status, Status::kWantOutput);
  EXPECT_LT(pair.server.Output().size(), 300'000u);
}

}  // namespace
}  // namespace corelane::tls
