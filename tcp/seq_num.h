// Sequence numbers (RFC 9293 §3.4): 32 bits that wrap, ordered within half the space.

#ifndef CORELANE_TCP_SEQ_NUM_H_
#define CORELANE_TCP_SEQ_NUM_H_

#include <cstdint>

namespace corelane::tcp {

class SeqNum {
 public:
  constexpr SeqNum() = default;
  constexpr explicit SeqNum(uint32_t value) : value_(value) {}

  constexpr uint32_t value() const { return value_; }

  constexpr SeqNum operator+(uint32_t n) const { return SeqNum(value_ + n); }
  constexpr SeqNum operator-(uint32_t n) const { return SeqNum(value_ - n); }
  constexpr SeqNum& operator+=(uint32_t n) {
    value_ += n;
    return *this;
  }
  // The signed distance from `other` to this.
  constexpr int32_t operator-(SeqNum other) const {
    return static_cast<int32_t>(value_ - other.value_);
  }

  constexpr bool operator==(const SeqNum&) const = default;
  constexpr bool operator<(SeqNum other) const { return *this - other < 0; }
  constexpr bool operator<=(SeqNum other) const { return *this - other <= 0; }
  constexpr bool operator>(SeqNum other) const { return *this - other > 0; }
  constexpr bool operator>=(SeqNum other) const { return *this - other >= 0; }

 private:
  uint32_t value_ = 0;
};

// The bytes from `from` to `to`, which must not lie before it.
constexpr uint32_t Distance(SeqNum from, SeqNum to) { return to.value() - from.value(); }
constexpr SeqNum Max(SeqNum a, SeqNum b) { return a > b ? a : b; }
constexpr SeqNum Min(SeqNum a, SeqNum b) { return a < b ? a : b; }

// [begin, end)
struct SeqRange {
  SeqNum begin;
  SeqNum end;

  constexpr uint32_t length() const { return Distance(begin, end); }
  constexpr bool operator==(const SeqRange&) const = default;
};

}  // namespace corelane::tcp

#endif  // CORELANE_TCP_SEQ_NUM_H_
