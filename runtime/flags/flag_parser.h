// FlagParser: a program's command line, read the same way by every program of this project.
//
//   FlagParser parser("echo_server", "Sends back what it receives, over TCP and UDP.");
//   CommonFlags common{.device = "ring:"};
//   AddCommonFlags(parser, common);
//   parser.AddFlag("--workers", Integer(&workers, 1, 64), "how many cores to use");
//   if (std::optional<int> status = parser.Parse(argc, argv)) return *status;
//
// Flags are written --flag value or --flag=value; a flag that is not repeatable may stand once. A
// switch is written --flag, which is --flag=1, or --flag=0.
// Keys are written key=value, without dashes, and positional words come before, between or after
// them.
//
// A mistake ends in one line on stderr and the status 2:
//
//   echo_server: --workers: value 'many': expected an integer from 1 to 64

#ifndef CORELANE_RUNTIME_FLAGS_FLAG_PARSER_H_
#define CORELANE_RUNTIME_FLAGS_FLAG_PARSER_H_

#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/flags/value.h"

namespace corelane::runtime {

// Not thread-safe; used once, in main().
class FlagParser {
 public:
  static constexpr int kUsageStatus = 2;

  // A mistake in the command line.
  struct Mistake {
    std::string flag;     // "--address", or a key
    std::string problem;  // "value 'x'", "value 'x' cannot go with --device kernel:"
    std::string expected;

    // "--address: value 'x': expected an ADDR/LEN".
    std::string ToString() const;
  };
  // Looks at all values together, after each has been read.
  using Check = std::function<std::optional<Mistake>()>;

  // `summary` is one sentence for the help.
  FlagParser(std::string program, std::string summary);

  void AddFlag(std::string name, Value value, std::string help);
  // May be given several times; each is read on its own.
  void AddRepeatedFlag(std::string name, Value value, std::string help);
  // A flag that may stand alone: --flag, --flag=1 or --flag=0, with all of Bool()'s names.
  void AddSwitch(std::string name, bool* target, std::string help);
  // key=value.
  void AddKey(std::string name, Value value, std::string help);
  // A word; in the order of the calls. Required unless the value has a default.
  void AddPositional(std::string name, Value value, std::string help);
  void AddCheck(Check check);

  // Whether a flag or a key was given; after Parse().
  bool WasGiven(std::string_view name) const;

  // Returns nothing when the program should go on, else the status to exit with: 0 after --help, 2
  // after a mistake. Help goes to stdout and errors to stderr unless others are given.
  std::optional<int> Parse(int argc, const char* const* argv);
  std::optional<int> Parse(int argc, const char* const* argv, std::ostream& out, std::ostream& err);

  // For what turns out later to be wrong with a flag, e.g. a device that cannot be opened: prints
  // "PROGRAM: flag: value 'value': problem" to stderr and returns the status 2.
  int Reject(std::string_view flag, std::string_view value, std::string_view problem) const;

 private:
  struct Entry {
    std::string name;
    Value value;
    std::string help;
    bool repeated = false;
    bool* on = nullptr;              // of a switch
    std::vector<std::string> texts;  // as given
    size_t count = 0;
  };

  std::optional<Mistake> Tokenize(std::vector<std::string> arguments, std::string* help);
  void TakeSwitchValues(std::vector<std::string>& arguments);
  std::optional<Mistake> CheckForm(const std::vector<std::string>& arguments) const;
  std::optional<Mistake> TakeWords(const std::vector<std::string>& words);
  std::optional<Mistake> ReadValues();
  static std::optional<Mistake> ReadEntry(Entry& entry);
  std::optional<Mistake> UnknownFlag(std::string_view text) const;
  std::string HelpFooter() const;
  static std::string HelpLine(const Entry& entry, std::string_view separator);
  int Print(std::ostream& err, const Mistake& mistake) const;

  std::string program_;
  std::string summary_;
  std::vector<Entry> flags_;
  std::vector<Entry> keys_;
  std::vector<Entry> positionals_;
  std::vector<Check> checks_;
};

// "program: --busy-poll: value 'x': ..." for who wrote no flags but fields of the same names:
// "busy_poll: value 'x': ...".
std::string InTermsOfFields(std::string text);

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_FLAGS_FLAG_PARSER_H_
