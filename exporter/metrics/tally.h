// Connections counted by label set.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace pgtls::metrics {

// The values of a metric's labels, after `server`, in the descriptor's order.
using Labels = std::vector<std::string>;
using LabelViews = std::span<const std::string_view>;

// Looks up Labels by views, so that counting a connection allocates only for a new label set.
struct LabelsHash {
  using is_transparent = void;
  std::size_t operator()(LabelViews labels) const { return Hash(labels); }
  std::size_t operator()(const Labels& labels) const { return Hash(labels); }

 private:
  static std::size_t Hash(const auto& labels) {
    std::size_t hash = 0;
    for (const std::string_view label : labels) hash = hash * 31 + std::hash<std::string_view>()(label);
    return hash;
  }
};
struct LabelsEqual {
  using is_transparent = void;
  bool operator()(const auto& a, const auto& b) const { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }
};

class Tally {
 public:
  using Counts = std::unordered_map<Labels, std::size_t, LabelsHash, LabelsEqual>;

  void Add(std::initializer_list<std::string_view> labels) {
    const LabelViews views(labels.begin(), labels.size());
    auto found = counts_.find(views);
    if (found == counts_.end()) found = counts_.emplace(Labels(views.begin(), views.end()), 0).first;
    ++found->second;
  }
  const Counts& counts() const { return counts_; }

 private:
  Counts counts_;
};

}  // namespace pgtls::metrics
