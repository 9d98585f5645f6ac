#include "exporter/metrics/sink.h"

#include <fmt/format.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>

#include "exporter/base/text.h"

namespace pgtls::metrics {
namespace {

constexpr std::size_t kMaxLabelBytes = 1024;

}  // namespace

Sink::Sink(std::string server) : server_(std::move(server)) {}

void Sink::Add(const Desc& desc, std::initializer_list<std::string_view> values, double value) {
  AddLabels(desc, std::vector<std::string>(values.begin(), values.end()), value);
}

void Sink::Add(const Desc& desc, const std::vector<std::string>& values, double value) {
  AddLabels(desc, values, value);
}

void Sink::AddLabels(const Desc& desc, std::vector<std::string> labels, double value) {
  if (desc.labels[0] == "server") labels.insert(labels.begin(), server_);
  if (labels.size() != desc.label_count()) {
    throw std::logic_error(
        fmt::format("{}: {} label values for {} labels", desc.name, labels.size(), desc.label_count()));
  }
  for (auto& label : labels) label = Bounded(ValidUtf8(label), kMaxLabelBytes);
  auto family = std::find_if(families_.begin(), families_.end(), [&](const Family& f) { return f.desc == &desc; });
  if (family == families_.end()) family = families_.insert(family, Family{&desc, {}});
  if (!family->samples.emplace(std::move(labels), value).second) {
    throw std::logic_error(fmt::format("{}: the same label set twice", desc.name));
  }
}

std::vector<RenderedFamily> Sink::Render() {
  std::vector<RenderedFamily> rendered;
  const prometheus::TextSerializer serializer;
  for (const auto& [desc, samples] : families_) {
    prometheus::MetricFamily family;
    family.name = desc->name;
    family.type = desc->type == Type::kCounter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge;
    for (const auto& [labels, value] : samples) {
      auto& metric = family.metric.emplace_back();
      for (std::size_t i = 0; i < labels.size(); ++i) metric.label.push_back({std::string(desc->labels[i]), labels[i]});
      (desc->type == Type::kCounter ? metric.counter.value : metric.gauge.value) = value;
    }
    std::ostringstream out;
    serializer.Serialize(out, {family});
    // The serializer writes "# TYPE …" first; the page writes it once for all servers.
    std::string text = std::move(out).str();
    rendered.push_back({desc, text.substr(text.find('\n') + 1), samples.size()});
  }
  families_.clear();
  return rendered;
}

std::string Header(const Desc& desc) {
  return fmt::format("# HELP {} {}\n# TYPE {} {}\n", desc.name, desc.help, desc.name,
                     desc.type == Type::kCounter ? "counter" : "gauge");
}

}  // namespace pgtls::metrics
