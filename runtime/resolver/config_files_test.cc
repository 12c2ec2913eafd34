#include "runtime/resolver/config_files.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace corelane::dns {
namespace {

using std::chrono::seconds;

TEST(ResolvConf, ReadsServersSearchAndOptions) {
  const auto conf = ResolvConf::Parse(
      "# made by hand\n"
      "nameserver 192.0.2.53   ; the near one\n"
      "nameserver\t2001:db8::53\n"
      "domain old.example\n"
      "search example.com eng.example.com\n"
      "options ndots:2 timeout:3 attempts:4 rotate use-vc edns0 no-aaaa trust-ad\n");
  ASSERT_EQ(conf.servers.size(), 2u);
  EXPECT_EQ(conf.servers[0], Endpoint::Parse("192.0.2.53:53"));
  EXPECT_EQ(conf.servers[1], Endpoint::Parse("[2001:db8::53]:53"));
  const std::vector<Name> search = {Name::Parse("example.com").value(),
                                    Name::Parse("eng.example.com").value()};
  EXPECT_EQ(conf.search, search);
  EXPECT_EQ(conf.ndots, 2u);
  EXPECT_EQ(conf.timeout, seconds(3));
  EXPECT_EQ(conf.attempts, 4u);
  EXPECT_TRUE(conf.rotate && conf.use_vc && conf.edns0 && conf.no_aaaa);
  EXPECT_EQ(conf.bad.count(), 0u);
}

TEST(ResolvConf, AnEmptyTextHasTheDefaults) {
  const auto conf = ResolvConf::Parse("");
  EXPECT_TRUE(conf.servers.empty());
  EXPECT_EQ(conf.ndots, 1u);
  EXPECT_EQ(conf.timeout, seconds(5));
  EXPECT_EQ(conf.attempts, 2u);
  EXPECT_FALSE(conf.rotate || conf.use_vc);
}

TEST(ResolvConf, BadLinesAreSkippedCountedAndTold) {
  const auto conf = ResolvConf::Parse(
      "nameserver ns1\n\nnameserver 192.0.2.1\noptions ndots: fast\nserach a\nsearch a..b c");
  EXPECT_EQ(conf.servers.size(), 1u);
  EXPECT_EQ(conf.search.size(), 1u);
  EXPECT_EQ(conf.bad.count(), 5u);
  ASSERT_EQ(conf.bad.messages().size(), 5u);
  EXPECT_EQ(conf.bad.messages()[0], "line 1: 'ns1': nameserver: not the IP address of a host");
  EXPECT_EQ(conf.bad.messages()[1], "line 4: 'ndots:': options: a number belongs behind the colon");
  EXPECT_EQ(conf.bad.messages()[4], "line 6: 'a..b': search: not a domain name");
}

TEST(ResolvConf, NumbersAreCapped) {
  const auto conf = ResolvConf::Parse("options ndots:99 timeout:99999999999999 attempts:0");
  EXPECT_EQ(conf.ndots, ResolvConf::kMaxNdots);
  EXPECT_EQ(conf.timeout, ResolvConf::kMaxTimeout);
  EXPECT_EQ(conf.attempts, 1u);
  EXPECT_EQ(conf.bad.count(), 0u);
}

TEST(ResolvConf, ListsAndMessagesAreBounded) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "nameserver 192.0.2.1\n";
  const auto conf = ResolvConf::Parse(text);
  EXPECT_EQ(conf.servers.size(), ResolvConf::kMaxServers);
  EXPECT_EQ(conf.bad.count(), 100 - ResolvConf::kMaxServers);
  EXPECT_EQ(conf.bad.messages().size(), BadLines::kKept);
}

TEST(HostsFile, ReadsNamesAndAliases) {
  const auto hosts = HostsFile::Parse(
      "127.0.0.1 localhost\n"
      "192.0.2.7\tbox.example.com  box # under the desk\r\n"
      "2001:db8::7 box.example.com\n");
  const auto* box = hosts.Find(Name::Parse("BOX").value());
  ASSERT_NE(box, nullptr);
  EXPECT_EQ(box->canonical, Name::Parse("box.example.com"));
  EXPECT_EQ(box->addresses.size(), 1u);
  box = hosts.Find(Name::Parse("box.example.com").value());
  ASSERT_NE(box, nullptr);
  EXPECT_EQ(box->addresses.size(), 2u);
  EXPECT_EQ(hosts.Find(Name::Parse("desk").value()), nullptr);
}

TEST(HostsFile, BadLinesAreSkippedCountedAndTold) {
  const auto hosts = HostsFile::Parse("fe80::1%lo0 a\n10.0.0.1\n10.0.0.2 b..c d");
  EXPECT_EQ(hosts.size(), 1u);
  EXPECT_NE(hosts.Find(Name::Parse("d").value()), nullptr);
  ASSERT_EQ(hosts.bad().count(), 3u);
  EXPECT_EQ(hosts.bad().messages()[0], "line 1: 'fe80::1%lo0': not an IP address");
  EXPECT_EQ(hosts.bad().messages()[1], "line 2: '10.0.0.1': an address without a name");
}

TEST(Load, AFileThatIsNotThereIsAnEmptyOne) {
  EXPECT_TRUE(LoadResolvConf("/nowhere/resolv.conf").servers.empty());
  EXPECT_EQ(LoadHostsFile("/nowhere/hosts").size(), 0u);
}

}  // namespace
}  // namespace corelane::dns
