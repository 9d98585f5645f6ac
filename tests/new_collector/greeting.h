// A collector as CONTRIBUTING.md says how to add one: this pair of files and a line in collectors.def. It exposes the
// length of a greeting, from the configuration.
#pragma once

#include <string>

#include "exporter/sampling/collector.h"

namespace pgtls::collectors {

struct GreetingOptions {
  std::string text = "hello";
  friend bool operator==(const GreetingOptions&, const GreetingOptions&) = default;
};

const sampling::CollectorType& GreetingCollector();

}  // namespace pgtls::collectors
