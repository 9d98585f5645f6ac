// What `report` prints.
#pragma once

#include <string>

#include "exporter/evidence/evidence.h"

namespace pgtls::evidence {

// For people.
std::string TextDocument(const Evidence& evidence);
// For programs: stable, as report.schema.json beside this file says.
std::string JsonDocument(const Evidence& evidence);
// A page that needs no other file and no script, to read, print and hand in.
std::string HtmlDocument(const Evidence& evidence);

}  // namespace pgtls::evidence
