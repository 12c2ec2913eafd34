// The negotiation of permessage-deflate (RFC 7692 §5, §7.1), and the list that it is written in.

#include "http/ws/deflate.h"

#include <gtest/gtest.h>

#include <string>

#include "http/ws/extension.h"

namespace corelane::ws {
namespace {

std::string Answer(std::string_view offers, const DeflateOptions& options = {}) {
  const std::optional<DeflateParams> agreed = AcceptDeflateOffer(offers, options);
  return agreed.has_value() ? FormatDeflate(*agreed) : "none";
}

TEST(DeflateNegotiation, Accepts) {
  EXPECT_EQ(Answer("permessage-deflate"), "permessage-deflate");
  EXPECT_EQ(Answer("Permessage-Deflate"), "permessage-deflate");
  EXPECT_EQ(Answer("permessage-deflate; client_max_window_bits"), "permessage-deflate");
  EXPECT_EQ(Answer("permessage-deflate ; server_no_context_takeover;client_no_context_takeover"),
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
  EXPECT_EQ(Answer("permessage-deflate; server_max_window_bits=\"10\"; client_max_window_bits=11"),
            "permessage-deflate; server_max_window_bits=10; client_max_window_bits=11");
  for (int bits = 8; bits <= 15; ++bits) {
    const std::string text = std::to_string(bits);
    EXPECT_EQ(Answer("permessage-deflate; server_max_window_bits=" + text),
              "permessage-deflate; server_max_window_bits=" + text);
  }
}

TEST(DeflateNegotiation, TheServersOwnWishes) {
  DeflateOptions options;
  options.server_no_context_takeover = true;
  options.client_no_context_takeover = true;
  options.server_max_window_bits = 12;
  options.client_max_window_bits = 11;
  EXPECT_EQ(Answer("permessage-deflate", options),
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
            "server_max_window_bits=12");
  EXPECT_EQ(
      Answer("permessage-deflate; client_max_window_bits; server_max_window_bits=14", options),
      "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
      "server_max_window_bits=12; client_max_window_bits=11");
}

TEST(DeflateNegotiation, DeclinesWhatIsNotStrictlyRight) {
  for (const char* parameter :
       {"unknown", "server_no_context_takeover=1", "client_no_context_takeover=\"\"",
        "server_max_window_bits", "server_max_window_bits=7", "server_max_window_bits=16",
        "server_max_window_bits=08", "server_max_window_bits=010", "server_max_window_bits=a",
        "client_max_window_bits=", "client_max_window_bits=0", "client_max_window_bits=16",
        "client_max_window_bits; client_max_window_bits",
        "server_max_window_bits=9;"
        "server_max_window_bits=9",
        "server_no_context_takeover; server_no_context_takeover", "", "client_max_window_bits=\"9",
        "client_max_window_bits=9 9"}) {
    EXPECT_EQ(Answer("permessage-deflate; " + std::string(parameter)), "none") << parameter;
  }
  EXPECT_EQ(Answer(""), "none");
  EXPECT_EQ(Answer("x-webkit-deflate-frame"), "none");
}

TEST(DeflateNegotiation, TakesTheFirstOfferThatItCan) {
  EXPECT_EQ(Answer("foo; bar=1, permessage-deflate; unknown, ,permessage-deflate; "
                   "server_max_window_bits=9, permessage-deflate"),
            "permessage-deflate; server_max_window_bits=9");
}

TEST(DeflateNegotiation, TheClientsSide) {
  DeflateOptions options;
  EXPECT_EQ(FormatDeflateOffer(options), "permessage-deflate; client_max_window_bits");
  const auto ok = [&options](std::string_view answer) {
    return CheckDeflateAnswer(answer, options).has_value();
  };
  EXPECT_TRUE(ok("permessage-deflate"));
  EXPECT_TRUE(ok("permessage-deflate; server_no_context_takeover; client_max_window_bits=10"));
  EXPECT_TRUE(ok("permessage-deflate; server_max_window_bits=8"));
  for (const char* bad : {"", "permessage-bzip2", "permessage-deflate; client_max_window_bits",
                          "permessage-deflate, permessage-deflate", "permessage-deflate; x",
                          "permessage-deflate;", "permessage-deflate; server_max_window_bits=16"}) {
    EXPECT_FALSE(ok(bad)) << bad;
  }
  options.server_max_window_bits = 10;
  options.server_no_context_takeover = true;
  options.client_max_window_bits = 12;
  EXPECT_EQ(FormatDeflateOffer(options),
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=10; "
            "client_max_window_bits=12");
  EXPECT_FALSE(ok("permessage-deflate"));
  EXPECT_FALSE(ok("permessage-deflate; server_no_context_takeover"));
  EXPECT_FALSE(ok("permessage-deflate; server_no_context_takeover; server_max_window_bits=11"));
  const auto agreed = CheckDeflateAnswer(
      "permessage-deflate; server_no_context_takeover; server_max_window_bits=9", options);
  ASSERT_TRUE(agreed.has_value());
  EXPECT_EQ(agreed->server_max_window_bits, 9);
  EXPECT_EQ(agreed->client_max_window_bits, 12);
}

TEST(DeflateNegotiation, BothSidesUnderstandEachOther) {
  for (const int server_bits : {9, 12, 15}) {
    for (const int client_bits : {9, 12, 15}) {
      DeflateOptions client;
      client.server_max_window_bits = client_bits;
      client.client_max_window_bits = client_bits;
      DeflateOptions server;
      server.server_max_window_bits = server_bits;
      server.client_max_window_bits = server_bits;
      const auto agreed = AcceptDeflateOffer(FormatDeflateOffer(client), server);
      ASSERT_TRUE(agreed.has_value());
      const auto understood = CheckDeflateAnswer(FormatDeflate(*agreed), client);
      ASSERT_TRUE(understood.has_value());
      EXPECT_EQ(understood->server_max_window_bits, agreed->server_max_window_bits);
      EXPECT_EQ(understood->client_max_window_bits, agreed->client_max_window_bits);
    }
  }
}

TEST(DeflateNegotiation, OptionsSayWhatIsWrong) {
  DeflateOptions options;
  EXPECT_EQ(options.Problem(), "");
  options.server_max_window_bits = 8;
  EXPECT_EQ(options.Problem(), "deflate.server_max_window_bits: value 8: expected 9 to 15");
  options.server_max_window_bits = 15;
  options.level = 10;
  EXPECT_EQ(options.Problem(), "deflate.level: value 10: expected 1 to 9");
}

std::string Read(std::string_view value) {
  ExtensionReader reader(value);
  std::string out;
  std::string_view name;
  std::string_view key;
  std::optional<std::string_view> parameter;
  while (reader.NextExtension(name)) {
    out += "[" + std::string(name);
    while (reader.NextParameter(key, parameter)) {
      out += " " + std::string(key) + "=" + std::string(parameter.value_or("-"));
    }
    out += "]";
  }
  return out + (reader.failed() ? "!" : "");
}

TEST(ExtensionReader, ReadsListsStrictly) {
  EXPECT_EQ(Read(""), "");
  EXPECT_EQ(Read(" ,, a , b;c;d=e ; f = \"g\",h"), "[a][b c=- d=e f=g][h]");
  EXPECT_EQ(Read("a b"), "[a]!");
  EXPECT_EQ(Read("a;"), "[a]!");
  EXPECT_EQ(Read("a;b="), "[a]!");
  EXPECT_EQ(Read("a;b=\"c"), "[a]!");
  EXPECT_EQ(Read("a;b=\"\""), "[a]!");
  EXPECT_EQ(Read("a;b=\"c d\""), "[a]!");
  EXPECT_EQ(Read("=a"), "!");
  // No prefix reads beyond its end.
  const std::string value = "a; b=\"c\"; d=e, f;g";
  for (size_t size = 0; size <= value.size(); ++size) Read(std::string(value, 0, size));
}

}  // namespace
}  // namespace corelane::ws
