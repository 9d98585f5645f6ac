// The description of a metric: name, type, help, labels. It is declared once, as a constexpr object beside the code
// that sets it; the catalogue, the page, `metrics --markdown` and the tests read it from there.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace pgtls::metrics {

enum class Type { kGauge, kCounter };

inline constexpr std::size_t kMaxLabels = 16;

struct Desc {
  std::string_view name;
  Type type;
  std::string_view help;  // one line, not empty; prometheus-cpp does not escape it
  // Label names in their order on the page, `server` first if the metric has it. Unused entries are empty.
  std::array<std::string_view, kMaxLabels> labels;
  // The label that a sample does not have if its value is empty. Empty: all samples have all labels.
  std::string_view optional_label = {};

  constexpr std::size_t label_count() const {
    std::size_t count = 0;
    while (count < kMaxLabels && !labels[count].empty()) ++count;
    return count;
  }
};

}  // namespace pgtls::metrics
