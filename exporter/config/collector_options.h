// The options that only one collector has, as a value of that collector's own type: the configuration carries and
// compares them, and the collector alone knows what is in them.
#pragma once

#include <any>
#include <concepts>
#include <utility>

namespace pgtls::config {

class CollectorOptions {
 public:
  CollectorOptions() = default;  // of a collector without options
  template <std::equality_comparable T>
    requires(!std::same_as<T, CollectorOptions>)
  explicit CollectorOptions(T options) : value_(std::move(options)), same_(&Same<T>) {}

  // Throws std::bad_any_cast if the options are of another type.
  template <typename T>
  const T& As() const {
    return std::any_cast<const T&>(value_);
  }
  template <typename T>
  T& As() {
    return std::any_cast<T&>(value_);
  }

  friend bool operator==(const CollectorOptions& a, const CollectorOptions& b) {
    return a.value_.type() == b.value_.type() && (a.same_ == nullptr || a.same_(a.value_, b.value_));
  }

 private:
  template <typename T>
  static bool Same(const std::any& a, const std::any& b) {
    return std::any_cast<const T&>(a) == std::any_cast<const T&>(b);
  }

  std::any value_;
  bool (*same_)(const std::any&, const std::any&) = nullptr;
};

}  // namespace pgtls::config
