#include "exporter/metrics/samples.h"

#include "exporter/base/prefetch.h"

namespace pgtls::metrics {

void Samples::Reserve(std::size_t bytes, std::size_t families) {
  text_.reserve(bytes);
  families_.reserve(families);
}

void Samples::Append(const RenderedFamily& family) {
  families_.push_back({family.desc, static_cast<std::uint32_t>(text_.size()),
                       static_cast<std::uint32_t>(family.text.size()), static_cast<std::uint32_t>(family.series)});
  text_ += family.text;
}

RenderedFamily Samples::operator[](std::size_t family) const {
  const auto& [desc, begin, bytes, series] = families_[family];
  return {desc, std::string_view(text_).substr(begin, bytes), series};
}

void Samples::Prefetch() const { pgtls::Prefetch(families_.data(), families_.size() * sizeof(Family)); }

}  // namespace pgtls::metrics
