#include "runtime/flags/flag_parser.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <iostream>
#include <memory>
#include <sstream>
#include <utility>

namespace corelane::runtime {
namespace {

using Mistake = FlagParser::Mistake;

// The names of `entries`, separated by commas.
template <typename Entries>
std::string Names(const Entries& entries) {
  std::string names;
  for (const auto& entry : entries) names += (names.empty() ? "" : ", ") + entry.name;
  return names;
}

constexpr size_t kHelpColumn = 26;  // where the help of a flag begins
constexpr size_t kHelpWidth = 100;

// Breaks `text` into lines that fit beside the names of the flags.
std::string Wrap(const std::string& text, std::string_view line_break) {
  std::istringstream words(text);
  std::string result;
  size_t column = 0;
  for (std::string word; words >> word;) {
    if (column > 0 && kHelpColumn + column + 1 + word.size() > kHelpWidth) {
      result += line_break;
      column = 0;
    } else if (column > 0) {
      result += ' ';
      ++column;
    }
    result += word;
    column += word.size();
  }
  return result;
}

// CLI11's, without its remarks on how often a flag may stand.
class HelpFormatter : public CLI::Formatter {
 public:
  explicit HelpFormatter(std::string usage) : usage_(std::move(usage)) {
    column_width(kHelpColumn);
  }

  std::string make_usage(const CLI::App*, std::string) const override {
    return "Usage: " + usage_ + "\n";
  }

  std::string make_option_opts(const CLI::Option* option) const override {
    const std::string type = option->get_type_name();
    return type.empty() || type.starts_with('[') ? type : " " + type;
  }
  std::string make_option_desc(const CLI::Option* option) const override {
    return Wrap(option->get_description(), "\n");
  }
  std::string make_group(std::string, bool positional,
                         std::vector<const CLI::Option*> options) const override {
    return CLI::Formatter::make_group("Flags", positional, std::move(options));
  }

 private:
  std::string usage_;
};

}  // namespace

std::string FlagParser::Mistake::ToString() const {
  return flag + ": " + problem + ": expected " + expected;
}

FlagParser::FlagParser(std::string program, std::string summary)
    : program_(std::move(program)), summary_(std::move(summary)) {}

void FlagParser::AddFlag(std::string name, Value value, std::string help) {
  flags_.push_back({.name = std::move(name), .value = std::move(value), .help = std::move(help)});
}

void FlagParser::AddRepeatedFlag(std::string name, Value value, std::string help) {
  flags_.push_back({.name = std::move(name),
                    .value = std::move(value),
                    .help = std::move(help) + " (repeatable)",
                    .repeated = true});
}

void FlagParser::AddSwitch(std::string name, bool* target, std::string help) {
  Value value = Bool(target);
  if (!*target) value.standard.clear();  // what everybody expects
  flags_.push_back(
      {.name = std::move(name), .value = std::move(value), .help = std::move(help), .on = target});
}

void FlagParser::AddKey(std::string name, Value value, std::string help) {
  keys_.push_back({.name = std::move(name), .value = std::move(value), .help = std::move(help)});
}

void FlagParser::AddPositional(std::string name, Value value, std::string help) {
  positionals_.push_back(
      {.name = std::move(name), .value = std::move(value), .help = std::move(help)});
}

void FlagParser::AddCheck(Check check) { checks_.push_back(std::move(check)); }

bool FlagParser::WasGiven(std::string_view name) const {
  for (const auto* entries : {&flags_, &keys_, &positionals_}) {
    for (const Entry& entry : *entries) {
      if (entry.name == name) return entry.count > 0;
    }
  }
  return false;
}

std::optional<int> FlagParser::Parse(int argc, const char* const* argv) {
  return Parse(argc, argv, std::cout, std::cerr);
}

std::optional<int> FlagParser::Parse(int argc, const char* const* argv, std::ostream& out,
                                     std::ostream& err) {
  for (auto* entries : {&flags_, &keys_, &positionals_}) {
    for (Entry& entry : *entries) {
      entry.texts.clear();
      entry.count = 0;
    }
  }
  std::string help;
  std::optional<Mistake> mistake =
      Tokenize(std::vector<std::string>(argv + std::min(argc, 1), argv + argc), &help);
  if (!help.empty()) {
    out << help << std::flush;
    return 0;
  }
  if (!mistake) mistake = ReadValues();
  for (const Check& check : checks_) {
    if (!mistake) mistake = check();
  }
  if (mistake) return Print(err, *mistake);
  return std::nullopt;
}

// Splits the command line into texts by flag, key and position; CLI11 knows how flags are written.
std::optional<Mistake> FlagParser::Tokenize(std::vector<std::string> arguments, std::string* help) {
  CLI::App app(summary_, program_);
  app.allow_extras();
  app.set_help_flag("--help,-h", "prints this help and exits");
  std::string usage = program_ + " [flags]";
  for (const Entry& entry : positionals_) usage += " " + entry.name;
  if (!keys_.empty()) usage += " [key=value]...";
  app.formatter(std::make_shared<HelpFormatter>(std::move(usage)));
  for (Entry& entry : flags_) {
    std::string text = entry.help;
    if (!entry.value.standard.empty()) text += " (default " + entry.value.standard + ")";
    if (entry.on != nullptr) {
      app.add_flag_function(
             entry.name, [&entry](int64_t n) { entry.count += static_cast<size_t>(n); }, text)
          ->type_name("[=" + entry.value.placeholder + "]")
          ->disable_flag_override();
      continue;
    }
    app.add_option(entry.name, entry.texts, text)
        ->type_name(entry.value.placeholder)
        ->allow_extra_args(false);
  }
  app.footer(HelpFooter());
  if (auto mistake = CheckForm(arguments)) return mistake;
  TakeSwitchValues(arguments);
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back.
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    *help = app.help();
    return std::nullopt;
  } catch (const CLI::ParseError& error) {  // "--flag: what CLI11 says"
    const std::string text = error.what();
    const std::string flag = text.substr(0, text.find(':'));
    const auto entry = std::ranges::find(flags_, flag, &Entry::name);
    if (entry != flags_.end()) return Mistake{flag, "no value", entry->value.expected};
    return Mistake{"command line", text, "what --help says"};
  }
  for (Entry& entry : flags_) {
    if (entry.on == nullptr) entry.count = entry.texts.size();
  }
  return TakeWords(app.remaining());
}

