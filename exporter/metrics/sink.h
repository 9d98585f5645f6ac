// Samples in, text of the Prometheus exposition format (0.0.4) out.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/metrics/desc.h"
#include "exporter/metrics/samples.h"

namespace pgtls::metrics {

// Collects the samples of one collection on one server. A new one is made for each collection, so a label set that no
// longer exists leaves the page. Not thread-safe.
class Sink {
 public:
  // `server` is the value of the label `server`, for descriptors that have it.
  explicit Sink(std::string_view server);

  // `values` are the labels after `server`, in the descriptor's order. They are made valid UTF-8 and cut at 1,024
  // bytes. Throws std::logic_error if their number does not match the descriptor.
  void Add(const Desc& desc, std::initializer_list<std::string_view> values, double value);
  void Add(const Desc& desc, const std::vector<std::string>& values, double value);

  // Returns the families in the order of their first samples, samples sorted by labels; never null. Empties the sink.
  // Of a duplicate label set the first sample is kept, and the duplicate is logged once for each server and family:
  // Prometheus would refuse the whole page.
  SharedSamples Render();
  // Like Render(), but returns `previous` itself if the samples have not changed. `previous` must come from
  // RenderAfter(), or be null.
  SharedSamples RenderAfter(const SharedSamples& previous);

 private:
  // Its labels after `server`, each ended by NUL, are in the family's `labels`.
  struct Sample {
    std::uint32_t begin;
    std::uint32_t bytes;
    double value;
  };
  struct Family {
    const Desc* desc;
    std::string labels;
    std::vector<Sample> samples;

    std::string_view LabelsOf(const Sample& sample) const {
      return std::string_view(labels).substr(sample.begin, sample.bytes);
    }
  };

  void AddLabels(const Desc& desc, const auto& values, double value);
  Family& FamilyOf(const Desc& desc);
  // Sorts the samples and keeps the first of each label set.
  void Order();
  Digest DigestOf() const;
  SharedSamples Write(const std::vector<Family>& families, const Digest& digest) const;

  std::string server_;
  std::vector<Family> families_;
};

// "# HELP … # TYPE …" of one family.
std::string Header(const Desc& desc);

// Returns seconds since the epoch, or of a duration, as the value of a sample.
double Seconds(auto duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace pgtls::metrics
