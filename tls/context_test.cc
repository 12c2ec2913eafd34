// What the settings of both sides do to a handshake.

#include "tls/context.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "tls/engine_pair.h"

namespace corelane::tls {
namespace {

using Status = Engine::Status;

class ContextTest : public ::testing::Test {
 protected:
  // How the client ends; what each of both found is in client_error_ and server_error_.
  void Shake(std::string_view name = "server.test") {
    EnginePair pair(settings_.Server(), settings_.Client(), name);
    connected_ = pair.Connected();
    if (connected_) {
      pair.Pass(pair.server, pair.client, "x");
      subject_ = pair.client.PeerSubject();
      client_subject_ = pair.server.PeerSubject();
      alpn_ = pair.client.alpn();
      EXPECT_EQ(pair.server.alpn(), alpn_);
    }
    client_error_ = pair.client.error();
    server_error_ = pair.server.error();
  }

  TestSettings settings_;
  bool connected_ = false;
  std::string subject_;
  std::string client_subject_;
  std::string alpn_;
  error_code client_error_;
  error_code server_error_;
};

TEST_F(ContextTest, AnExpiredCertificateIsRefused) {
  settings_.server.identities = {
      settings_.ca.Issue({.names = {"server.test"}, .until = -std::chrono::minutes(1)})};
  Shake();
  EXPECT_EQ(client_error_, Error::kCertificateExpired);
  EXPECT_EQ(server_error_, Error::kPeerCertificateExpired);
}

TEST_F(ContextTest, ACertificateOfTheFutureIsRefused) {
  settings_.server.identities = {
      settings_.ca.Issue({.names = {"server.test"}, .from = std::chrono::minutes(10)})};
  Shake();
  EXPECT_EQ(client_error_, Error::kCertificateNotYetValid);
}

TEST_F(ContextTest, AnotherNameIsRefused) {
  Shake("other.test");
  EXPECT_EQ(client_error_, Error::kNameMismatch);
  EXPECT_EQ(client_error_.message(), "certificate verification failed: name mismatch");
}

TEST_F(ContextTest, AnAddressIsChecked) {
  Shake("10.0.0.2");
  EXPECT_TRUE(connected_) << client_error_.message();
  Shake("10.0.0.3");
  EXPECT_EQ(client_error_, Error::kNameMismatch);
}

TEST_F(ContextTest, AnUnknownCaIsRefused) {
  settings_.client.ca = TestCa("other CA").pem();
  Shake();
  EXPECT_EQ(client_error_, Error::kUnknownCa);
  EXPECT_EQ(server_error_, Error::kPeerUnknownCa);
}

TEST_F(ContextTest, TheSystemsCasAreTheDefault) {
  settings_.client.ca = Pem();
  Shake();
  EXPECT_EQ(client_error_, Error::kUnknownCa);
}

TEST_F(ContextTest, WithoutANameNothingIsVerifiedSoNothingIsSaid) {
  Shake("");
  EXPECT_EQ(client_error_, Error::kNoServerName);
}

TEST_F(ContextTest, VerificationIsOffOnlyWhenAskedFor) {
  settings_.client.ca = TestCa("other CA").pem();
  settings_.client.verification = Verification::kNoneWhichIsInsecure;
  Shake("any.test");
  EXPECT_TRUE(connected_);
}

TEST_F(ContextTest, VersionsWithoutOverlapAreRefused) {
  settings_.server.min_version = Version::kTls13;
  settings_.client.max_version = Version::kTls12;
  Shake();
  EXPECT_EQ(server_error_, Error::kProtocolVersion);
  EXPECT_EQ(client_error_, Error::kPeerProtocolVersion);
}

TEST_F(ContextTest, CiphersWithoutOverlapAreRefused) {
  settings_.server.cipher_suites = "TLS_AES_128_GCM_SHA256";
  settings_.client.cipher_suites = "TLS_AES_256_GCM_SHA384";
  settings_.server.min_version = Version::kTls13;
  Shake();
  EXPECT_EQ(server_error_, Error::kNoCommonCipher);
}

TEST_F(ContextTest, TheServersOrderDecidesAlpn) {
  settings_.server.alpn = {"h2", "http/1.1"};
  settings_.client.alpn = {"http/1.1", "h2"};
  Shake();
  EXPECT_EQ(alpn_, "h2");
}

TEST_F(ContextTest, NoCommonAlpnIsRefused) {
  settings_.server.alpn = {"h2"};
  settings_.client.alpn = {"http/1.1"};
  Shake();
  EXPECT_EQ(server_error_, Error::kNoCommonAlpn);
  EXPECT_EQ(client_error_, Error::kPeerNoApplicationProtocol);
}

TEST_F(ContextTest, AClientWithoutAlpnIsServed) {
  settings_.server.alpn = {"h2"};
  Shake();
  EXPECT_TRUE(connected_);
  EXPECT_EQ(alpn_, "");
}

class ServerNameTest : public ContextTest {
 protected:
  ServerNameTest() {
    const TestCa& ca = settings_.ca;
    settings_.server.identities = {
        ca.Issue({.common_name = "first", .names = {"a.test"}}),
        ca.Issue({.common_name = "second", .names = {"b.test", "*.c.test"}}),
        ca.Issue({.common_name = "third", .names = {"x.c.test"}}),
    };
  }
};

TEST_F(ServerNameTest, ChoosesTheCertificate) {
  Shake("a.test");
  EXPECT_EQ(subject_, "CN=first");
  Shake("B.test.");
  EXPECT_EQ(subject_, "CN=second");
}

TEST_F(ServerNameTest, AWildcardIsOneLabel) {
  Shake("y.c.test");
  EXPECT_EQ(subject_, "CN=second");
  Shake("z.y.c.test");
  EXPECT_EQ(client_error_, Error::kNameMismatch);
}

TEST_F(ServerNameTest, AWholeNameGoesBeforeAWildcard) {
  Shake("x.c.test");
  EXPECT_EQ(subject_, "CN=third");
}

TEST_F(ServerNameTest, UnknownNamesGetTheFirst) {
  settings_.client.verification = Verification::kNoneWhichIsInsecure;
  Shake("unknown.test");
  EXPECT_EQ(subject_, "CN=first");
}

TEST_F(ServerNameTest, UnknownNamesCanBeRefused) {
  settings_.server.refuse_unknown_names = true;
  Shake("unknown.test");
  EXPECT_EQ(server_error_, Error::kUnrecognizedName) << server_error_.message();
  EXPECT_EQ(client_error_, Error::kPeerUnrecognizedName);
}

TEST_F(ServerNameTest, KeysOfTwoKindsServeOneName) {
  settings_.server.identities = {
      settings_.ca.Issue({.common_name = "elliptic", .names = {"a.test"}}),
      settings_.ca.Issue({.common_name = "rsa", .names = {"a.test"}, .rsa = true}),
  };
  settings_.server.max_version = Version::kTls12;
  Shake("a.test");
  EXPECT_EQ(subject_, "CN=elliptic");
  settings_.client.ciphers = "ECDHE-RSA-AES128-GCM-SHA256";
  Shake("a.test");
  EXPECT_EQ(subject_, "CN=rsa");
}

class ClientCertificateTest : public ContextTest {
 protected:
  ClientCertificateTest() {
    settings_.server.client_ca = settings_.ca.pem();
    settings_.server.client_certificates = ClientCertificates::kRequired;
  }
};

TEST_F(ClientCertificateTest, IsSeenByTheServer) {
  settings_.client.identities = {settings_.ca.Issue({.common_name = "alice"})};
  Shake();
  EXPECT_TRUE(connected_);
  EXPECT_EQ(client_subject_, "CN=alice");
}

TEST_F(ClientCertificateTest, IsDemanded) {
  Shake();
  EXPECT_EQ(server_error_, Error::kNoClientCertificate);
}

TEST_F(ClientCertificateTest, OfAnotherCaIsRefused) {
  settings_.client.identities = {TestCa("other CA").Issue({.common_name = "mallory"})};
  Shake();
  EXPECT_EQ(server_error_, Error::kUnknownCa);
}

TEST_F(ClientCertificateTest, MayBeMissingWhereItIsOnlyAskedFor) {
  settings_.server.client_certificates = ClientCertificates::kRequested;
  Shake();
  EXPECT_TRUE(connected_);
  EXPECT_EQ(client_subject_, "");
}

TEST_F(ClientCertificateTest, AReloadThatDemandsOneResumesNoSessionWithoutOne) {
  ServerOptions without = settings_.server;
  without.client_certificates = ClientCertificates::kNone;
  ServerContext server = *ServerContext::Create(without);
  const ClientContext client = settings_.Client();
  EnginePair first(server, client);
  ASSERT_TRUE(first.Connected());
  first.Pass(first.server, first.client, "x");
  ASSERT_TRUE(server.Reload(settings_.server).ok());
  EnginePair second(server, client);
  second.Shake();
  EXPECT_FALSE(second.server.handshake_done());
}

TEST_F(ContextTest, AReloadIsForNewConnections) {
  ServerContext server = settings_.Server();
  const ClientContext client = settings_.Client();
  EnginePair old(server, client);
  ASSERT_TRUE(old.Connected());
  settings_.server.identities = {
      settings_.ca.Issue({.common_name = "renewed", .names = {"server.test"}})};
  ASSERT_TRUE(server.Reload(settings_.server).ok());
  EnginePair fresh(server, client);
  ASSERT_TRUE(fresh.Connected());
  EXPECT_EQ(fresh.client.PeerSubject(), "CN=renewed");
  EXPECT_EQ(old.client.PeerSubject(), "CN=test");
  EXPECT_EQ(old.Pass(old.client, old.server, "still here"), "still here");
}

TEST_F(ContextTest, AFailedReloadChangesNothing) {
  ServerContext server = settings_.Server();
  EXPECT_FALSE(server.Reload(ServerOptions()).ok());
  EnginePair pair(server, settings_.Client());
  EXPECT_TRUE(pair.Connected());
}

TEST_F(ContextTest, ErrorsNameTheSettingAndTheFile) {
  ServerOptions options = settings_.server;
  const auto message = [&] {
    return std::string(ServerContext::Create(options).status().message());
  };
  options.identities[0].chain = Pem::File("/no/such/chain.pem");
  EXPECT_EQ(message(), "identities[0].chain, file '/no/such/chain.pem': No such file or directory");
  options.identities[0].chain = Pem::Text("nothing");
  EXPECT_EQ(message(), "identities[0].chain: no PEM certificate in it");
  options = settings_.server;
  options.identities[0].key = settings_.server.identities[0].chain;
  EXPECT_EQ(message(), "identities[0].key: no PEM private key in it");
  options.identities[0].key = settings_.ca.Issue({}).key;
  EXPECT_EQ(message(),
            "identities[0].key: is not the key of the first certificate of identities[0].chain");
  options = settings_.server;
  options.ciphers = "NONE-SUCH";
  EXPECT_EQ(message(), "ciphers: 'NONE-SUCH': no cipher that we have");
}

TEST_F(ContextTest, TheKeyLogHasTheSecrets) {
  settings_.client.key_log_file = ::testing::TempDir() + "/keys.log";
  std::remove(settings_.client.key_log_file.c_str());
  Shake();
  std::ifstream file(settings_.client.key_log_file);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_NE(text.find("CLIENT_TRAFFIC_SECRET_0 "), std::string::npos);
}

}  // namespace
}  // namespace corelane::tls