// --switch=VALUE: CLI11 has its own idea of such values.
void FlagParser::TakeSwitchValues(std::vector<std::string>& arguments) {
  std::erase_if(arguments, [this](const std::string& argument) {
    const size_t equals = argument.find('=');
    const auto flag = std::ranges::find(flags_, argument.substr(0, equals), &Entry::name);
    if (equals == std::string::npos || flag == flags_.end() || flag->on == nullptr) return false;
    flag->texts.push_back(argument.substr(equals + 1));
    ++flag->count;
    return true;
  });
}

// What CLI11 would take otherwise than we do: a flag as another flag's value, an empty value.
std::optional<Mistake> FlagParser::CheckForm(const std::vector<std::string>& arguments) const {
  const Entry* waiting = nullptr;  // the flag whose value comes next
  for (const std::string& argument : arguments) {
    if (waiting != nullptr) {
      if (argument.empty()) return Mistake{waiting->name, "value ''", waiting->value.expected};
      if (argument.starts_with("--")) {
        return Mistake{waiting->name, "no value", waiting->value.expected};
      }
      waiting = nullptr;
      continue;
    }
    const size_t equals = argument.find('=');
    const auto flag = std::ranges::find(flags_, argument.substr(0, equals), &Entry::name);
    if (flag == flags_.end()) {
      if (argument.empty()) return Mistake{"argument ''", "not understood", "no empty argument"};
    } else if (equals == std::string::npos) {
      if (flag->on == nullptr) waiting = &*flag;
    } else if (equals + 1 == argument.size()) {
      return Mistake{flag->name, "value ''", flag->value.expected};
    }
  }
  if (waiting != nullptr) return Mistake{waiting->name, "no value", waiting->value.expected};
  return std::nullopt;
}

