// Name: a domain name (RFC 1035 §2.3, §3.1), kept as it goes over the wire.
//
//   3 w w w 7 e x a m p l e 3 c o m 0        at most 255 bytes, each label at most 63
//
// Labels are bytes: what a name of IDNA looks like is its owner's business. Names are compared
// without regard to the case of ASCII letters (RFC 4343), but keep the case that they came with.

#ifndef CORELANE_RUNTIME_RESOLVER_NAME_H_
#define CORELANE_RUNTIME_RESOLVER_NAME_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace corelane::dns {

class Name {
 public:
  static constexpr size_t kMaxBytes = 255;
  static constexpr size_t kMaxLabel = 63;

  Name() : wire_(1, '\0') {}  // the root
  // Presentation format (RFC 1035 §5.1): "www.example.com", with or without the last dot; "\." is a
  // dot inside a label, "\065" a byte by its decimal value.
  static std::optional<Name> Parse(std::string_view text);
  // The name at message[offset], which moves past it. A compression pointer (RFC 1035 §4.1.4) must
  // point before everything that was read of the name so far, so that there are no loops. On an
  // error `offset` is anywhere.
  static std::optional<Name> Read(std::span<const uint8_t> message, size_t& offset);

  // Without the last dot; the root is ".". Parses to the same name.
  std::string ToString() const;
  std::span<const uint8_t> wire() const {
    return {reinterpret_cast<const uint8_t*>(wire_.data()), wire_.size()};
  }
  // The wire form in lower case: equal for equal names.
  std::string Folded() const;

  bool is_root() const { return wire_.size() == 1; }
  size_t labels() const;
  // Empty for the root.
  std::string_view last_label() const;
  // This name with the labels of `parent` behind its own; null: too long.
  std::optional<Name> Under(const Name& parent) const;
  // Whether this is `ancestor` or a name below it.
  bool IsWithin(const Name& ancestor) const;
  // Equal, letters' case included.
  bool IsSpelledLike(const Name& other) const { return wire_ == other.wire_; }
  // The same name, its n-th letter in upper case where bit n % 64 of `bits` is set, else in lower
  // case.
  Name WithCase(uint64_t bits) const;

  friend bool operator==(const Name& a, const Name& b);

 private:
  std::string wire_;
};

}  // namespace corelane::dns

#endif  // CORELANE_RUNTIME_RESOLVER_NAME_H_
