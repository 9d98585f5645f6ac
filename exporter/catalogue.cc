#include "exporter/catalogue.h"

#include <fmt/format.h>

#include "collectors/registry.h"
#include "exporter/exposition/self_metrics.h"
#include "exporter/metrics/process.h"
#include "exporter/sampling/health.h"

namespace pgtls {

std::vector<const metrics::Desc*> Catalogue() {
  std::vector<const metrics::Desc*> all;
  const auto add = [&all](std::span<const metrics::Desc* const> descs) {
    all.insert(all.end(), descs.begin(), descs.end());
  };
  for (const auto* collector : collectors::All()) add(collector->descs);
  add(sampling::HealthDescs());
  add(exposition::ExporterDescs());
  add(metrics::ProcessDescs());
  return all;
}

std::string CatalogueText(bool markdown) {
  std::string text = markdown ? "| metric | type | labels | meaning |\n|---|---|---|---|\n" : "";
  for (const metrics::Desc* desc : Catalogue()) {
    std::string labels;
    for (std::size_t i = 0; i < desc->label_count(); ++i) labels += (i == 0 ? "" : ", ") + std::string(desc->labels[i]);
    const char* type = desc->type == metrics::Type::kCounter ? "counter" : "gauge";
    text += markdown ? fmt::format("| {} | {} | {} | {} |\n", desc->name, type, labels, desc->help)
                     : fmt::format("{}\t{}\t{}\t{}\n", desc->name, type, labels, desc->help);
  }
  return text;
}

}  // namespace pgtls
