// Where a JSON value is not what it should have been.

#ifndef CORELANE_HTTP_JSON_MISMATCH_H_
#define CORELANE_HTTP_JSON_MISMATCH_H_

#include <boost/describe.hpp>
#include <boost/json.hpp>
#include <boost/mp11.hpp>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace corelane::http::internal {

// "people[2].age: expected a whole number from 0 to 255, but it is -1"; `value` is cut short where
// it is long.
std::string DescribeMismatch(std::string_view path, std::string_view expected,
                             const boost::json::value& value);

template <class T>
std::string ExpectedName() {
  if constexpr (std::is_same_v<T, bool>) {
    return "true or false";
  } else if constexpr (std::is_integral_v<T>) {
    return "a whole number from " + std::to_string(std::numeric_limits<T>::min()) + " to " +
           std::to_string(std::numeric_limits<T>::max());
  } else if constexpr (std::is_floating_point_v<T>) {
    return "a number";
  } else if constexpr (std::is_convertible_v<T, std::string_view>) {
    return "a text";
  } else {
    return "another value";
  }
}

template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};

// The first place where `value` is no T; empty: nowhere.
template <class T>
std::string FindMismatch(const boost::json::value& value, const std::string& path) {
  namespace describe = boost::describe;
  if constexpr (describe::has_describe_members<T>::value && !std::is_union_v<T>) {
    if (!value.is_object()) return DescribeMismatch(path, "an object", value);
    const boost::json::object& object = value.get_object();
    std::string found;
    std::vector<std::string_view> known;
    using Members =
        describe::describe_members<T, describe::mod_any_access | describe::mod_inherited>;
    boost::mp11::mp_for_each<Members>([&](auto member) {
      known.push_back(member.name);
      if (!found.empty()) return;
      const std::string at = path.empty() ? member.name : path + "." + member.name;
      using Member = std::remove_cvref_t<decltype(std::declval<T&>().*member.pointer)>;
      const boost::json::value* const inner = object.if_contains(member.name);
      found = inner == nullptr ? at + ": is missing" : FindMismatch<Member>(*inner, at);
    });
    if (!found.empty() || object.size() == known.size()) return found;
    for (const auto& each : object) {
      bool is_known = false;
      for (const std::string_view name : known) is_known = is_known || name == each.key();
      if (!is_known)
        return (path.empty() ? "" : path + ".") + std::string(each.key()) + ": is not known here";
    }
    return found;
  } else if constexpr (IsVector<T>::value) {
    if (!value.is_array()) return DescribeMismatch(path, "an array", value);
    const boost::json::array& array = value.get_array();
    for (size_t i = 0; i < array.size(); ++i) {
      const std::string at = path + "[" + std::to_string(i) + "]";
      std::string found = FindMismatch<typename T::value_type>(array[i], at);
      if (!found.empty()) return found;
    }
    return {};
  } else {
    if (!boost::json::try_value_to<T>(value).has_error()) return {};
    return DescribeMismatch(path, ExpectedName<T>(), value);
  }
}

}  // namespace corelane::http::internal

#endif  // CORELANE_HTTP_JSON_MISMATCH_H_
