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

// Collects the samples of one collection on one server. Not thread-safe; made anew for each collection, so a label set
// that is gone is gone from the page.
class Sink {
 public:
  // `server` becomes the label `server` of every sample whose descriptor has it.
  explicit Sink(std::string_view server);

  // `values` are the labels after `server`, in the descriptor's order. They are made valid UTF-8 and cut at 1,024 bytes
  // here. Throws std::logic_error where their number is not the descriptor's.
  void Add(const Desc& desc, std::initializer_list<std::string_view> values, double value);
  void Add(const Desc& desc, const std::vector<std::string>& values, double value);

  // Families in order of their first sample's arrival, samples sorted by labels. Empties the sink. Never null. Of a
  // label set that was added twice the first sample stays: Prometheus would refuse the whole page, and the loss of one
  // sample is less than that of a collection. It is logged, once for each server and family.
  SharedSamples Render();
  // The same; where all is as in `previous`, which RenderAfter() made (null: there is none), it is that which comes
  // back. Nothing is written anew then, or held twice.
  SharedSamples RenderAfter(const SharedSamples& previous);

 private:
  // Its labels after `server`, each ended by NUL, lie in the family's `labels`.
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
  // Sorts the samples and drops all but the first of each label set.
  void Order();
  Digest DigestOf() const;
  SharedSamples Write(const std::vector<Family>& families, const Digest& digest) const;

  std::string server_;
  std::vector<Family> families_;
};

// "# HELP … # TYPE …" of one family.
std::string Header(const Desc& desc);

// Seconds since the epoch or of a duration, as a sample's value.
double Seconds(auto duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace pgtls::metrics
