// Sec-WebSocket-Extensions (RFC 6455 §9.1): a list of extensions with parameters.
//
//   extension = token *( ";" token [ "=" ( token / quoted token ) ] )

#ifndef CORELANE_HTTP_WS_EXTENSION_H_
#define CORELANE_HTTP_WS_EXTENSION_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace corelane::ws {

// Reads a value piece by piece; views into it. Nothing is allocated.
//
//   ExtensionReader reader(value);
//   while (reader.NextExtension(name))
//     while (reader.NextParameter(key, parameter_value)) ...
//   if (reader.failed()) ...the value is malformed...
class ExtensionReader {
 public:
  explicit ExtensionReader(std::string_view value) : rest_(value) {}

  // Goes on to the next extension, over what is left of this one. False at the end, or at the first
  // thing that is wrong.
  bool NextExtension(std::string_view& name);
  // `value`: nullopt where the parameter has none. Quotes are taken off; inside them is a token
  // (RFC 6455 §9.1), so escapes cannot be.
  bool NextParameter(std::string_view& name, std::optional<std::string_view>& value);
  bool failed() const { return failed_; }

 private:
  bool Fail();
  void SkipBlanks();
  bool Take(char c);
  bool TakeToken(std::string_view& token);

  std::string_view rest_;
  bool inside_ = false;  // Of an extension.
  bool failed_ = false;
};

}  // namespace corelane::ws

#endif  // CORELANE_HTTP_WS_EXTENSION_H_
