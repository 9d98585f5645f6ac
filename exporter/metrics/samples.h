// Samples as finished text: what a collection publishes for the page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/base/digest.h"
#include "exporter/metrics/desc.h"

namespace pgtls::metrics {

// The sample lines of one family, without HELP and TYPE, to be written after them. `text` is a view of Samples.
struct RenderedFamily {
  const Desc* desc;
  std::string_view text;
};

// All families of one collection in one text, so that a thousand servers need a few thousand allocations instead of a
// hundred thousand. Immutable and shared: a page holds it until its client has read it.
class Samples {
 public:
  Samples() = default;
  Samples(std::initializer_list<RenderedFamily> families) {
    for (const auto& family : families) Append(family);
  }

  // REQUIRES: the texts have less than 4 GiB in total.
  void Append(const RenderedFamily& family);
  void Reserve(std::size_t bytes, std::size_t families);

  std::size_t size() const { return families_.size(); }
  bool empty() const { return families_.empty(); }
  RenderedFamily operator[](std::size_t family) const;
  // All lines, in the order of the families.
  std::string_view text() const { return text_; }

  Digest digest{};  // of the samples in the text; zero: unknown

 private:
  struct Family {
    const Desc* desc;
    std::uint32_t begin;
    std::uint32_t bytes;
  };
  std::string text_;
  std::vector<Family> families_;
};

using SharedSamples = std::shared_ptr<const Samples>;

}  // namespace pgtls::metrics
