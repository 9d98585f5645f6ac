#include "tests/bench/soak_page.h"

#include <algorithm>
#include <sstream>
#include <stdexcept>

namespace pgtls::bench {
namespace {

Sample ParseSample(const std::string& line) {
  const auto bad = [&] { return std::runtime_error("a line cannot be read: " + line); };
  const std::size_t space = line.rfind(' ');
  if (space == std::string::npos) throw bad();
  Sample sample{.series = line.substr(0, space), .family = "", .labels = {}, .value = 0};
  try {
    sample.value = std::stod(line.substr(space + 1));
  } catch (const std::logic_error&) {
    throw bad();
  }
  const std::string& series = sample.series;
  sample.family = series.substr(0, series.find('{'));
  for (std::size_t at = sample.family.size() + 1; at < series.size() && series[at] != '}';) {
    const std::size_t equals = series.find("=\"", at);
    if (equals == std::string::npos) throw bad();
    std::string value;
    std::size_t end = equals + 2;
    for (; end < series.size() && series[end] != '"'; ++end) {
      if (series[end] == '\\') ++end;
      value += series[end];
    }
    if (end >= series.size()) throw bad();
    sample.labels[series.substr(at, equals - at)] = value;
    at = end + 1;
    if (at < series.size() && series[at] == ',') ++at;
  }
  return sample;
}

}  // namespace

bool Sample::Has(const LabelSet& some) const {
  return std::ranges::all_of(some, [&](const auto& label) { return Label(label.first) == label.second; });
}

std::string Sample::Label(const std::string& name) const {
  const auto at = labels.find(name);
  return at == labels.end() ? "" : at->second;
}

Page::Page(const std::string& text) {
  const std::string type = "# TYPE ";
  const std::string counter = " counter";
  std::set<std::string> seen;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(type) && line.ends_with(counter)) {
      counters_.insert(line.substr(type.size(), line.size() - type.size() - counter.size()));
    }
    if (line.empty() || line.front() == '#') continue;
    Sample sample = ParseSample(line);
    if (!seen.insert(sample.series).second) duplicates_.push_back(sample.series);
    auto& family = samples_[{sample.family, sample.Label("server")}];
    family.push_back(std::move(sample));
  }
}

const std::vector<Sample>& Page::Of(const std::string& family, const std::string& server) const {
  static const std::vector<Sample> none;
  const auto at = samples_.find({family, server});
  return at == samples_.end() ? none : at->second;
}

double Page::Sum(const std::string& family, const std::string& server, const LabelSet& labels) const {
  double sum = 0;
  for (const Sample& sample : Of(family, server)) {
    if (sample.Has(labels)) sum += sample.value;
  }
  return sum;
}

std::optional<double> Page::Value(const std::string& family, const std::string& server, const LabelSet& labels) const {
  std::optional<double> value;
  for (const Sample& sample : Of(family, server)) {
    if (!sample.Has(labels)) continue;
    if (value) return std::nullopt;
    value = sample.value;
  }
  return value;
}

std::optional<Page::Window> Page::Collected(const std::string& server, const std::string& collector) const {
  const LabelSet labels = {{"collector", collector}};
  if (Value("pg_tls_collector_success", server, labels) != 1) return std::nullopt;
  const auto ended = Value("pg_tls_collector_last_success_timestamp_seconds", server, labels);
  const auto took = Value("pg_tls_collector_duration_seconds", server, labels);
  if (!ended || !took) return std::nullopt;
  return Window{.began = *ended - *took, .ended = *ended};
}

std::set<std::string> Page::Own() const {
  std::set<std::string> families;
  for (const auto& [key, samples] : samples_) {
    if (key.second.empty()) families.insert(key.first);
  }
  return families;
}

std::map<std::string, const Sample*> Page::Counters() const {
  std::map<std::string, const Sample*> counters;
  for (const auto& [key, samples] : samples_) {
    if (!counters_.contains(key.first)) continue;
    for (const Sample& sample : samples) counters[sample.series] = &sample;
  }
  return counters;
}

}  // namespace pgtls::bench