// What is no known flag: keys, positional words, mistakes.
std::optional<Mistake> FlagParser::TakeWords(const std::vector<std::string>& words) {
  size_t position = 0;
  for (const std::string& word : words) {
    if (word.size() > 1 && word[0] == '-') return UnknownFlag(word);
    const size_t equals = word.find('=');
    if (equals != std::string::npos && !keys_.empty()) {
      const std::string name = word.substr(0, equals);
      const auto key = std::ranges::find(keys_, name, &Entry::name);
      if (key == keys_.end()) {
        return Mistake{name, "unknown key", "one of " + Names(keys_)};
      }
      key->texts.push_back(word.substr(equals + 1));
      key->count = key->texts.size();
    } else if (position < positionals_.size()) {
      positionals_[position].texts.push_back(word);
      positionals_[position++].count = 1;
    } else {
      std::string expected = "a flag (see --help)";
      if (!keys_.empty()) expected = "key=value with one of " + Names(keys_);
      return Mistake{"argument '" + word + "'", "not understood", std::move(expected)};
    }
  }
  return std::nullopt;
}

std::optional<Mistake> FlagParser::UnknownFlag(std::string_view text) const {
  const std::string name(text.substr(0, text.find('=')));
  std::string expected = "one of " + Names(flags_);
  expected += flags_.empty() ? "--help" : ", --help";
  return Mistake{name, "unknown flag", std::move(expected)};
}

std::optional<Mistake> FlagParser::ReadValues() {
  for (auto* entries : {&flags_, &keys_, &positionals_}) {
    for (Entry& entry : *entries) {
      if (auto mistake = ReadEntry(entry)) return mistake;
    }
  }
  for (const Entry& entry : positionals_) {
    if (entry.count == 0 && entry.value.standard.empty()) {
      return Mistake{entry.name, "missing", entry.value.expected};
    }
  }
  return std::nullopt;
}

std::optional<Mistake> FlagParser::ReadEntry(Entry& entry) {
  if (entry.count > 1 && !entry.repeated) {
    return Mistake{entry.name, "given " + std::to_string(entry.count) + " times", "once"};
  }
  if (entry.on != nullptr && entry.count > 0 && entry.texts.empty()) *entry.on = true;
  for (const std::string& text : entry.texts) {
    if (!entry.value.read(text)) {
      return Mistake{entry.name, "value '" + text + "'", entry.value.expected};
    }
  }
  return std::nullopt;
}

std::string FlagParser::HelpLine(const Entry& entry, std::string_view separator) {
  std::string form = "  " + entry.name;
  form.append(separator).append(entry.value.placeholder);
  if (form.size() < kHelpColumn) {
    form.resize(kHelpColumn, ' ');
  } else {
    form.append("\n").append(kHelpColumn, ' ');
  }
  std::string help = entry.help;
  if (!entry.value.standard.empty()) help += " (default " + entry.value.standard + ")";
  return form + Wrap(help, "\n" + std::string(kHelpColumn, ' ')) + "\n";
}

std::string FlagParser::HelpFooter() const {
  std::string text;
  if (!positionals_.empty()) {
    text += "Words:\n";
    for (const Entry& entry : positionals_) text += HelpLine(entry, "  ");
  }
  if (!keys_.empty()) {
    text += "Keys:\n";
    for (const Entry& entry : keys_) text += HelpLine(entry, "=");
  }
  return text;
}

int FlagParser::Print(std::ostream& err, const Mistake& mistake) const {
  err << program_ << ": " << mistake.ToString() << '\n' << std::flush;
  return kUsageStatus;
}

int FlagParser::Reject(std::string_view flag, std::string_view value,
                       std::string_view problem) const {
  std::cerr << program_ << ": " << flag << ": value '" << value << "': " << problem << '\n'
            << std::flush;
  return kUsageStatus;
}

std::string InTermsOfFields(std::string text) {
  if (const size_t flag = text.find("--"); flag != std::string::npos) text.erase(0, flag);
  for (size_t at; (at = text.find("--")) != std::string::npos;) {
    text.erase(at, 2);
    for (; at < text.size() &&
           (std::isalpha(static_cast<unsigned char>(text[at])) != 0 || text[at] == '-');
         ++at) {
      if (text[at] == '-') text[at] = '_';
    }
  }
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace corelane::runtime
