// What a handler asks for besides the request: typed parameters that are read out of it.
//
//   router.Get("/users/{id}", [](Path<"id", uint32_t> id, Query<"page", std::optional<uint32_t>>
//   page) {
//     return Response::Text(ShowUser(*id, page->value_or(1)));
//   });
//
// Before the handler is called, each parameter is taken by FromRequest<T>::From(). The first that
// cannot be had answers the request: 400, with a text that names the parameter, what it was and
// what would be right. A handler takes as many as it likes, in any order, `const Request&` among
// them.
//
// FromRequest is the place for types of your own:
//
//   template <>
//   struct corelane::http::FromRequest<Session> {
//     static Extracted<Session> From(const Request& request) {
//       if (auto session = FindSession(request.Header("cookie"))) return *session;
//       return Response(401);
//     }
//   };
//
// From() may ask for state, too (state.h). One that reads Request::content() says `static constexpr
// bool kNeedsContent = true;`: a coroutine handler is then called when the body is complete.

#ifndef CORELANE_HTTP_EXTRACT_H_
#define CORELANE_HTTP_EXTRACT_H_

#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "http/message.h"

namespace corelane::http {

// A value, or the answer that the client gets in its place.
template <class T>
class Extracted {
 public:
  Extracted(T value) : content_(std::in_place_index<0>, std::move(value)) {}             // NOLINT
  Extracted(Response refusal) : content_(std::in_place_index<1>, std::move(refusal)) {}  // NOLINT

  bool ok() const { return content_.index() == 0; }
  // Of one that is ok().
  T& value() { return std::get<0>(content_); }
  // Of one that is not.
  Response& refusal() { return std::get<1>(content_); }

 private:
  std::variant<T, Response> content_;
};

template <class T>
struct FromRequest;

// A text as a value: Parse() gives nothing where it is none, and Expected() says what would be one.
template <class T>
struct FromText;

template <std::integral T>
  requires(!std::same_as<T, bool> && !std::same_as<T, char>)
struct FromText<T> {
  static std::optional<T> Parse(std::string_view text) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
  }
  static std::string Expected() {
    return "a whole number from " + std::to_string(std::numeric_limits<T>::min()) + " to " +
           std::to_string(std::numeric_limits<T>::max());
  }
};

template <std::floating_point T>
struct FromText<T> {
  static std::optional<T> Parse(std::string_view text) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    // "inf" and "nan" are numbers to from_chars.
    if (!(value >= std::numeric_limits<T>::lowest() && value <= std::numeric_limits<T>::max())) {
      return std::nullopt;
    }
    return value;
  }
  static std::string Expected() { return "a number"; }
};

template <>
struct FromText<bool> {
  static std::optional<bool> Parse(std::string_view text) {
    if (text == "true" || text == "1") return true;
    if (text == "false" || text == "0") return false;
    return std::nullopt;
  }
  static std::string Expected() { return "true or false"; }
};

template <>
struct FromText<std::string> {
  static std::optional<std::string> Parse(std::string_view text) { return std::string(text); }
  static std::string Expected() { return "a text"; }
};

// Of a path parameter or a header only: a view lives as long as the request.
template <>
struct FromText<std::string_view> {
  static std::optional<std::string_view> Parse(std::string_view text) { return text; }
  static std::string Expected() { return "a text"; }
};

// A text as a template's argument.
template <size_t kSize>
struct FixedString {
  consteval FixedString(const char (&literal)[kSize]) {  // NOLINT: a literal is what it is for
    std::copy_n(literal, kSize, text);
  }
  constexpr std::string_view view() const { return {text, kSize - 1}; }

  char text[kSize];
};

// What the templates below have in common.
template <class T>
struct ExtractedValue {
  T value;

  T& operator*() { return value; }
  const T& operator*() const { return value; }
  T* operator->() { return &value; }
  const T* operator->() const { return &value; }
};

// A parameter of the route's pattern.
template <FixedString kName, class T = std::string_view>
struct Path : ExtractedValue<T> {};

// The first value of that name in the query. std::optional<T>: it may be missing.
template <FixedString kName, class T = std::string>
struct Query : ExtractedValue<T> {};

// A header field. std::optional<T>: it may be missing.
template <FixedString kName, class T = std::string_view>
struct HeaderField : ExtractedValue<T> {};

// The fields of a body of type application/x-www-form-urlencoded, decoded, in their order.
struct Form {
  std::vector<std::pair<std::string, std::string>> fields;

  // The first of that name; null: there is none.
  const std::string* Find(std::string_view name) const;
};

namespace internal {

// 400: `kind` "name" is "text": expected `right`.
Response RefuseText(std::string_view kind, std::string_view name, std::string_view text,
                    std::string_view right);
// 400: `kind` "name" is missing: expected `right`.
Response RefuseMissing(std::string_view kind, std::string_view name, std::string_view right);

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {
  using Value = T;
};

// Parameter: the template above with its arguments; T: its value.
template <class Parameter, class T, class Text>
Extracted<Parameter> ExtractText(std::string_view kind, std::string_view name,
                                 const std::optional<Text>& text) {
  if constexpr (IsOptional<T>::value) {
    if (!text) return Parameter{{std::nullopt}};
    using Value = typename IsOptional<T>::Value;
    std::optional<Value> value = FromText<Value>::Parse(*text);
    if (!value) return RefuseText(kind, name, *text, FromText<Value>::Expected());
    return Parameter{{std::move(value)}};
  } else {
    if (!text) return RefuseMissing(kind, name, FromText<T>::Expected());
    std::optional<T> value = FromText<T>::Parse(*text);
    if (!value) return RefuseText(kind, name, *text, FromText<T>::Expected());
    return Parameter{{*std::move(value)}};
  }
}

}  // namespace internal

template <FixedString kName, class T>
struct FromRequest<Path<kName, T>> {
  static Extracted<Path<kName, T>> From(const Request& request) {
    return internal::ExtractText<Path<kName, T>, T>("path parameter", kName.view(),
                                                    std::optional(request.Param(kName.view())));
  }
};

template <FixedString kName, class T>
struct FromRequest<Query<kName, T>> {
  static_assert(!std::is_same_v<T, std::string_view> &&
                    !std::is_same_v<T, std::optional<std::string_view>>,
                "a query's value is decoded: take it as std::string");
  static Extracted<Query<kName, T>> From(const Request& request) {
    return internal::ExtractText<Query<kName, T>, T>("query parameter", kName.view(),
                                                     request.QueryValue(kName.view()));
  }
};

template <FixedString kName, class T>
struct FromRequest<HeaderField<kName, T>> {
  static Extracted<HeaderField<kName, T>> From(const Request& request) {
    return internal::ExtractText<HeaderField<kName, T>, T>("header field", kName.view(),
                                                           request.Header(kName.view()));
  }
};

// 415 where the body is of another type, 400 where an escape is malformed.
template <>
struct FromRequest<Form> {
  static constexpr bool kNeedsContent = true;
  static Extracted<Form> From(const Request& request);
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_EXTRACT_H_
