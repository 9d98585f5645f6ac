// Samples in, text of the Prometheus exposition format (0.0.4) out.
#pragma once

#include <chrono>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/metrics/desc.h"

namespace pgtls::metrics {

// The sample lines of one family, without HELP and TYPE, ready to be written after them.
struct RenderedFamily {
  const Desc* desc;
  std::string text;
  std::size_t series;
};

// Collects the samples of one collection on one server. Not thread-safe; made anew for each collection, so a label set
// that is gone is gone from the page.
class Sink {
 public:
  // `server` becomes the label `server` of every sample whose descriptor has it.
  explicit Sink(std::string_view server);

  // `values` are the labels after `server`, in the descriptor's order. They are made valid UTF-8 and cut at 1,024 bytes
  // here. A label set that was added already for this family is refused (std::logic_error): Prometheus would refuse the
  // whole page.
  void Add(const Desc& desc, std::initializer_list<std::string_view> values, double value);
  void Add(const Desc& desc, const std::vector<std::string>& values, double value);

  // Families in order of their first sample's arrival, samples sorted by labels. Empties the sink.
  std::vector<RenderedFamily> Render();

 private:
  void AddLabels(const Desc& desc, const auto& values, double value);

  std::string server_;
  struct Family {
    const Desc* desc;
    std::map<std::vector<std::string>, double> samples;  // by the labels after `server`
  };
  std::vector<Family> families_;
};

// "# HELP … # TYPE …" of one family.
std::string Header(const Desc& desc);

// Seconds since the epoch or of a duration, as a sample's value.
double Seconds(auto duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace pgtls::metrics
