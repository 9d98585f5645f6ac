#include "exporter/metrics/samples.h"

namespace pgtls::metrics {

void Samples::Reserve(std::size_t bytes, std::size_t families) {
  text_.reserve(bytes);
  families_.reserve(families);
}

void Samples::Append(const RenderedFamily& family) {
  families_.push_back(
      {family.desc, static_cast<std::uint32_t>(text_.size()), static_cast<std::uint32_t>(family.text.size())});
  text_ += family.text;
}

RenderedFamily Samples::operator[](std::size_t family) const {
  const auto& [desc, begin, bytes] = families_[family];
  return {desc, std::string_view(text_).substr(begin, bytes)};
}

}  // namespace pgtls::metrics
