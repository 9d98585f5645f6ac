// The first few of many, in bounded space.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace pgtls::status {

// The rows of a list that a page shows, and how many more there are.
template <typename T>
struct BoundedList {
  std::vector<T> rows;
  std::size_t left_out = 0;
};

// Keeps the `limit` items that come first by `Less` of all that are added, and counts the others.
template <typename T, typename Less>
class TopN {
 public:
  // REQUIRES: limit > 0.
  TopN(std::size_t limit, Less less) : limit_(limit), less_(std::move(less)) {}

  void Add(T item) {
    ++added_;
    items_.push_back(std::move(item));
    if (items_.size() >= 2 * limit_ + 16) Trim();
  }
  BoundedList<T> Take() {
    Trim();
    std::sort(items_.begin(), items_.end(), less_);
    const std::size_t left_out = added_ - items_.size();
    return {std::move(items_), left_out};
  }

 private:
  void Trim() {
    if (items_.size() <= limit_) return;
    const auto end = items_.begin() + static_cast<std::ptrdiff_t>(limit_);
    std::nth_element(items_.begin(), end, items_.end(), less_);
    items_.erase(end, items_.end());
  }

  std::size_t limit_;
  Less less_;
  std::vector<T> items_;
  std::size_t added_ = 0;
};

}  // namespace pgtls::status
