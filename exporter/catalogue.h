// Every metric that this program can expose.
#pragma once

#include <string>
#include <vector>

#include "exporter/metrics/desc.h"

namespace pgtls {

// In the page's order.
std::vector<const metrics::Desc*> Catalogue();

// Name, type, labels and help of each: aligned text, or a Markdown table.
std::string CatalogueText(bool markdown);

}  // namespace pgtls
