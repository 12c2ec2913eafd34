#include "runtime/flags/flag_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace corelane::runtime {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// A parser with one flag of each kind.
class FlagParserTest : public testing::Test {
 protected:
  FlagParserTest() {
    parser_.AddFlag("--workers", Integer(&workers_, 1, 64), "how many cores to use");
    parser_.AddFlag("--name", Text(&name_, "NAME"), "what it is called");
    parser_.AddRepeatedFlag("--peer",
                            Value{"PEER", "a peer's name", "",
                                  [this](std::string_view text) {
                                    if (text == "bad") return false;
                                    peers_.emplace_back(text);
                                    return true;
                                  }},
                            "whom to talk to");
    parser_.AddSwitch("--quiet", &quiet_, "says less");
  }

  void AddBenchWords() {
    parser_.AddPositional("MODE", OneOf(&mode_, {"bulk", "rr"}), "what to measure");
    parser_.AddKey("size", Integer(&size_, 1, 1000), "bytes of a request");
    parser_.AddKey("secs", Number(&secs_, 0.01, 100), "how long");
  }

  std::optional<int> Parse(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "path/to/prog");
    out_.str("");
    err_.str("");
    return parser_.Parse(static_cast<int>(arguments.size()), arguments.data(), out_, err_);
  }

  // The one line of an error.
  std::string Error(std::vector<const char*> arguments) {
    const std::optional<int> status = Parse(std::move(arguments));
    EXPECT_EQ(status, FlagParser::kUsageStatus);
    EXPECT_EQ(out_.str(), "");
    std::string line = err_.str();
    EXPECT_TRUE(line.ends_with("\n")) << line;
    if (!line.empty()) line.pop_back();
    EXPECT_EQ(line.find('\n'), std::string::npos) << line;
    return line;
  }

  FlagParser parser_{"prog", "Does something."};
  uint64_t workers_ = 2;
  std::string name_ = "x";
  std::vector<std::string> peers_;
  bool quiet_ = false;
  std::string mode_;
  uint64_t size_ = 64;
  double secs_ = 1;
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(FlagParserTest, NothingGivenKeepsTheDefaults) {
  EXPECT_EQ(Parse({}), std::nullopt);
  EXPECT_EQ(workers_, 2u);
  EXPECT_EQ(name_, "x");
  EXPECT_FALSE(quiet_);
  EXPECT_FALSE(parser_.WasGiven("--workers"));
  EXPECT_EQ(out_.str() + err_.str(), "");
}

TEST_F(FlagParserTest, BothWaysToWriteAValue) {
  EXPECT_EQ(Parse({"--workers", "3", "--name=a=b", "--quiet", "--peer", "p", "--peer=q"}),
            std::nullopt);
  EXPECT_EQ(workers_, 3u);
  EXPECT_EQ(name_, "a=b");
  EXPECT_TRUE(quiet_);
  EXPECT_THAT(peers_, testing::ElementsAre("p", "q"));
  EXPECT_TRUE(parser_.WasGiven("--workers"));
  EXPECT_TRUE(parser_.WasGiven("--quiet"));
}

TEST_F(FlagParserTest, HelpNamesEverything) {
  AddBenchWords();
  EXPECT_EQ(Parse({"--help"}), 0);
  EXPECT_EQ(err_.str(), "");
  EXPECT_THAT(out_.str(),
              AllOf(HasSubstr("Does something."), HasSubstr("prog"), HasSubstr("--workers N"),
                    HasSubstr("how many cores to use (default 2)"), HasSubstr("(repeatable)"),
                    HasSubstr("--help"), HasSubstr("size=N"), HasSubstr("MODE  bulk|rr")));
}

TEST_F(FlagParserTest, HelpWinsOverMistakes) {
  EXPECT_EQ(Parse({"--workers", "many", "--help"}), 0);
  EXPECT_EQ(err_.str(), "");
}

TEST_F(FlagParserTest, WrongValue) {
  EXPECT_EQ(Error({"--workers", "many"}),
            "prog: --workers: value 'many': expected an integer from 1 to 64");
  EXPECT_EQ(Error({"--workers=65"}),
            "prog: --workers: value '65': expected an integer from 1 to 64");
  EXPECT_EQ(workers_, 2u);
}

TEST_F(FlagParserTest, NegativeNumberIsAValue) {
  EXPECT_EQ(Error({"--workers", "-1"}),
            "prog: --workers: value '-1': expected an integer from 1 to 64");
}

TEST_F(FlagParserTest, WrongValueOfARepeatedFlag) {
  EXPECT_EQ(Error({"--peer", "p", "--peer", "bad"}),
            "prog: --peer: value 'bad': expected a peer's name");
}

TEST_F(FlagParserTest, EmptyValue) {
  EXPECT_EQ(Error({"--workers", ""}),
            "prog: --workers: value '': expected an integer from 1 to 64");
  EXPECT_EQ(Error({"--workers="}), "prog: --workers: value '': expected an integer from 1 to 64");
}

TEST_F(FlagParserTest, ValueMissing) {
  EXPECT_EQ(Error({"--workers"}), "prog: --workers: no value: expected an integer from 1 to 64");
  EXPECT_EQ(Error({"--workers", "--quiet"}),
            "prog: --workers: no value: expected an integer from 1 to 64");
}

TEST_F(FlagParserTest, EmptyArgument) {
  EXPECT_EQ(Error({""}), "prog: argument '': not understood: expected no empty argument");
}

