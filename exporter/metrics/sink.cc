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

bool HasServer(const Desc& desc) { return desc.labels[0] == "server"; }

std::string LabelValue(std::string_view text) {
  std::string valid = ValidUtf8(text);
  return valid.size() > kMaxLabelBytes ? Bounded(valid, kMaxLabelBytes) : valid;
}

}  // namespace

Sink::Sink(std::string_view server) : server_(LabelValue(server)) {}

void Sink::Add(const Desc& desc, std::initializer_list<std::string_view> values, double value) {
  AddLabels(desc, values, value);
}

void Sink::Add(const Desc& desc, const std::vector<std::string>& values, double value) {
  AddLabels(desc, values, value);
}

void Sink::AddLabels(const Desc& desc, const auto& values, double value) {
  const std::size_t given = values.size() + (HasServer(desc) ? 1 : 0);
  if (given != desc.label_count()) {
    throw std::logic_error(fmt::format("{}: {} label values for {} labels", desc.name, given, desc.label_count()));
  }
  std::vector<std::string> labels;
  labels.reserve(values.size());
  for (const std::string_view label : values) labels.push_back(LabelValue(label));
  auto family = std::find_if(families_.begin(), families_.end(), [&](const Family& f) { return f.desc == &desc; });
  if (family == families_.end()) family = families_.insert(family, Family{&desc, {}});
  if (!family->samples.emplace(std::move(labels), value).second) {
    throw std::logic_error(fmt::format("{}: the same label set twice", desc.name));
  }
}

std::vector<RenderedFamily> Sink::Render() {
  std::vector<RenderedFamily> rendered;
  rendered.reserve(families_.size());
  const prometheus::TextSerializer serializer;
  for (auto& [desc, samples] : families_) {
    const std::size_t series = samples.size();
    std::vector<prometheus::MetricFamily> families(1);
    prometheus::MetricFamily& family = families.front();
    family.name = desc->name;
    family.type = desc->type == Type::kCounter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge;
    family.metric.reserve(series);
    while (!samples.empty()) {
      auto sample = samples.extract(samples.begin());
      auto& metric = family.metric.emplace_back();
      metric.label.reserve(desc->label_count());
      std::size_t name = 0;
      if (HasServer(*desc)) metric.label.push_back({std::string(desc->labels[name++]), server_});
      for (std::string& label : sample.key()) {
        metric.label.push_back({std::string(desc->labels[name++]), std::move(label)});
      }
      (desc->type == Type::kCounter ? metric.counter.value : metric.gauge.value) = sample.mapped();
    }
    std::ostringstream out;
    serializer.Serialize(out, families);
    // The serializer writes "# TYPE …" first; the page writes it once for all servers.
    const std::string_view text = out.view();
    rendered.push_back({desc, std::string(text.substr(text.find('\n') + 1)), series});
  }
  families_.clear();
  return rendered;
}

std::string Header(const Desc& desc) {
  return fmt::format("# HELP {} {}\n# TYPE {} {}\n", desc.name, desc.help, desc.name,
                     desc.type == Type::kCounter ? "counter" : "gauge");
}

}  // namespace pgtls::metrics
