// A page of /metrics, taken apart to be asked.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace pgtls::bench {

using LabelSet = std::map<std::string, std::string>;

struct Sample {
  std::string series;  // as it is written
  std::string family;
  LabelSet labels;
  double value;

  bool Has(const LabelSet& some) const;
  // "" where there is no such label.
  std::string Label(const std::string& name) const;
};

class Page {
 public:
  // Throws std::runtime_error where a line cannot be read.
  explicit Page(const std::string& text);

  // The samples of a family; `server` is "" for what the exporter says about itself.
  const std::vector<Sample>& Of(const std::string& family, const std::string& server) const;
  // The sum of those that have all of `labels`.
  double Sum(const std::string& family, const std::string& server, const LabelSet& labels = {}) const;
  // The value of the only one that has them; nullopt where there is none, or more than one.
  std::optional<double> Value(const std::string& family, const std::string& server, const LabelSet& labels = {}) const;

  // When the last successful run of a collector began and ended; absent where the last run did not succeed.
  struct Window {
    double began;
    double ended;
  };
  std::optional<Window> Collected(const std::string& server, const std::string& collector) const;

  // The families that have no server: what the exporter says about itself.
  std::set<std::string> Own() const;
  // Every sample of type counter, by its series.
  std::map<std::string, const Sample*> Counters() const;
  // Series that are on the page more than once: promtool and Prometheus let them pass.
  const std::vector<std::string>& duplicates() const { return duplicates_; }

 private:
  std::map<std::pair<std::string, std::string>, std::vector<Sample>> samples_;  // by family and server
  std::set<std::string> counters_;                                              // families
  std::vector<std::string> duplicates_;
};

}  // namespace pgtls::bench