TEST_F(FlagParserTest, SwitchMayHaveAValue) {
  EXPECT_EQ(Parse({"--quiet=1"}), std::nullopt);
  EXPECT_TRUE(quiet_);
  EXPECT_TRUE(parser_.WasGiven("--quiet"));
  EXPECT_EQ(Parse({"--quiet=false"}), std::nullopt);
  EXPECT_FALSE(quiet_);
  EXPECT_EQ(Error({"--quiet=maybe"}), "prog: --quiet: value 'maybe': expected 0 or 1");
  EXPECT_EQ(Error({"--quiet="}), "prog: --quiet: value '': expected 0 or 1");
  EXPECT_EQ(Error({"--quiet", "--quiet=0"}), "prog: --quiet: given 2 times: expected once");
  EXPECT_EQ(Parse({"--quiet"}), std::nullopt);
  EXPECT_TRUE(quiet_);
}

TEST_F(FlagParserTest, HelpSaysHowToTurnASwitchOff) {
  bool loud = true;
  parser_.AddSwitch("--loud", &loud, "says more");
  EXPECT_EQ(Parse({"--help"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("--quiet[=0|1]"));
  EXPECT_THAT(out_.str(), HasSubstr("says more (default 1)"));
  EXPECT_THAT(out_.str(), HasSubstr("says less\n"));
}

TEST_F(FlagParserTest, MistakesInTermsOfFields) {
  const FlagParser::Mistake mistake{"--idle-spin", "value 'x' with --busy-poll", "a number"};
  EXPECT_EQ(mistake.ToString(), "--idle-spin: value 'x' with --busy-poll: expected a number");
  EXPECT_EQ(InTermsOfFields("prog: " + mistake.ToString() + "\n"),
            "idle_spin: value 'x' with busy_poll: expected a number");
}

TEST_F(FlagParserTest, GivenTwice) {
  EXPECT_EQ(Error({"--workers=3", "--workers=4"}), "prog: --workers: given 2 times: expected once");
}

TEST_F(FlagParserTest, UnknownFlag) {
  EXPECT_EQ(Error({"--worker=3"}),
            "prog: --worker: unknown flag: expected one of --workers, --name, --peer, --quiet, "
            "--help");
  EXPECT_EQ(Error({"-w"}),
            "prog: -w: unknown flag: expected one of --workers, --name, --peer, --quiet, --help");
}

TEST_F(FlagParserTest, WordThatNobodyAskedFor) {
  EXPECT_EQ(Error({"stray"}),
            "prog: argument 'stray': not understood: expected a flag (see --help)");
  EXPECT_EQ(Error({"size=3"}),
            "prog: argument 'size=3': not understood: expected a flag (see --help)");
}

TEST_F(FlagParserTest, WordsAndKeysInAnyOrder) {
  AddBenchWords();
  EXPECT_EQ(Parse({"size=7", "--quiet", "rr", "secs=0.5"}), std::nullopt);
  EXPECT_EQ(mode_, "rr");
  EXPECT_EQ(size_, 7u);
  EXPECT_EQ(secs_, 0.5);
  EXPECT_TRUE(quiet_);
  EXPECT_TRUE(parser_.WasGiven("size"));
}

TEST_F(FlagParserTest, UnknownKey) {
  AddBenchWords();
  EXPECT_EQ(Error({"rr", "sizes=7"}), "prog: sizes: unknown key: expected one of size, secs");
}

TEST_F(FlagParserTest, WrongKeyValue) {
  AddBenchWords();
  EXPECT_EQ(Error({"rr", "size=0"}), "prog: size: value '0': expected an integer from 1 to 1000");
  EXPECT_EQ(Error({"rr", "size="}), "prog: size: value '': expected an integer from 1 to 1000");
}

TEST_F(FlagParserTest, KeyGivenTwice) {
  AddBenchWords();
  EXPECT_EQ(Error({"rr", "size=1", "size=2"}), "prog: size: given 2 times: expected once");
}

TEST_F(FlagParserTest, WordMissingWrongOrTooMany) {
  AddBenchWords();
  EXPECT_EQ(Error({"size=1"}), "prog: MODE: missing: expected one of bulk, rr");
}

TEST_F(FlagParserTest, WordWrong) {
  AddBenchWords();
  EXPECT_EQ(Error({"fast"}), "prog: MODE: value 'fast': expected one of bulk, rr");
}

TEST_F(FlagParserTest, WordTooMany) {
  AddBenchWords();
  EXPECT_EQ(Error({"rr", "bulk"}),
            "prog: argument 'bulk': not understood: expected key=value with one of size, secs");
}

TEST_F(FlagParserTest, ChecksComeAfterTheValues) {
  parser_.AddCheck([this]() -> std::optional<FlagParser::Mistake> {
    if (workers_ < 10) return std::nullopt;
    return FlagParser::Mistake{"--workers", "value '" + std::to_string(workers_) + "' with --name",
                               "fewer than 10"};
  });
  EXPECT_EQ(Error({"--workers=12"}),
            "prog: --workers: value '12' with --name: expected fewer than 10");
}

TEST_F(FlagParserTest, RejectPrintsOneLine) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(parser_.Reject("--device", "tap:x", "cannot open /dev/net/tun"), 2);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "prog: --device: value 'tap:x': cannot open /dev/net/tun\n");
}

}  // namespace
}  // namespace corelane::runtime
