#include "exporter/metrics/sink.h"

#include <fmt/format.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <set>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "exporter/base/log.h"
#include "exporter/base/text.h"

namespace pgtls::metrics {
namespace {

constexpr std::size_t kMaxLabelBytes = 1024;
constexpr char kEnd = '\0';

bool HasServer(const Desc& desc) { return desc.labels[0] == "server"; }

std::string LabelValue(std::string_view text) {
  std::string valid = ValidUtf8(text);
  // NUL ends a label here. No name in PostgreSQL contains one; a NUL is shown like any other invalid byte.
  for (std::size_t at = valid.find(kEnd); at != std::string::npos; at = valid.find(kEnd, at)) {
    valid.replace(at, 1, "\uFFFDx00");
  }
  return valid.size() > kMaxLabelBytes ? Bounded(valid, kMaxLabelBytes) : valid;
}

// Nearly all values are short ASCII text, and stay unchanged.
bool IsPlain(std::string_view text) {
  return text.size() <= kMaxLabelBytes &&
         std::ranges::all_of(text, [](char c) { return static_cast<signed char>(c) > 0; });
}

// Finds each family's samples in the serializer's text. It writes "# TYPE …" before each family; no other line begins
// with '#'.
std::vector<std::string_view> Split(std::string_view text) {
  std::vector<std::string_view> families;
  while (!text.empty()) {
    text.remove_prefix(text.find('\n') + 1);
    const std::size_t next = text.find("\n#");
    const std::size_t size = next == std::string_view::npos ? text.size() : next + 1;
    families.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return families;
}

// Logs once for each server and family, because a collection repeats its errors. Thread-safe.
void LogRepeated(const std::string& server, std::string_view family, std::string_view labels) {
  static std::mutex mutex;
  static std::set<std::pair<std::string, std::string_view>> logged;
  {
    const std::lock_guard lock(mutex);
    if (!logged.emplace(server, family).second) return;
  }
  std::string example(labels);
  std::ranges::replace(example, kEnd, ' ');
  log::Warn("a label set was produced twice; the first sample is kept",
            {{"server", server}, {"metric", family}, {"labels", example}});
}

}  // namespace

Sink::Sink(std::string_view server) : server_(LabelValue(server)) {}

void Sink::Add(const Desc& desc, std::initializer_list<std::string_view> values, double value) {
  AddLabels(desc, values, value);
}

void Sink::Add(const Desc& desc, const std::vector<std::string>& values, double value) {
  AddLabels(desc, values, value);
}

Sink::Family& Sink::FamilyOf(const Desc& desc) {
  // Samples of one family come one after the other.
  const auto family =
      std::find_if(families_.rbegin(), families_.rend(), [&](const Family& f) { return f.desc == &desc; });
  return family != families_.rend() ? *family : families_.emplace_back(Family{&desc, {}, {}});
}

void Sink::AddLabels(const Desc& desc, const auto& values, double value) {
  const std::size_t given = values.size() + (HasServer(desc) ? 1 : 0);
  if (given != desc.label_count()) {
    throw std::logic_error(fmt::format("{}: {} label values for {} labels", desc.name, given, desc.label_count()));
  }
  Family& family = FamilyOf(desc);
  const std::size_t begin = family.labels.size();
  for (const std::string_view label : values) {
    if (IsPlain(label)) {
      family.labels += label;
    } else {
      family.labels += LabelValue(label);
    }
    family.labels += kEnd;
  }
  family.samples.push_back(
      {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(family.labels.size() - begin), value});
}

void Sink::Order() {
  for (Family& family : families_) {
    const auto labels = [&family](const Sample& sample) { return family.LabelsOf(sample); };
    // `begin` has the order of arrival.
    std::ranges::sort(family.samples, {},
                      [&labels](const Sample& sample) { return std::pair(labels(sample), sample.begin); });
    const auto first = std::ranges::adjacent_find(family.samples, {}, labels);
    if (first == family.samples.end()) continue;
    LogRepeated(server_, family.desc->name, labels(*first));
    const auto repeated = std::ranges::unique(family.samples, {}, labels);
    family.samples.erase(repeated.begin(), repeated.end());
  }
}

Digest Sink::DigestOf() const {
  Digester digester;
  digester.Text(server_);
  for (const Family& family : families_) {
    digester.Text(family.desc->name);
    digester.Number(family.samples.size());
    for (const Sample& sample : family.samples) {
      digester.Number(sample.value);
      digester.Text(family.LabelsOf(sample));
    }
  }
  return digester.Finish();
}

SharedSamples Sink::Render() {
  Order();
  return Write(std::exchange(families_, {}), {});
}

SharedSamples Sink::RenderAfter(const SharedSamples& previous) {
  Order();
  const Digest digest = DigestOf();
  const std::vector<Family> families = std::exchange(families_, {});
  return previous && previous->digest == digest ? previous : Write(families, digest);
}

SharedSamples Sink::Write(const std::vector<Family>& families, const Digest& digest) const {
  std::vector<prometheus::MetricFamily> shown;
  shown.reserve(families.size());
  for (const Family& family : families) {
    const Desc& desc = *family.desc;
    prometheus::MetricFamily& one = shown.emplace_back();
    one.name = desc.name;
    one.type = desc.type == Type::kCounter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge;
    one.metric.reserve(family.samples.size());
    for (const Sample& sample : family.samples) {
      auto& metric = one.metric.emplace_back();
      metric.label.reserve(desc.label_count());
      std::size_t name = 0;
      if (HasServer(desc)) metric.label.push_back({std::string(desc.labels[name++]), server_});
      for (std::string_view rest = family.LabelsOf(sample); !rest.empty();) {
        const std::size_t end = rest.find(kEnd);
        const std::string_view label = desc.labels[name++];
        if (end > 0 || label != desc.optional_label) {
          metric.label.push_back({std::string(label), std::string(rest.substr(0, end))});
        }
        rest.remove_prefix(end + 1);
      }
      (desc.type == Type::kCounter ? metric.counter.value : metric.gauge.value) = sample.value;
    }
  }
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, shown);

  // The page writes "# TYPE …" once for all servers.
  const std::vector<std::string_view> texts = Split(out.view());
  if (texts.size() != families.size()) throw std::logic_error("the serializer wrote another number of families");
  std::size_t bytes = 0;
  for (const std::string_view text : texts) bytes += text.size();
  const auto samples = std::make_shared<Samples>();
  samples->Reserve(bytes, families.size());
  for (std::size_t i = 0; i < families.size(); ++i) {
    samples->Append({families[i].desc, texts[i]});
  }
  samples->digest = digest;
  return samples;
}

std::string Header(const Desc& desc) {
  return fmt::format("# HELP {} {}\n# TYPE {} {}\n", desc.name, desc.help, desc.name,
                     desc.type == Type::kCounter ? "counter" : "gauge");
}

}  // namespace pgtls::metrics
