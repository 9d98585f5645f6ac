// The one style sheet of the pages for people.
#pragma once

#include <string>

#include "exporter/status/html.h"

namespace pgtls::status {

Markup StyleSheet();

// "'sha256-…'": the one inline style that a Content-Security-Policy has to allow for these pages.
const std::string& StyleHash();

}  // namespace pgtls::status
